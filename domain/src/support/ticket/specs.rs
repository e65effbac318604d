//! The people and events of the ticket specs, and what holds for every history.

use super::{
    AddInternalNote, AssignTicket, ChangeTicketStatus, Content, Event, REOPEN_WINDOW_DAYS, Rejection, ReplyToTicket,
    Subject, Tags, Ticket, TicketCategory, TicketMessageId, TicketNoteId, TicketPriority, TicketStatus, UnassignTicket,
};
use TicketStatus::{Cancelled, Closed, InProgress, Open, Resolved, WaitingCustomer};
use chrono::TimeDelta;
use kernel::ids::derived;
use kernel::specs::{context, noon};
use kernel::{ActorId, Aggregate, Command, CommandId, Context, Decision, Labelled, Personal};
use proptest::prelude::*;
use uuid::Uuid;

/// The customer of every spec's ticket.
pub(super) const ADA: ActorId = ActorId(Uuid::from_u128(0xada));
/// Another customer.
pub(super) const EVE: ActorId = ActorId(Uuid::from_u128(0xe0e));
/// An agent.
pub(super) const BOB: ActorId = ActorId(Uuid::from_u128(0xb0b));
/// Another agent.
pub(super) const CAROL: ActorId = ActorId(Uuid::from_u128(0xca01));

const TICKET: Uuid = Uuid::from_u128(0x71c);

pub(super) fn customer(actor: ActorId) -> Context {
    context(actor, TICKET, &["support.ticket:open", "support.ticket:reply"])
}

pub(super) fn agent(actor: ActorId) -> Context {
    let scopes = ["support.ticket:open", "support.ticket:reply", "support.ticket:work", "support.ticket:assign"];
    context(actor, TICKET, &scopes)
}

/// What is written on a ticket is about its customer.
fn about(content: Content) -> Personal<Content> {
    Personal::new(ADA, content)
}

pub(super) fn text(text: &str) -> Content {
    Content::parse(text).unwrap()
}

pub(super) fn opened() -> Event {
    Event::Opened {
        subject: Personal::new(ADA, Subject::parse("Printer on fire").unwrap()),
        description: about(text("It burns.")),
        priority: TicketPriority::Medium,
        category: TicketCategory::Technical,
        tags: Tags::default(),
        customer_id: ADA,
    }
}

fn message_id() -> TicketMessageId {
    TicketMessageId(customer(ADA).derived_id("message"))
}

pub(super) fn agent_replied(seq: i32, first_response: bool) -> Event {
    Event::AgentReplied {
        message_id: message_id(),
        seq,
        content: about(text("Hello")),
        customer_id: ADA,
        first_response,
    }
}

pub(super) fn customer_replied(seq: i32, assignee_id: Option<ActorId>) -> Event {
    Event::CustomerReplied {
        message_id: message_id(),
        seq,
        content: about(text("Hello")),
        customer_id: ADA,
        assignee_id,
    }
}

pub(super) fn note() -> Event {
    Event::InternalNoteAdded { note_id: TicketNoteId(agent(BOB).derived_id("note")), content: about(text("Rude")) }
}

pub(super) fn assigned(assignee_id: ActorId, previous_assignee_id: Option<ActorId>) -> Event {
    Event::Assigned { assignee_id, previous_assignee_id, customer_id: ADA, status: Open }
}

pub(super) fn moved(from: TicketStatus, to: TicketStatus) -> Event {
    moved_for(from, to, None)
}

pub(super) fn moved_for(from: TicketStatus, to: TicketStatus, assignee_id: Option<ActorId>) -> Event {
    Event::StatusChanged { from, to, reason: None, customer_id: ADA, assignee_id, reopen_until: None }
}

pub(super) fn closed(from: TicketStatus) -> Event {
    Event::StatusChanged {
        from,
        to: Closed,
        reason: None,
        customer_id: ADA,
        assignee_id: None,
        reopen_until: Some(noon() + TimeDelta::days(REOPEN_WINDOW_DAYS)),
    }
}

/// Every step that a ticket may ever take, by whatever command: the product page's table, written down again.
const STEPS: [(TicketStatus, &[TicketStatus]); 6] = [
    (Open, &[InProgress, WaitingCustomer, Resolved, Closed, Cancelled]),
    (InProgress, &[WaitingCustomer, Resolved, Closed, Cancelled]),
    (WaitingCustomer, &[InProgress, Resolved, Closed, Cancelled]),
    (Resolved, &[InProgress, Open, Closed]),
    (Closed, &[InProgress, Open]),
    (Cancelled, &[]),
];

#[derive(Clone, Debug)]
enum Deed {
    Reply,
    Note,
    Assign(ActorId),
    Unassign,
    Move(TicketStatus),
}

impl Deed {
    fn decide(&self, ticket: &Ticket, cx: &Context) -> Decision<ReplyToTicket> {
        match self {
            Self::Reply => ReplyToTicket { content: text("Hello").into() }.decide(ticket, cx),
            Self::Note => AddInternalNote { content: text("Rude").into() }.decide(ticket, cx),
            Self::Assign(assignee_id) => AssignTicket { assignee_id: *assignee_id }.decide(ticket, cx),
            Self::Unassign => UnassignTicket {}.decide(ticket, cx),
            Self::Move(status) => ChangeTicketStatus { status: *status, reason: None }.decide(ticket, cx),
        }
    }

    fn is_for_agents(&self) -> bool {
        match self {
            Self::Note | Self::Assign(_) | Self::Unassign => true,
            Self::Reply | Self::Move(_) => false,
        }
    }
}

fn deeds() -> impl Strategy<Value = Vec<(ActorId, Deed, i64)>> {
    let deed = prop_oneof![
        3 => Just(Deed::Reply),
        1 => Just(Deed::Note),
        2 => prop_oneof![Just(BOB), Just(CAROL)].prop_map(Deed::Assign),
        1 => Just(Deed::Unassign),
        5 => proptest::sample::select(TicketStatus::ALL).prop_map(Deed::Move),
    ];
    proptest::collection::vec((proptest::sample::select(vec![ADA, EVE, BOB]), deed, 0i64..20), 1..40)
}

/// What is checked after every accepted command of a random history.
#[derive(Default)]
struct Observer {
    status: TicketStatus,
    messages: i32,
    first_responses: u8,
}

impl Observer {
    fn sees(&mut self, by: ActorId, event: &Event) -> Result<(), TestCaseError> {
        let ended = matches!(self.status, Resolved | Closed | Cancelled);
        match event {
            Event::Opened { .. } => prop_assert!(false, "opened twice"),
            Event::CustomerReplied { seq, .. } => {
                self.messages += 1;
                prop_assert!(by == ADA && !ended && *seq == self.messages);
            }
            Event::AgentReplied { seq, first_response, .. } => {
                self.messages += 1;
                self.first_responses += u8::from(*first_response);
                prop_assert!(by == BOB && !ended && *seq == self.messages);
                prop_assert_eq!(self.first_responses, 1);
            }
            Event::InternalNoteAdded { .. } => prop_assert!(by == BOB && !ended),
            Event::Assigned { status, .. } | Event::Unassigned { status, .. } => {
                prop_assert!(by == BOB && !matches!(self.status, Closed | Cancelled) && *status == self.status);
            }
            Event::StatusChanged { from, to, reopen_until, .. } => {
                prop_assert_eq!(*from, self.status);
                let reachable = STEPS.iter().find(|(status, _)| status == from).map_or(&[][..], |(_, steps)| steps);
                prop_assert!(reachable.contains(to), "{} to {}", from, to);
                prop_assert_eq!(reopen_until.is_some(), *to == Closed);
                self.status = *to;
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_people_try_the_ticket_keeps_its_rules(deeds in deeds()) {
        let mut ticket = Ticket::default().evolve(&opened());
        let mut observer = Observer::default();
        let mut now = noon();
        for (step, (actor, deed, days)) in deeds.into_iter().enumerate() {
            if deed.is_for_agents() && actor != BOB {
                continue;
            }
            now += TimeDelta::days(days);
            let base = if actor == BOB { agent(BOB) } else { customer(actor) };
            let command_id = CommandId(derived(TICKET, &step.to_string()));
            let cx = Context { now, command_id, ..base };
            let decision = deed.decide(&ticket, &cx);
            if actor == EVE {
                prop_assert_eq!(decision.err(), Some(Rejection::NotFound));
                continue;
            }
            let Ok(decided) = decision else { continue };
            for event in &decided.events {
                observer.sees(actor, event)?;
                ticket = ticket.evolve(event);
            }
            if !matches!(deed, Deed::Reply | Deed::Note) {
                let again = deed.decide(&ticket, &cx).expect("what was accepted is accepted again");
                prop_assert!(again.events.is_empty(), "{deed:?} again: {:?}", again.events);
            }
        }
    }
}

#[test]
fn every_event_type_has_an_example() {
    let mut types: Vec<String> =
        <Event as kernel::Event>::examples().iter().map(|e| kernel::specs::encode(e).event_type).collect();
    types.sort_unstable();
    let expected = [
        "agent_replied",
        "assigned",
        "customer_replied",
        "internal_note_added",
        "opened",
        "status_changed",
        "unassigned",
    ];
    assert_eq!(types, expected);
    kernel::specs::state_of::<Ticket>(<Event as kernel::Event>::examples());
}
