//! The imports of a tenant, and how far they have come.

use chrono::{DateTime, Utc};
use domain::files::Checksum;
use domain::support::import::{Event, ImportId, ImportKind, ImportStatus, ImportedFileName};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.imports`: one row per import.
pub struct Imports;

/// An import as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportRow {
    /// The import.
    pub import_id: ImportId,
    /// What is in its file.
    pub kind: ImportKind,
    /// What the file is called.
    pub file_name: Option<Personal<ImportedFileName>>,
    /// What its bytes come to.
    #[schema(value_type = String)]
    pub sha256: Checksum,
    /// Where it stands.
    pub status: ImportStatus,
    /// How many rows the file has.
    pub row_count: i32,
    /// How many of them have an outcome.
    pub done_count: i32,
    /// How many made something.
    pub accepted_count: i32,
    /// How many made nothing.
    pub refused_count: i32,
    /// What was made by how many was undone.
    pub undone_count: i32,
    /// What was made by how many was left, since somebody had worked on it.
    pub left_count: i32,
    /// Who sent the file.
    pub imported_by: ActorId,
    /// Who had it rolled back.
    pub rolled_back_by: Option<ActorId>,
    /// When it was begun.
    pub begun_at: DateTime<Utc>,
    /// When anything of it was last recorded.
    pub updated_at: DateTime<Utc>,
    /// The version of the import's stream.
    pub version: Version,
}

impl ReadModel for Imports {
    type Event = Event;
    type Key = ImportId;
    type Row = ImportRow;

    const NAME: &'static str = "support.imports";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("import_id", ColumnKind::Uuid),
            Column::new("kind", ColumnKind::Text),
            Column::optional("file_name", ColumnKind::Personal),
            Column::new("sha256", ColumnKind::Text),
            Column::new("status", ColumnKind::Text),
            Column::new("row_count", ColumnKind::Integer),
            Column::new("done_count", ColumnKind::Integer),
            Column::new("accepted_count", ColumnKind::Integer),
            Column::new("refused_count", ColumnKind::Integer),
            Column::new("undone_count", ColumnKind::Integer),
            Column::new("left_count", ColumnKind::Integer),
            Column::new("imported_by", ColumnKind::Uuid),
            Column::optional("rolled_back_by", ColumnKind::Uuid),
            Column::new("begun_at", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["-begun_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<ImportId> {
        Keys::One(ImportId(event.stream_id))
    }

    fn apply(row: Option<ImportRow>, key: &ImportId, event: &Recorded<Event>) -> Option<ImportRow> {
        let row = row.map(|row| ImportRow { updated_at: event.recorded_at, version: event.version, ..row });
        match &event.event {
            Event::Begun { kind, file_name, sha256, rows } => Some(ImportRow {
                import_id: *key,
                kind: *kind,
                file_name: file_name.clone(),
                sha256: sha256.clone(),
                status: ImportStatus::Running,
                row_count: *rows,
                done_count: 0,
                accepted_count: 0,
                refused_count: 0,
                undone_count: 0,
                left_count: 0,
                imported_by: event.actor.id,
                rolled_back_by: None,
                begun_at: event.occurred_at,
                updated_at: event.recorded_at,
                version: event.version,
            }),
            Event::RowsRecorded { rows } => row.map(|row| {
                let accepted = count(rows, |outcome| outcome.made_id.is_some());
                let all = count(rows, |_| true);
                ImportRow {
                    done_count: row.done_count + all,
                    accepted_count: row.accepted_count + accepted,
                    refused_count: row.refused_count + all - accepted,
                    ..row
                }
            }),
            Event::Completed { .. } => row.map(|row| ImportRow { status: ImportStatus::Completed, ..row }),
            Event::RollbackBegun {} => row.map(|row| ImportRow {
                status: ImportStatus::RollingBack,
                rolled_back_by: Some(event.actor.id),
                ..row
            }),
            Event::RowsUndone { rows, .. } => row.map(|row| {
                let undone = count(rows, |outcome| outcome.undone);
                let left = count(rows, |outcome| !outcome.undone);
                ImportRow { undone_count: row.undone_count + undone, left_count: row.left_count + left, ..row }
            }),
            Event::RolledBack { .. } => row.map(|row| ImportRow { status: ImportStatus::RolledBack, ..row }),
        }
    }
}

fn count<T>(rows: &[T], which: impl Fn(&T) -> bool) -> i32 {
    i32::try_from(rows.iter().filter(|row| which(row)).count()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Event as _;
    use kernel::specs::Story;
    use uuid::Uuid;

    const IMPORT: ImportId = ImportId(Uuid::from_u128(0x1111));
    const OLIVIA: ActorId = ActorId(Uuid::from_u128(0x0111));

    #[test]
    fn an_import_shows_how_far_it_has_come() {
        let after = |events: usize| {
            let events = Event::examples().into_iter().take(events);
            let story = events.fold(Story::<Event>::new(), |story, event| story.then(IMPORT, OLIVIA, event));
            let row = story.row::<Imports>(&IMPORT).unwrap();
            let counts = (row.done_count, row.accepted_count, row.refused_count, row.undone_count, row.left_count);
            (row.status, counts)
        };
        assert_eq!(after(1), (ImportStatus::Running, (0, 0, 0, 0, 0)));
        assert_eq!(after(2), (ImportStatus::Running, (2, 1, 1, 0, 0)));
        assert_eq!(after(3), (ImportStatus::Completed, (2, 1, 1, 0, 0)));
        assert_eq!(after(4), (ImportStatus::RollingBack, (2, 1, 1, 0, 0)));
        assert_eq!(after(6), (ImportStatus::RolledBack, (2, 1, 1, 1, 0)));
    }
}
