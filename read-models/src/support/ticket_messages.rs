//! The public thread of a ticket, for customers and agents.

use chrono::{DateTime, Utc};
use domain::support::ticket::{Content, Event, TicketId, TicketMessageId, TicketMessageType};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.ticket_messages`: one row per public reply. The description is on the ticket; internal notes are in a
/// table of their own.
pub struct TicketMessages;

/// A public reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketMessageRow {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Place in the thread: 1, 2, 3, … without gaps.
    pub seq: i32,
    /// The message.
    pub message_id: TicketMessageId,
    /// Whether the customer or an agent speaks.
    pub message_type: TicketMessageType,
    /// Who wrote.
    pub author_id: ActorId,
    /// Whose ticket it is: customers see their own threads only.
    pub customer_id: ActorId,
    /// What was written, as typed.
    pub content: Personal<Content>,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

impl ReadModel for TicketMessages {
    type Event = Event;
    type Key = (TicketId, i32);
    type Row = TicketMessageRow;

    const NAME: &'static str = "support.ticket_messages";
    const VERSION: i32 = 3;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("ticket_id", ColumnKind::Uuid),
            Column::new("seq", ColumnKind::Integer),
            Column::new("message_id", ColumnKind::Uuid),
            Column::new("message_type", ColumnKind::Text),
            Column::new("author_id", ColumnKind::Uuid),
            Column::new("customer_id", ColumnKind::Uuid),
            Column::new("content", ColumnKind::Personal),
            Column::new("created_at", ColumnKind::Timestamp),
        ],
        indexes: &[Index { columns: &["~content"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<(TicketId, i32)> {
        let ticket_id = TicketId(event.stream_id);
        if let Event::ImportUndone { message_count, .. } = &event.event {
            return Keys::Many((1..=*message_count).map(|seq| (ticket_id, seq)).collect());
        }
        reply(&event.event).map_or(Keys::None, |reply| Keys::One((ticket_id, reply.seq)))
    }

    fn apply(
        row: Option<TicketMessageRow>,
        key: &(TicketId, i32),
        event: &Recorded<Event>,
    ) -> Option<TicketMessageRow> {
        if matches!(event.event, Event::ImportUndone { .. }) {
            return None;
        }
        let Some(reply) = reply(&event.event) else { return row };
        Some(TicketMessageRow {
            ticket_id: key.0,
            seq: key.1,
            message_id: reply.message_id,
            message_type: reply.message_type,
            author_id: reply.author_id.unwrap_or(event.actor.id),
            customer_id: reply.customer_id,
            content: reply.content.clone(),
            created_at: event.occurred_at,
        })
    }
}

/// What an event tells of a public reply.
struct Reply<'a> {
    seq: i32,
    message_id: TicketMessageId,
    message_type: TicketMessageType,
    /// Who wrote, where it is not whoever told it.
    author_id: Option<ActorId>,
    customer_id: ActorId,
    content: &'a Personal<Content>,
}

fn reply(event: &Event) -> Option<Reply<'_>> {
    match event {
        Event::CustomerReplied { seq, message_id, customer_id, content, .. } => Some(Reply {
            seq: *seq,
            message_id: *message_id,
            message_type: TicketMessageType::User,
            // An import tells what customers wrote elsewhere.
            author_id: Some(*customer_id),
            customer_id: *customer_id,
            content,
        }),
        Event::AgentReplied { seq, message_id, customer_id, content, .. } => Some(Reply {
            seq: *seq,
            message_id: *message_id,
            message_type: TicketMessageType::Agent,
            author_id: None,
            customer_id: *customer_id,
            content,
        }),
        Event::Opened { .. }
        | Event::InternalNoteAdded { .. }
        | Event::AttachmentLinked { .. }
        | Event::InternalAttachmentLinked { .. }
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

    fn story() -> Story<Event> {
        Story::new().then(TICKET, ADA, opened()).then(TICKET, BOB, note()).then(TICKET, ADA, customer_replied(1)).then(
            TICKET,
            BOB,
            agent_replied(2, true),
        )
    }

    #[test]
    fn customer_and_agent_take_turns() {
        let (question, answer) =
            (story().row::<TicketMessages>(&(TICKET, 1)), story().row::<TicketMessages>(&(TICKET, 2)));
        let (question, answer) = (question.unwrap(), answer.unwrap());
        assert_eq!((question.message_type, question.author_id), (TicketMessageType::User, ADA));
        assert_eq!((answer.message_type, answer.author_id, answer.customer_id), (TicketMessageType::Agent, BOB, ADA));
    }

    #[test]
    fn an_internal_note_is_nowhere_in_the_thread() {
        let rows = story().rows::<TicketMessages>();
        assert_eq!(rows.len(), 2);
        assert!(rows.values().all(|row| row.content.fresh().is_some_and(|content| content.as_str() != "SECRET")));
    }
}
