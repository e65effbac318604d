//! The files that people have handed over.

use chrono::{DateTime, Utc};
use domain::files::stored_file::{Event, FileRefusal, FileStatus, FileVariant, StoredFileId};
use domain::files::{FileKind, FileName, FilePurpose};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `files.stored_files`: one row per file that somebody wanted to hand over, whatever became of it.
pub struct StoredFiles;

/// A file as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoredFileRow {
    /// The file.
    pub file_id: StoredFileId,
    /// What it is called; absent once it is erased.
    pub name: Option<Personal<FileName>>,
    /// What it is for.
    pub purpose: FilePurpose,
    /// Where it stands.
    pub status: FileStatus,
    /// Why it was not taken.
    pub refusal: Option<FileRefusal>,
    /// What it was found to be.
    pub kind: Option<FileKind>,
    /// How long it is: first as announced, then as kept.
    pub size_bytes: i64,
    /// Of a picture.
    pub width: Option<i32>,
    /// Of a picture.
    pub height: Option<i32>,
    /// Whether there is a small picture of it.
    pub has_thumbnail: bool,
    /// Who hands it over.
    pub uploader_id: ActorId,
    /// Whose erasure takes it away.
    pub person_id: ActorId,
    /// What it belongs to.
    pub linked_to: Option<Uuid>,
    /// Until when the upload may begin.
    pub upload_until: DateTime<Utc>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When the server last recorded a change.
    pub updated_at: DateTime<Utc>,
    /// The version of the file's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for StoredFiles {
    type Event = Event;
    type Key = StoredFileId;
    type Row = StoredFileRow;

    const NAME: &'static str = "files.stored_files";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("file_id", ColumnKind::Uuid),
            Column::optional("name", ColumnKind::Personal),
            Column::new("purpose", ColumnKind::Text),
            Column::new("status", ColumnKind::Text),
            Column::optional("refusal", ColumnKind::Text),
            Column::optional("kind", ColumnKind::Text),
            Column::new("size_bytes", ColumnKind::BigInt),
            Column::optional("width", ColumnKind::Integer),
            Column::optional("height", ColumnKind::Integer),
            Column::new("has_thumbnail", ColumnKind::Boolean),
            Column::new("uploader_id", ColumnKind::Uuid),
            Column::new("person_id", ColumnKind::Uuid),
            Column::optional("linked_to", ColumnKind::Uuid),
            Column::new("upload_until", ColumnKind::Timestamp),
            Column::new("created_at", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[
            Index { columns: &["-created_at"] },
            Index { columns: &["uploader_id", "-created_at"] },
            Index { columns: &["status", "-created_at"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<StoredFileId> {
        Keys::One(StoredFileId(event.stream_id))
    }

    fn apply(row: Option<StoredFileRow>, key: &StoredFileId, event: &Recorded<Event>) -> Option<StoredFileRow> {
        let Some(row) = row else { return requested(*key, event) };
        let row = StoredFileRow { updated_at: event.recorded_at, version: event.version, ..row };
        Some(match &event.event {
            Event::Requested { .. } | Event::UrlIssued { .. } => row,
            Event::Uploaded {} => StoredFileRow { status: FileStatus::Uploaded, ..row },
            Event::Verified { kind, size_bytes, width, height, .. } => StoredFileRow {
                status: FileStatus::Verified,
                kind: Some(*kind),
                size_bytes: *size_bytes,
                width: *width,
                height: *height,
                ..row
            },
            Event::DerivativeMade { variant, .. } => {
                StoredFileRow { has_thumbnail: row.has_thumbnail || *variant == FileVariant::Thumbnail, ..row }
            }
            Event::Refused { reason } => StoredFileRow { status: FileStatus::Refused, refusal: Some(*reason), ..row },
            Event::Expired {} => StoredFileRow { status: FileStatus::Expired, ..row },
            Event::Linked { to, .. } => StoredFileRow { linked_to: Some(*to), ..row },
            Event::ErasureRequested { .. } => StoredFileRow { status: FileStatus::Erasing, name: None, ..row },
            Event::Erased {} => StoredFileRow { status: FileStatus::Erased, ..row },
        })
    }
}

fn requested(file_id: StoredFileId, event: &Recorded<Event>) -> Option<StoredFileRow> {
    let Event::Requested { name, purpose, size_bytes, uploader_id, person_id, upload_until, .. } = &event.event else {
        return None;
    };
    Some(StoredFileRow {
        file_id,
        name: Some(name.clone()),
        purpose: *purpose,
        status: FileStatus::Requested,
        refusal: None,
        kind: None,
        size_bytes: *size_bytes,
        width: None,
        height: None,
        has_thumbnail: false,
        uploader_id: *uploader_id,
        person_id: *person_id,
        linked_to: None,
        upload_until: *upload_until,
        created_at: event.occurred_at,
        updated_at: event.recorded_at,
        version: event.version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Event as _;
    use kernel::specs::Story;

    const FILE: StoredFileId = StoredFileId(Uuid::from_u128(0xf11e));
    const ADA: ActorId = ActorId(Uuid::from_u128(0xada));

    fn told(positions: &[usize]) -> StoredFileRow {
        let examples = Event::examples();
        let story =
            positions.iter().fold(Story::new(), |story: Story<Event>, at| story.then(FILE, ADA, examples[*at].clone()));
        story.row::<StoredFiles>(&FILE).unwrap()
    }

    #[test]
    fn a_row_says_what_became_of_a_file() {
        let row = told(&[0, 1, 2, 3, 6, 7]);
        assert_eq!((row.status, row.kind, row.width), (FileStatus::Verified, Some(FileKind::Png), Some(1280)));
        assert!(row.has_thumbnail && row.linked_to.is_some() && row.name.is_some());
        assert_eq!(row.version, Version(6));
        let row = told(&[0, 1, 4]);
        assert_eq!((row.status, row.refusal), (FileStatus::Refused, Some(FileRefusal::Ambiguous)));
        assert_eq!(told(&[0, 5]).status, FileStatus::Expired);
    }

    #[test]
    fn an_erased_file_has_no_name() {
        let row = told(&[0, 1, 2, 8]);
        assert_eq!((row.status, row.name), (FileStatus::Erasing, None));
        assert_eq!(told(&[0, 1, 2, 8, 9]).status, FileStatus::Erased);
    }
}
