//! The tickets as their customers see them: a table of its own, in which nothing internal ever is.

use chrono::{DateTime, Utc};
use domain::support::ticket::{
    CsatScore, Event, Subject, TicketCategory, TicketId, TicketNumber, TicketPriority, TicketSide, TicketStatus,
};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.customer_tickets`: one row per ticket, as its customer sees it. Internal notes, tags, and what agents have read
/// leave no trace here.
pub struct CustomerTickets;

/// A ticket as its customer sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CustomerTicketRow {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its number in the tenant, without gaps.
    pub number: i64,
    /// The number as people say it: `TKT-00042`.
    pub ticket_number: String,
    /// What it is about, one line.
    pub subject: Personal<Subject>,
    /// Where it stands.
    pub status: TicketStatus,
    /// How soon it needs an answer.
    pub priority: TicketPriority,
    /// What it is about.
    pub category: TicketCategory,
    /// Whose ticket it is.
    pub customer_id: ActorId,
    /// Who is responsible.
    pub assignee_id: Option<ActorId>,
    /// Public messages so far.
    pub message_count: i32,
    /// Answers that the customer has not read.
    pub unread: i32,
    /// What the customer said of the resolution.
    pub csat_score: Option<CsatScore>,
    /// The ticket in which it goes on.
    pub merged_into: Option<TicketId>,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When anything that the customer sees was last recorded.
    pub updated_at: DateTime<Utc>,
}

impl ReadModel for CustomerTickets {
    type Event = Event;
    type Key = TicketId;
    type Row = CustomerTicketRow;

    const NAME: &'static str = "support.customer_tickets";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("ticket_id", ColumnKind::Uuid),
            Column::new("number", ColumnKind::BigInt),
            Column::new("ticket_number", ColumnKind::Text),
            Column::new("subject", ColumnKind::Personal),
            Column::new("status", ColumnKind::Text),
            Column::new("priority", ColumnKind::Text),
            Column::new("category", ColumnKind::Text),
            Column::new("customer_id", ColumnKind::Uuid),
            Column::optional("assignee_id", ColumnKind::Uuid),
            Column::new("message_count", ColumnKind::Integer),
            Column::new("unread", ColumnKind::Integer),
            Column::optional("csat_score", ColumnKind::Integer),
            Column::optional("merged_into", ColumnKind::Uuid),
            Column::optional("resolved_at", ColumnKind::Timestamp),
            Column::optional("closed_at", ColumnKind::Timestamp),
            Column::new("created_at", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
        ],
        indexes: &[
            Index { columns: &["customer_id", "-updated_at"] },
            Index { columns: &["customer_id", "-created_at"] },
            Index { columns: &["number"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<TicketId> {
        match &event.event {
            Event::InternalNoteAdded { .. }
            | Event::InternalAttachmentLinked { .. }
            | Event::Tagged { .. }
            | Event::Untagged { .. }
            | Event::Absorbed { .. }
            | Event::Released { .. }
            | Event::ReadUpTo { side: TicketSide::Desk, .. }
            | Event::SlaClockStarted { .. }
            | Event::SlaClockPaused { .. }
            | Event::SlaClockResumed { .. }
            | Event::SlaTargetChanged { .. }
            | Event::SlaWarned { .. }
            | Event::SlaBreached { .. }
            | Event::TimerSet { .. }
            | Event::Imported { .. }
            | Event::ImportSettled { .. } => Keys::None,
            Event::Opened { .. }
            | Event::CustomerReplied { .. }
            | Event::AgentReplied { .. }
            | Event::Assigned { .. }
            | Event::Unassigned { .. }
            | Event::StatusChanged { .. }
            | Event::PriorityChanged { .. }
            | Event::CategoryChanged { .. }
            | Event::SubjectChanged { .. }
            | Event::ReadUpTo { side: TicketSide::Customer, .. }
            | Event::CsatSubmitted { .. }
            | Event::MergedInto { .. }
            | Event::Unmerged { .. }
            | Event::AttachmentLinked { .. }
            | Event::ImportUndone { .. } => Keys::One(TicketId(event.stream_id)),
        }
    }

    fn apply(row: Option<CustomerTicketRow>, key: &TicketId, event: &Recorded<Event>) -> Option<CustomerTicketRow> {
        if matches!(event.event, Event::ImportUndone { .. }) {
            return None;
        }
        let Some(row) = row else { return opened(*key, event) };
        Some(row.after(&event.event, event))
    }
}

fn opened(ticket_id: TicketId, event: &Recorded<Event>) -> Option<CustomerTicketRow> {
    let Event::Opened { subject, priority, category, customer_id, .. } = &event.event else { return None };
    let number = event.number.unwrap_or_default();
    Some(CustomerTicketRow {
        ticket_id,
        number,
        ticket_number: TicketNumber(number).to_string(),
        subject: subject.clone(),
        status: TicketStatus::Open,
        priority: *priority,
        category: *category,
        customer_id: *customer_id,
        assignee_id: None,
        message_count: 0,
        unread: 0,
        csat_score: None,
        merged_into: None,
        resolved_at: None,
        closed_at: None,
        created_at: event.occurred_at,
        updated_at: event.recorded_at,
    })
}

impl CustomerTicketRow {
    fn after(self, told: &Event, event: &Recorded<Event>) -> Self {
        let touched = Self { updated_at: event.recorded_at, ..self };
        match told {
            Event::CustomerReplied { seq, .. } => Self { message_count: *seq, unread: 0, ..touched },
            Event::AgentReplied { seq, .. } => Self { message_count: *seq, unread: touched.unread + 1, ..touched },
            Event::Assigned { assignee_id, .. } => Self { assignee_id: Some(*assignee_id), ..touched },
            Event::Unassigned { .. } => Self { assignee_id: None, ..touched },
            Event::StatusChanged { to, .. } => touched.moved(*to, event.occurred_at),
            Event::PriorityChanged { to, .. } => Self { priority: *to, ..touched },
            Event::CategoryChanged { to, .. } => Self { category: *to, ..touched },
            Event::SubjectChanged { subject, .. } => Self { subject: subject.clone(), ..touched },
            Event::ReadUpTo { unread, .. } => Self { unread: *unread, ..touched },
            Event::CsatSubmitted { score, .. } => Self { csat_score: Some(*score), ..touched },
            Event::MergedInto { into, .. } => Self { merged_into: Some(*into), ..touched },
            Event::Unmerged { .. } => Self { merged_into: None, ..touched },
            Event::Opened { .. }
            | Event::InternalNoteAdded { .. }
            | Event::Tagged { .. }
            | Event::Untagged { .. }
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
            | Event::ImportUndone { .. } => touched,
        }
    }

    fn moved(self, status: TicketStatus, at: DateTime<Utc>) -> Self {
        match status {
            TicketStatus::Resolved => Self { status, resolved_at: Some(at), closed_at: None, ..self },
            TicketStatus::Closed => Self { status, closed_at: Some(at), ..self },
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer | TicketStatus::Cancelled => {
                Self { status, resolved_at: None, closed_at: None, csat_score: None, ..self }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tickets::tests::{ADA, BOB, TICKET, agent_replied, customer_replied, note, opened};
    use super::*;
    use domain::support::ticket::Tags;
    use kernel::specs::Story;

    fn row(story: &Story<Event>) -> CustomerTicketRow {
        story.row::<CustomerTickets>(&TICKET).unwrap()
    }

    #[test]
    fn nothing_internal_leaves_a_trace() {
        let before =
            Story::new().then_numbered(TICKET, ADA, Some(42), opened()).then(TICKET, BOB, agent_replied(1, true));
        let tags = Tags::parse(["rude"]).unwrap();
        let after = Story::new()
            .then_numbered(TICKET, ADA, Some(42), opened())
            .then(TICKET, BOB, agent_replied(1, true))
            .then(TICKET, BOB, note())
            .then(TICKET, BOB, Event::Tagged { added: tags.clone(), tags, customer_id: ADA })
            .then(TICKET, BOB, Event::ReadUpTo { side: TicketSide::Desk, seq: 1, unread: 0, customer_id: ADA });
        assert_eq!(row(&before), row(&after));
    }

    #[test]
    fn unread_counts_the_answers_since_the_customer_last_read_or_wrote() {
        let story = Story::new()
            .then_numbered(TICKET, ADA, Some(42), opened())
            .then(TICKET, BOB, agent_replied(1, true))
            .then(TICKET, BOB, agent_replied(2, false));
        assert_eq!(row(&story).unread, 2);
        let read = story.then(
            TICKET,
            ADA,
            Event::ReadUpTo { side: TicketSide::Customer, seq: 1, unread: 1, customer_id: ADA },
        );
        assert_eq!(row(&read).unread, 1);
        assert_eq!(row(&read.then(TICKET, ADA, customer_replied(3))).unread, 0);
    }
}
