//! The internal notes of a ticket, for agents only.

use chrono::{DateTime, Utc};
use domain::support::ticket::{Content, Event, TicketId, TicketNoteId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.ticket_notes`: one row per internal note. No query that a customer may ask reads this table.
pub struct TicketNotes;

/// What an agent wrote for colleagues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketNoteRow {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The note.
    pub note_id: TicketNoteId,
    /// The agent who wrote.
    pub author_id: ActorId,
    /// What was written, as typed.
    pub content: Personal<Content>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// Place in the ticket's stream; orders the notes.
    pub version: Version,
}

impl ReadModel for TicketNotes {
    type Event = Event;
    type Key = (TicketId, TicketNoteId);
    type Row = TicketNoteRow;

    const NAME: &'static str = "support.ticket_notes";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("ticket_id", ColumnKind::Uuid),
            Column::new("note_id", ColumnKind::Uuid),
            Column::new("author_id", ColumnKind::Uuid),
            Column::new("content", ColumnKind::Personal),
            Column::new("created_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["ticket_id", "version"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<(TicketId, TicketNoteId)> {
        note(&event.event).map_or(Keys::None, |(note_id, _)| Keys::One((TicketId(event.stream_id), note_id)))
    }

    fn apply(
        row: Option<TicketNoteRow>,
        key: &(TicketId, TicketNoteId),
        event: &Recorded<Event>,
    ) -> Option<TicketNoteRow> {
        let Some((_, content)) = note(&event.event) else { return row };
        Some(TicketNoteRow {
            ticket_id: key.0,
            note_id: key.1,
            author_id: event.actor.id,
            content: content.clone(),
            created_at: event.occurred_at,
            version: event.version,
        })
    }
}

/// The note that an event tells of.
fn note(event: &Event) -> Option<(TicketNoteId, &Personal<Content>)> {
    match event {
        Event::InternalNoteAdded { note_id, content, .. } => Some((*note_id, content)),
        Event::Opened { .. }
        | Event::CustomerReplied { .. }
        | Event::AgentReplied { .. }
        | Event::Assigned { .. }
        | Event::Unassigned { .. }
        | Event::StatusChanged { .. }
        | Event::PriorityChanged { .. }
        | Event::CategoryChanged { .. }
        | Event::SubjectChanged { .. }
        | Event::Tagged { .. }
        | Event::Untagged { .. }
        | Event::ReadUpTo { .. }
        | Event::CsatSubmitted { .. }
        | Event::MergedInto { .. }
        | Event::Unmerged { .. }
        | Event::Absorbed { .. }
        | Event::Released { .. }
        | Event::SlaClockStarted { .. }
        | Event::SlaClockPaused { .. }
        | Event::SlaClockResumed { .. }
        | Event::SlaTargetChanged { .. }
        | Event::SlaWarned { .. }
        | Event::SlaBreached { .. }
        | Event::TimerSet { .. }
        | Event::AttachmentLinked { .. }
        | Event::InternalAttachmentLinked { .. }
        | Event::Imported { .. }
        | Event::ImportSettled { .. }
        | Event::ImportUndone { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tickets::tests::{ADA, BOB, TICKET, agent_replied, customer_replied, note, opened};
    use super::*;
    use kernel::specs::Story;

    #[test]
    fn notes_are_kept_apart_from_replies() {
        let story = Story::<Event>::new()
            .then(TICKET, ADA, opened())
            .then(TICKET, ADA, customer_replied(1))
            .then(TICKET, BOB, note())
            .then(TICKET, BOB, agent_replied(2, true));
        let rows: Vec<TicketNoteRow> = story.rows::<TicketNotes>().into_values().collect();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].ticket_id, rows[0].author_id, rows[0].version), (TICKET, BOB, Version(3)));
        assert_eq!(rows[0].content.fresh().map(Content::as_str), Some("SECRET"));
    }
}
