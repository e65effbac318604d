//! The tickets: list and detail, for customers and agents.

use super::ticket_due::SlaState;
use chrono::{DateTime, Utc};
use domain::support::ticket::{
    Content, CsatScore, Event, ExternalReference, Subject, Tags, TicketCategory, TicketId, TicketNumber,
    TicketPriority, TicketSide, TicketStatus,
};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.tickets`: one row per ticket.
///
/// Customers read this row, so an internal note leaves no trace in it but `version`. When it is due they may know: it was
/// promised to them.
pub struct Tickets;

/// A ticket as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketRow {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The number in the tenant, 1, 2, 3, … without gaps. Sorts and filters.
    pub number: i64,
    /// The number as people say it: `TKT-00042`.
    pub ticket_number: String,
    /// What it is about, one line.
    pub subject: Personal<Subject>,
    /// The question.
    pub description: Personal<Content>,
    /// Where it stands.
    pub status: TicketStatus,
    /// How soon it needs an answer.
    pub priority: TicketPriority,
    /// What it is about.
    pub category: TicketCategory,
    /// Free keywords, sorted.
    pub tags: Tags,
    /// What it is called where it was imported from.
    pub external_reference: Option<Personal<ExternalReference>>,
    /// Whose ticket it is.
    pub customer_id: ActorId,
    /// The agent who is responsible.
    pub assignee_id: Option<ActorId>,
    /// Since when that agent is responsible.
    pub assigned_at: Option<DateTime<Utc>>,
    /// How many replies the public thread has. The description is not one; internal notes are not counted.
    pub message_count: i32,
    /// The customer's messages that no agent has read.
    pub unread: i32,
    /// How many files are on it, not counting those of internal notes.
    pub attachment_count: i32,
    /// What the customer said of the resolution: 1 to 5.
    pub csat_score: Option<CsatScore>,
    /// The ticket in which it goes on.
    pub merged_into: Option<TicketId>,
    /// When an agent first answered in public. Never changes once set.
    pub first_response_at: Option<DateTime<Utc>>,
    /// When it was resolved; absent again after reopening.
    pub resolved_at: Option<DateTime<Utc>>,
    /// When it was closed; absent again after reopening.
    pub closed_at: Option<DateTime<Utc>>,
    /// When the first answer is due, as the clock ran last.
    pub first_response_due_at: Option<DateTime<Utc>>,
    /// Since when that is known to be soon.
    pub first_response_warned_at: Option<DateTime<Utc>>,
    /// When it was told that it came too late.
    pub first_response_breached_at: Option<DateTime<Utc>>,
    /// When the resolution is due, as the clock ran last.
    pub resolution_due_at: Option<DateTime<Utc>>,
    /// Since when that is known to be soon.
    pub resolution_warned_at: Option<DateTime<Utc>>,
    /// When it was told that it came too late.
    pub resolution_breached_at: Option<DateTime<Utc>>,
    /// When anything is due next. Absent where nothing is promised, or all of it was done. While the clock stands: when it
    /// would be, had it not stopped; it will be later.
    pub due_at: Option<DateTime<Utc>>,
    /// How that stands.
    pub sla_state: Option<SlaState>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When the server last recorded a change that the customer may see.
    pub updated_at: DateTime<Utc>,
    /// The version of the ticket's stream, for `If-Match`. It also counts events that are not shown here, so it
    /// may move while nothing else does.
    pub version: Version,
}

impl ReadModel for Tickets {
    type Event = Event;
    type Key = TicketId;
    type Row = TicketRow;

    const NAME: &'static str = "support.tickets";
    const VERSION: i32 = 5;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("ticket_id", ColumnKind::Uuid),
            Column::new("number", ColumnKind::BigInt),
            Column::new("ticket_number", ColumnKind::Text),
            Column::new("subject", ColumnKind::Personal),
            Column::new("description", ColumnKind::Personal),
            Column::new("status", ColumnKind::Text),
            Column::new("priority", ColumnKind::Text),
            Column::new("category", ColumnKind::Text),
            Column::new("tags", ColumnKind::Json),
            Column::optional("external_reference", ColumnKind::Personal),
            Column::new("customer_id", ColumnKind::Uuid),
            Column::optional("assignee_id", ColumnKind::Uuid),
            Column::optional("assigned_at", ColumnKind::Timestamp),
            Column::new("message_count", ColumnKind::Integer),
            Column::new("unread", ColumnKind::Integer),
            Column::new("attachment_count", ColumnKind::Integer),
            Column::optional("csat_score", ColumnKind::Integer),
            Column::optional("merged_into", ColumnKind::Uuid),
            Column::optional("first_response_at", ColumnKind::Timestamp),
            Column::optional("resolved_at", ColumnKind::Timestamp),
            Column::optional("closed_at", ColumnKind::Timestamp),
            Column::optional("first_response_due_at", ColumnKind::Timestamp),
            Column::optional("first_response_warned_at", ColumnKind::Timestamp),
            Column::optional("first_response_breached_at", ColumnKind::Timestamp),
            Column::optional("resolution_due_at", ColumnKind::Timestamp),
            Column::optional("resolution_warned_at", ColumnKind::Timestamp),
            Column::optional("resolution_breached_at", ColumnKind::Timestamp),
            Column::optional("due_at", ColumnKind::Timestamp),
            Column::optional("sla_state", ColumnKind::Text),
            Column::new("created_at", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[
            Index { columns: &["~subject", "~description"] },
            Index { columns: &["merged_into", "-created_at"] },
            Index { columns: &["-created_at"] },
            Index { columns: &["number"] },
            Index { columns: &["status", "-created_at"] },
            Index { columns: &["category", "-created_at"] },
            Index { columns: &["customer_id", "-created_at"] },
            Index { columns: &["assignee_id", "-created_at"] },
            Index { columns: &["assignee_id", "status", "-created_at"] },
            Index { columns: &["due_at"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<TicketId> {
        Keys::One(TicketId(event.stream_id))
    }

    fn apply(row: Option<TicketRow>, key: &TicketId, event: &Recorded<Event>) -> Option<TicketRow> {
        folded(row, *key, event).map(TicketRow::due_next)
    }
}

fn folded(row: Option<TicketRow>, key: TicketId, event: &Recorded<Event>) -> Option<TicketRow> {
    let at = event.occurred_at;
    match &event.event {
        Event::Opened { .. } => opened(key, event),
        Event::InternalNoteAdded { .. }
        | Event::InternalAttachmentLinked { .. }
        | Event::ReadUpTo { side: TicketSide::Customer, .. } => {
            row.map(|row| TicketRow { version: event.version, ..row })
        }
        Event::ReadUpTo { side: TicketSide::Desk, unread, .. } => {
            row.map(|row| TicketRow { unread: *unread, version: event.version, ..row })
        }
        Event::CustomerReplied { seq, .. } => {
            row.map(|row| TicketRow { message_count: *seq, unread: row.unread + 1, ..row.changed_by(event) })
        }
        Event::AgentReplied { seq, first_response, .. } => row.map(|row| TicketRow {
            message_count: *seq,
            unread: 0,
            first_response_at: if *first_response { Some(at) } else { row.first_response_at },
            ..row.changed_by(event)
        }),
        Event::Assigned { assignee_id, .. } => {
            row.map(|row| TicketRow { assignee_id: Some(*assignee_id), assigned_at: Some(at), ..row.changed_by(event) })
        }
        Event::Unassigned { .. } => {
            row.map(|row| TicketRow { assignee_id: None, assigned_at: None, ..row.changed_by(event) })
        }
        Event::StatusChanged { to, .. } => row.map(|row| row.changed_by(event).moved(*to, at)),
        Event::PriorityChanged { to, .. } => row.map(|row| TicketRow { priority: *to, ..row.changed_by(event) }),
        Event::CategoryChanged { to, .. } => row.map(|row| TicketRow { category: *to, ..row.changed_by(event) }),
        Event::SubjectChanged { subject, .. } => {
            row.map(|row| TicketRow { subject: subject.clone(), ..row.changed_by(event) })
        }
        Event::Tagged { tags, .. } | Event::Untagged { tags, .. } => {
            row.map(|row| TicketRow { tags: tags.clone(), ..row.changed_by(event) })
        }
        Event::CsatSubmitted { score, .. } => {
            row.map(|row| TicketRow { csat_score: Some(*score), ..row.changed_by(event) })
        }
        Event::MergedInto { into, .. } => {
            row.map(|row| TicketRow { merged_into: Some(*into), ..row.changed_by(event) })
        }
        Event::Unmerged { .. } => row.map(|row| TicketRow { merged_into: None, ..row.changed_by(event) }),
        Event::AttachmentLinked { .. } => {
            row.map(|row| TicketRow { attachment_count: row.attachment_count + 1, ..row.changed_by(event) })
        }
        Event::Absorbed { .. } | Event::Released { .. } => row.map(|row| row.changed_by(event)),
        Event::SlaClockStarted { due, .. }
        | Event::SlaClockResumed { due, .. }
        | Event::SlaTargetChanged { due, .. } => {
            row.map(|row| TicketRow { version: event.version, ..row.due_from_now(*due) })
        }
        Event::SlaWarned { goal, .. } => row.map(|row| TicketRow { version: event.version, ..row.warned(*goal, at) }),
        Event::SlaBreached { goal, .. } => {
            row.map(|row| TicketRow { version: event.version, ..row.breached(*goal, at) })
        }
        Event::Imported { reference, .. } => {
            row.map(|row| TicketRow { external_reference: reference.clone(), ..row.changed_by(event) })
        }
        Event::ImportUndone { .. } => None,
        Event::SlaClockPaused { .. } | Event::TimerSet { .. } | Event::ImportSettled { .. } => {
            row.map(|row| TicketRow { version: event.version, ..row })
        }
    }
}

fn opened(ticket_id: TicketId, event: &Recorded<Event>) -> Option<TicketRow> {
    let Event::Opened { subject, description, priority, category, tags, customer_id } = &event.event else {
        return None;
    };
    // The log gives every opened ticket a number; only a story told without one shows 0.
    let number = event.number.unwrap_or_default();
    Some(TicketRow {
        ticket_id,
        number,
        ticket_number: TicketNumber(number).to_string(),
        subject: subject.clone(),
        description: description.clone(),
        status: TicketStatus::Open,
        priority: *priority,
        category: *category,
        tags: tags.clone(),
        external_reference: None,
        customer_id: *customer_id,
        assignee_id: None,
        assigned_at: None,
        message_count: 0,
        unread: 0,
        attachment_count: 0,
        csat_score: None,
        merged_into: None,
        first_response_at: None,
        resolved_at: None,
        closed_at: None,
        first_response_due_at: None,
        first_response_warned_at: None,
        first_response_breached_at: None,
        resolution_due_at: None,
        resolution_warned_at: None,
        resolution_breached_at: None,
        due_at: None,
        sla_state: None,
        created_at: event.occurred_at,
        updated_at: event.recorded_at,
        version: event.version,
    })
}

impl TicketRow {
    fn changed_by(self, event: &Recorded<Event>) -> Self {
        Self { updated_at: event.recorded_at, version: event.version, ..self }
    }

    fn moved(self, to: TicketStatus, at: DateTime<Utc>) -> Self {
        let (resolved_at, closed_at) = match to {
            TicketStatus::Resolved => (Some(at), None),
            TicketStatus::Closed => (self.resolved_at, Some(at)),
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer | TicketStatus::Cancelled => {
                (None, None)
            }
        };
        let csat_score = self.csat_score.filter(|_| matches!(to, TicketStatus::Resolved | TicketStatus::Closed));
        Self { status: to, resolved_at, closed_at, csat_score, ..self }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use TicketStatus::{Closed, InProgress, Open, Resolved};
    use chrono::TimeDelta;
    use domain::support::ticket::{TicketMessageId, TicketNoteId};
    use kernel::specs::{Story, noon};
    use uuid::Uuid;

    pub(crate) const ADA: ActorId = ActorId(Uuid::from_u128(0xada));
    pub(crate) const BOB: ActorId = ActorId(Uuid::from_u128(0xb0b));
    pub(crate) const TICKET: TicketId = TicketId(Uuid::from_u128(0x71c));

    fn text(text: &str) -> Personal<Content> {
        Personal::new(ADA, Content::parse(text).unwrap())
    }

    pub(crate) fn opened() -> Event {
        Event::Opened {
            subject: Personal::new(ADA, Subject::parse("Printer on fire").unwrap()),
            description: text("It burns."),
            priority: TicketPriority::High,
            category: TicketCategory::Bug,
            tags: Tags::parse(["printer"]).unwrap(),
            customer_id: ADA,
        }
    }

    pub(crate) fn customer_replied(seq: i32) -> Event {
        Event::CustomerReplied {
            message_id: TicketMessageId(Uuid::from_u128(100)),
            seq,
            content: text("Still burning"),
            customer_id: ADA,
            assignee_id: Some(BOB),
        }
    }

    pub(crate) fn agent_replied(seq: i32, first_response: bool) -> Event {
        let message_id = TicketMessageId(Uuid::from_u128(200));
        Event::AgentReplied { message_id, seq, content: text("Use water"), customer_id: ADA, first_response }
    }

    pub(crate) fn note() -> Event {
        Event::InternalNoteAdded {
            note_id: TicketNoteId(Uuid::from_u128(300)),
            content: text("SECRET"),
            assignee_id: None,
        }
    }

    fn assigned() -> Event {
        Event::Assigned { assignee_id: BOB, previous_assignee_id: None, customer_id: ADA, status: Open }
    }

    fn moved(from: TicketStatus, to: TicketStatus) -> Event {
        Event::StatusChanged { from, to, reason: None, customer_id: ADA, assignee_id: Some(BOB), reopen_until: None }
    }

    fn minute(n: i64) -> DateTime<Utc> {
        noon() + TimeDelta::minutes(n)
    }

    fn story() -> Story<Event> {
        Story::new().then_numbered(TICKET, ADA, Some(42), opened())
    }

    fn row(story: &Story<Event>) -> TicketRow {
        story.row::<Tickets>(&TICKET).unwrap()
    }

    #[test]
    fn an_opened_ticket_shows_its_number_and_is_open() {
        let row = row(&story());
        assert_eq!((row.number, row.ticket_number.as_str(), row.status), (42, "TKT-00042", Open));
        assert_eq!((row.customer_id, row.assignee_id, row.message_count), (ADA, None, 0));
        assert_eq!((row.created_at, row.updated_at, row.version), (minute(1), minute(1), Version(1)));
    }

    #[test]
    fn the_first_response_is_the_first_public_answer_of_an_agent() {
        let story = story()
            .then(TICKET, ADA, customer_replied(1))
            .then(TICKET, BOB, agent_replied(2, true))
            .then(TICKET, BOB, moved(Open, InProgress))
            .then(TICKET, BOB, agent_replied(3, false));
        let row = row(&story);
        assert_eq!((row.message_count, row.first_response_at, row.status), (3, Some(minute(3)), InProgress));
        assert_eq!((row.updated_at, row.version), (minute(5), Version(5)));
    }

    #[test]
    fn the_assignee_comes_and_goes() {
        let assigned_story = story().then(TICKET, BOB, assigned()).then(TICKET, BOB, moved(Open, InProgress));
        let taken = row(&assigned_story);
        assert_eq!((taken.assignee_id, taken.assigned_at, taken.status), (Some(BOB), Some(minute(2)), InProgress));
        let unassigned = Event::Unassigned { previous_assignee_id: BOB, customer_id: ADA, status: InProgress };
        let free = row(&assigned_story.then(TICKET, BOB, unassigned));
        assert_eq!((free.assignee_id, free.assigned_at, free.status), (None, None, InProgress));
    }

    #[test]
    fn resolving_and_closing_leave_their_times_until_reopened() {
        let closed = story().then(TICKET, BOB, moved(Open, Resolved)).then(TICKET, ADA, moved(Resolved, Closed));
        let over = row(&closed);
        assert_eq!((over.status, over.resolved_at, over.closed_at), (Closed, Some(minute(2)), Some(minute(3))));
        let again = row(&closed.then(TICKET, ADA, moved(Closed, Open)));
        assert_eq!((again.status, again.resolved_at, again.closed_at), (Open, None, None));
    }

    #[test]
    fn an_internal_note_leaves_no_trace_but_the_version() {
        let before = story().then(TICKET, ADA, customer_replied(1));
        let (shown, noted) = (row(&before), row(&before.then(TICKET, BOB, note())));
        assert_eq!(noted.version, Version(3));
        assert_eq!(TicketRow { version: shown.version, ..noted }, shown);
    }

    #[test]
    fn tickets_do_not_mix() {
        let other = TicketId(Uuid::from_u128(0x71d));
        let story = story().then_numbered(other, BOB, Some(43), opened()).then(other, ADA, customer_replied(1));
        assert_eq!(story.rows::<Tickets>().len(), 2);
        assert_eq!(row(&story).message_count, 0);
    }

    #[test]
    fn every_example_event_can_be_shown() {
        let story = <Event as kernel::Event>::examples()
            .into_iter()
            .filter(|event| !matches!(event, Event::ImportUndone { .. }))
            .fold(Story::new(), |story: Story<Event>, event| story.then(TICKET, BOB, event));
        assert_eq!(row(&story).version, Version(29));
    }
}
