//! One example of every event of a ticket, for the catalogue and the golden files.

use super::{
    Content, CsatScore, Event, Reason, Subject, Tags, TicketCategory, TicketId, TicketMessageId, TicketNoteId,
    TicketPriority, TicketSide, TicketStatus,
};
use chrono::DateTime;
use kernel::{ActorId, Personal};

/// See [`kernel::Event::examples`].
pub(super) fn examples() -> Vec<Event> {
    let id = |n: u128| uuid::Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0000 + n);
    let (customer_id, agent, colleague) = (ActorId(id(1)), ActorId(id(2)), ActorId(id(3)));
    let text = |text: &str| Personal::new(customer_id, Content::parse(text).expect("an example is valid"));
    let tags = |tags: &[&str]| Tags::parse(tags.iter().copied()).expect("an example is valid");
    vec![
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
        Event::InternalNoteAdded { note_id: TicketNoteId(id(12)), content: text("Second time this month.") },
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
    ]
}
