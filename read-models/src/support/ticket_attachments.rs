//! The files that are linked to tickets.

use chrono::{DateTime, Utc};
use domain::files::stored_file::{self, StoredFileId};
use domain::files::{FileKind, FileName};
use domain::support::ticket::{self, TicketAttachment, TicketId, TicketMessageId, TicketNoteId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

kernel::event_set! {
    /// What attachments follow from.
    pub enum Told {
        /// That a file is linked.
        Ticket(ticket::Event),
        /// That it is erased.
        File(stored_file::Event),
    }
}

/// `support.ticket_attachments`: one row per file that is linked to a ticket.
///
/// What is linked for agents alone names no customer, and is found by none.
pub struct TicketAttachments;

/// A file on a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketAttachmentRow {
    /// The file.
    pub file_id: StoredFileId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The public message that it belongs to.
    pub message_id: Option<TicketMessageId>,
    /// The internal note that it belongs to.
    pub note_id: Option<TicketNoteId>,
    /// What it is called; absent once it is erased.
    pub name: Option<Personal<FileName>>,
    /// What it is.
    pub kind: FileKind,
    /// How long it is.
    pub size_bytes: i64,
    /// Whether there is a small picture of it.
    pub has_thumbnail: bool,
    /// Whether it can be had; not any more once it is erased.
    pub available: bool,
    /// Whose ticket it is; absent where the customer must not see it.
    pub customer_id: Option<ActorId>,
    /// Who linked it.
    pub attached_by: ActorId,
    /// When.
    pub attached_at: DateTime<Utc>,
}

impl ReadModel for TicketAttachments {
    type Event = Told;
    type Key = StoredFileId;
    type Row = TicketAttachmentRow;

    const NAME: &'static str = "support.ticket_attachments";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("file_id", ColumnKind::Uuid),
            Column::new("ticket_id", ColumnKind::Uuid),
            Column::optional("message_id", ColumnKind::Uuid),
            Column::optional("note_id", ColumnKind::Uuid),
            Column::optional("name", ColumnKind::Personal),
            Column::new("kind", ColumnKind::Text),
            Column::new("size_bytes", ColumnKind::BigInt),
            Column::new("has_thumbnail", ColumnKind::Boolean),
            Column::new("available", ColumnKind::Boolean),
            Column::optional("customer_id", ColumnKind::Uuid),
            Column::new("attached_by", ColumnKind::Uuid),
            Column::new("attached_at", ColumnKind::Timestamp),
        ],
        indexes: &[Index { columns: &["ticket_id", "attached_at"] }],
    };

    fn keys(event: &Recorded<Told>) -> Keys<StoredFileId> {
        match &event.event {
            Told::Ticket(told) => linked(told).map_or(Keys::None, |(attachment, ..)| Keys::One(attachment.file_id)),
            Told::File(told) if ends(told) => Keys::One(StoredFileId(event.stream_id)),
            Told::File(_) => Keys::None,
        }
    }

    fn apply(
        row: Option<TicketAttachmentRow>,
        key: &StoredFileId,
        event: &Recorded<Told>,
    ) -> Option<TicketAttachmentRow> {
        match &event.event {
            Told::File(told) if ends(told) => {
                row.map(|row| TicketAttachmentRow { name: None, available: false, ..row })
            }
            Told::File(_) => row,
            Told::Ticket(told) => {
                let Some((attachment, message_id, note_id, customer_id)) = linked(told) else { return row };
                Some(TicketAttachmentRow {
                    file_id: *key,
                    ticket_id: TicketId(event.stream_id),
                    message_id,
                    note_id,
                    name: Some(attachment.name.clone()),
                    kind: attachment.kind,
                    size_bytes: attachment.size_bytes,
                    has_thumbnail: attachment.has_thumbnail,
                    available: true,
                    customer_id,
                    attached_by: event.actor.id,
                    attached_at: event.occurred_at,
                })
            }
        }
    }
}

type Linked<'a> = (&'a TicketAttachment, Option<TicketMessageId>, Option<TicketNoteId>, Option<ActorId>);

/// The file that an event links, to which message or note, and whose ticket it is where the customer may know.
fn linked(event: &ticket::Event) -> Option<Linked<'_>> {
    match event {
        ticket::Event::AttachmentLinked { attachment, message_id, customer_id } => {
            Some((attachment, *message_id, None, Some(*customer_id)))
        }
        ticket::Event::InternalAttachmentLinked { attachment, note_id } => {
            Some((attachment, None, Some(*note_id), None))
        }
        ticket::Event::Opened { .. }
        | ticket::Event::CustomerReplied { .. }
        | ticket::Event::AgentReplied { .. }
        | ticket::Event::InternalNoteAdded { .. }
        | ticket::Event::Assigned { .. }
        | ticket::Event::Unassigned { .. }
        | ticket::Event::StatusChanged { .. }
        | ticket::Event::PriorityChanged { .. }
        | ticket::Event::CategoryChanged { .. }
        | ticket::Event::SubjectChanged { .. }
        | ticket::Event::Tagged { .. }
        | ticket::Event::Untagged { .. }
        | ticket::Event::ReadUpTo { .. }
        | ticket::Event::CsatSubmitted { .. }
        | ticket::Event::MergedInto { .. }
        | ticket::Event::Unmerged { .. }
        | ticket::Event::Absorbed { .. }
        | ticket::Event::Released { .. }
        | ticket::Event::SlaClockStarted { .. }
        | ticket::Event::SlaClockPaused { .. }
        | ticket::Event::SlaClockResumed { .. }
        | ticket::Event::SlaTargetChanged { .. }
        | ticket::Event::SlaWarned { .. }
        | ticket::Event::SlaBreached { .. }
        | ticket::Event::TimerSet { .. }
        | ticket::Event::Imported { .. }
        | ticket::Event::ImportSettled { .. }
        | ticket::Event::ImportUndone { .. } => None,
    }
}

/// Whether the file cannot be had any more.
const fn ends(event: &stored_file::Event) -> bool {
    match event {
        stored_file::Event::ErasureRequested { .. } | stored_file::Event::Erased {} => true,
        stored_file::Event::Requested { .. }
        | stored_file::Event::Uploaded {}
        | stored_file::Event::Verified { .. }
        | stored_file::Event::DerivativeMade { .. }
        | stored_file::Event::Refused { .. }
        | stored_file::Event::Expired {}
        | stored_file::Event::UrlIssued { .. }
        | stored_file::Event::Linked { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tickets::tests::{ADA, BOB, TICKET, opened};
    use super::*;
    use kernel::Event as _;
    use kernel::specs::Story;

    fn links() -> impl Iterator<Item = ticket::Event> {
        ticket::Event::examples().into_iter().filter(|event| linked(event).is_some())
    }

    #[test]
    fn what_is_for_agents_alone_names_no_customer() {
        let story =
            links().fold(Story::<Told>::new().then(TICKET, ADA, opened()), |story, link| story.then(TICKET, BOB, link));
        let rows = story.rows::<TicketAttachments>();
        assert_eq!(rows.len(), 2);
        for row in rows.values() {
            assert_eq!((row.customer_id.is_none(), row.ticket_id), (row.note_id.is_some(), TICKET));
            assert!(row.available && row.name.is_some());
        }
    }

    #[test]
    fn an_erased_file_leaves_a_row_without_a_name() {
        let link = links().next().unwrap();
        let file_id = linked(&link).unwrap().0.file_id;
        let gone = stored_file::Event::ErasureRequested { reason: stored_file::FileErasure::Asked };
        let story = Story::<Told>::new().then(TICKET, BOB, link).then(file_id, ADA, gone);
        let row = story.row::<TicketAttachments>(&file_id).unwrap();
        assert_eq!((row.available, row.name), (false, None));
        let unknown = Story::<Told>::new().then(file_id, ADA, stored_file::Event::Erased {});
        assert_eq!(unknown.row::<TicketAttachments>(&file_id), None);
    }
}
