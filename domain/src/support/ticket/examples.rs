//! One example of every event of a ticket, for the catalogue and the golden files.

use super::{
    Content, CsatScore, Event, ExternalReference, Reason, Subject, Tags, TicketAttachment, TicketCategory, TicketId,
    TicketMessageId, TicketNoteId, TicketPriority, TicketSide, TicketStatus,
};
use crate::files::stored_file::StoredFileId;
use crate::files::{FileKind, FileName};
use crate::support::import::ImportId;
use crate::support::sla_terms::{GoalDue, SlaDue, SlaGoal};
use chrono::DateTime;
use kernel::{ActorId, BlindIndex, Personal};

/// See [`kernel::Event::examples`].
pub(super) fn examples() -> Vec<Event> {
    let id = |n: u128| uuid::Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0000 + n);
    let (customer_id, agent, colleague) = (ActorId(id(1)), ActorId(id(2)), ActorId(id(3)));
    let text = |text: &str| Personal::new(customer_id, Content::parse(text).expect("an example is valid"));
    let tags = |tags: &[&str]| Tags::parse(tags.iter().copied()).expect("an example is valid");
    let mut examples = vec![
        Event::Opened {
            subject: Personal::new(customer_id, Subject::parse("Invoice of March").expect("an example is valid")),
            description: text("The amount is wrong."),
            priority: TicketPriority::High,
            category: TicketCategory::Billing,
            tags: Tags::parse(["vip", "invoice"]).expect("an example is valid"),
            customer_id,
        },
        Event::CustomerReplied {
            message_id: TicketMessageId(id(10)),
            seq: 1,
            content: text("Any news?"),
            customer_id,
            assignee_id: Some(agent),
        },
        Event::AgentReplied {
            message_id: TicketMessageId(id(11)),
            seq: 2,
            content: text("Here is the corrected invoice."),
            customer_id,
            first_response: true,
        },
        noted(text("Second time this month."), agent),
        Event::Assigned {
            assignee_id: agent,
            previous_assignee_id: Some(colleague),
            customer_id,
            status: TicketStatus::Open,
        },
        Event::Unassigned { previous_assignee_id: agent, customer_id, status: TicketStatus::InProgress },
        Event::StatusChanged {
            from: TicketStatus::Resolved,
            to: TicketStatus::Closed,
            reason: Reason::parse("The customer is content.").ok().map(|reason| Personal::new(customer_id, reason)),
            customer_id,
            assignee_id: Some(agent),
            reopen_until: DateTime::from_timestamp(1_771_066_800, 0),
        },
        Event::PriorityChanged { from: TicketPriority::Medium, to: TicketPriority::Urgent, customer_id },
        Event::CategoryChanged { from: TicketCategory::Technical, to: TicketCategory::Billing, customer_id },
        Event::SubjectChanged {
            subject: Personal::new(customer_id, Subject::parse("Invoice of April").expect("an example is valid")),
            customer_id,
        },
        Event::Tagged { added: tags(&["late"]), tags: tags(&["invoice", "late", "vip"]), customer_id },
        Event::Untagged { removed: tags(&["vip"]), tags: tags(&["invoice", "late"]), customer_id },
        Event::ReadUpTo { side: TicketSide::Customer, seq: 2, unread: 0, customer_id },
        Event::CsatSubmitted {
            score: CsatScore::try_from(4).expect("an example is valid"),
            comment: Reason::parse("Quick and friendly.").ok().map(|comment| Personal::new(customer_id, comment)),
            customer_id,
            assignee_id: Some(agent),
        },
        Event::MergedInto { into: TicketId(id(20)), status: TicketStatus::Open, customer_id },
        Event::Unmerged { from: TicketId(id(20)), customer_id },
        Event::Absorbed { ticket_id: TicketId(id(21)), customer_id },
        Event::Released { ticket_id: TicketId(id(21)), customer_id },
    ];
    examples.extend(attachments(customer_id));
    examples.extend(of_the_clock(agent));
    examples.extend(of_an_import(customer_id));
    examples
}

fn noted(content: Personal<Content>, agent: ActorId) -> Event {
    let note_id = TicketNoteId(uuid::Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_000c));
    Event::InternalNoteAdded { note_id, content, assignee_id: Some(agent) }
}

fn attachments(customer_id: ActorId) -> [Event; 2] {
    let id = |n: u128| uuid::Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0000 + n);
    [
        Event::AttachmentLinked {
            attachment: attachment(customer_id, id(30), FileKind::Png),
            message_id: Some(TicketMessageId(id(10))),
            customer_id,
        },
        Event::InternalAttachmentLinked {
            attachment: attachment(customer_id, id(31), FileKind::Pdf),
            note_id: TicketNoteId(id(12)),
        },
    ]
}

fn of_an_import(customer_id: ActorId) -> [Event; 3] {
    let id = |n: u128| uuid::Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0000 + n);
    let import_id = ImportId(id(40));
    let reference = ExternalReference::parse("ZD-4711").expect("an example is valid");
    [
        Event::Imported {
            import_id,
            row: 7,
            reference: Some(Personal::new(customer_id, reference)),
            reference_index: Some(BlindIndex(id(41))),
            customer_id,
        },
        Event::ImportSettled { customer_id },
        Event::ImportUndone { import_id, message_count: 2, customer_id },
    ]
}

fn of_the_clock(agent: ActorId) -> [Event; 7] {
    let at = |hour: i64| DateTime::from_timestamp(1_771_066_800 + hour * 3600, 0).expect("an example is valid");
    let goal = |hour: i64| Some(GoalDue { warn_at: at(hour - 1), due_at: at(hour) });
    let due = SlaDue { first_response: goal(4), resolution: goal(30) };
    let terms = serde_json::json!({
        "targets": {"high": {"first_response": "4h", "resolution": "2d"}},
        "calendar": {
            "time_zone": "Europe/Paris",
            "hours": {"monday": [{"from": "09:00", "to": "18:00"}]},
            "holidays": ["2026-12-25"],
        },
    });
    let (priority, assignee_id) = (TicketPriority::High, Some(agent));
    [
        Event::SlaClockStarted { terms: serde_json::from_value(terms).expect("an example is valid"), at: at(0), due },
        Event::SlaClockPaused { used_ms: 5_400_000 },
        Event::SlaClockResumed { at: at(24), due },
        Event::SlaTargetChanged { at: at(25), used_ms: 7_200_000, due: SlaDue { first_response: None, ..due } },
        Event::SlaWarned { goal: SlaGoal::Resolution, due_at: at(30), priority, assignee_id },
        Event::SlaBreached { goal: SlaGoal::FirstResponse, due_at: at(4), priority, assignee_id: None },
        Event::TimerSet { from: TicketStatus::Resolved, to: TicketStatus::Closed, at: at(7 * 24) },
    ]
}

fn attachment(customer_id: ActorId, file_id: uuid::Uuid, kind: FileKind) -> TicketAttachment {
    let name = FileName::parse(&format!("Invoice March.{}", kind.ending())).expect("an example is valid");
    TicketAttachment {
        file_id: StoredFileId(file_id),
        name: Personal::new(customer_id, name),
        kind,
        size_bytes: 45_002,
        has_thumbnail: kind == FileKind::Png,
    }
}
