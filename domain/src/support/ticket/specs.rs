//! The people and events of the ticket specs, and what holds for every history.

use super::{
    AddInternalNote, ChangeTicketCategory, ChangeTicketPriority, ChangeTicketStatus, ChangeTicketSubject, Content,
    CsatScore, Event, MarkTicketRead, MergeTicket, REOPEN_WINDOW_DAYS, Rejection, ReplyToTicket, Subject,
    SubmitTicketCsat, TagTicket, Tags, Ticket, TicketCategory, TicketId, TicketMessageId, TicketNoteId, TicketPriority,
    TicketSide, TicketStatus, UnassignTicket, UnmergeTicket, UntagTicket,
};
use crate::support::sla_policy::SlaPolicy;
use TicketStatus::{Cancelled, Closed, InProgress, Open, Resolved, WaitingCustomer};
use chrono::TimeDelta;
use kernel::ids::derived;
use kernel::specs::{context, noon};
use kernel::{ActorId, Aggregate, Command, CommandId, Context, Decided, Decision, Labelled, Personal};
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

pub(super) const TICKET: Uuid = Uuid::from_u128(0x71c);

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
    let note_id = TicketNoteId(agent(BOB).derived_id("note"));
    Event::InternalNoteAdded { note_id, content: about(text("Rude")), assignee_id: None }
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
    Again,
    Prioritize(TicketPriority),
    Tag(&'static str),
    Untag(&'static str),
    Read(i32),
    Rate,
}

impl Deed {
    fn decide(&self, ticket: &Ticket, cx: &Context) -> Decision<ReplyToTicket> {
        match self {
            Self::Reply => ReplyToTicket { content: text("Hello").into(), reopen: false }.decide(ticket, cx),
            Self::Note => AddInternalNote { content: text("Rude").into() }.decide(ticket, cx),
            Self::Assign(assignee_id) => ticket.assigned_to(*assignee_id, true).map(Decided::new),
            Self::Unassign => UnassignTicket {}.decide(ticket, cx),
            Self::Move(status) => {
                ChangeTicketStatus { status: *status, reason: None }.decide((ticket, &SlaPolicy::default()), cx)
            }
            Self::Again => ReplyToTicket { content: text("Hello").into(), reopen: true }.decide(ticket, cx),
            Self::Prioritize(priority) => ChangeTicketPriority { priority: *priority }.decide(ticket, cx),
            Self::Tag(tag) => TagTicket { tags: Tags::parse([*tag]).unwrap() }.decide(ticket, cx),
            Self::Untag(tag) => UntagTicket { tags: Tags::parse([*tag]).unwrap() }.decide(ticket, cx),
            Self::Read(up_to) => MarkTicketRead { up_to: *up_to }.decide(ticket, cx),
            Self::Rate => SubmitTicketCsat { score: CsatScore::try_from(5).unwrap(), comment: None }.decide(ticket, cx),
        }
    }

    fn is_for_agents(&self) -> bool {
        match self {
            Self::Note | Self::Assign(_) | Self::Unassign | Self::Prioritize(_) | Self::Tag(_) | Self::Untag(_) => true,
            Self::Reply | Self::Move(_) | Self::Again | Self::Read(_) | Self::Rate => false,
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
        1 => Just(Deed::Again),
        1 => proptest::sample::select(TicketPriority::ALL).prop_map(Deed::Prioritize),
        1 => prop_oneof![Just("vip"), Just("late")].prop_map(Deed::Tag),
        1 => prop_oneof![Just("vip"), Just("late")].prop_map(Deed::Untag),
        1 => (0..6).prop_map(Deed::Read),
        1 => Just(Deed::Rate),
    ];
    proptest::collection::vec((proptest::sample::select(vec![ADA, EVE, BOB]), deed, 0i64..20), 1..40)
}

/// What is checked after every accepted command of a random history.
#[derive(Default)]
struct Observer {
    status: TicketStatus,
    messages: i32,
    first_responses: u8,
    rated: bool,
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
                self.rated &= matches!(to, Resolved | Closed);
            }
            Event::PriorityChanged { from, to, .. } => prop_assert!(by == BOB && from != to),
            Event::CategoryChanged { from, to, .. } => prop_assert!(by == BOB && from != to),
            Event::SubjectChanged { .. } => prop_assert!(by == BOB),
            Event::AttachmentLinked { .. } | Event::InternalAttachmentLinked { .. } => {
                prop_assert!(false, "no file is attached here");
            }
            Event::Tagged { added, .. } => prop_assert!(by == BOB && !added.as_slice().is_empty()),
            Event::Untagged { removed, .. } => prop_assert!(by == BOB && !removed.as_slice().is_empty()),
            Event::ReadUpTo { seq, unread, .. } => prop_assert!(*seq + *unread <= self.messages),
            Event::CsatSubmitted { .. } => {
                prop_assert!(by == ADA && matches!(self.status, Resolved | Closed) && !self.rated);
                self.rated = true;
            }
            Event::MergedInto { .. } | Event::Unmerged { .. } | Event::Absorbed { .. } | Event::Released { .. } => {
                prop_assert!(false, "there is one ticket only");
            }
            Event::TimerSet { from, to, .. } => {
                prop_assert_eq!(*from, self.status);
                prop_assert!(matches!((from, to), (WaitingCustomer, Resolved) | (Resolved, Closed)));
            }
            Event::Imported { .. } | Event::ImportSettled { .. } | Event::ImportUndone { .. } => {
                prop_assert!(false, "nothing is imported here");
            }
            Event::SlaClockStarted { .. }
            | Event::SlaClockPaused { .. }
            | Event::SlaClockResumed { .. }
            | Event::SlaTargetChanged { .. }
            | Event::SlaWarned { .. }
            | Event::SlaBreached { .. } => prop_assert!(false, "nothing was promised"),
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
            if !matches!(deed, Deed::Reply | Deed::Note | Deed::Again | Deed::Rate) {
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
        "absorbed",
        "agent_replied",
        "assigned",
        "attachment_linked",
        "category_changed",
        "csat_submitted",
        "customer_replied",
        "import_settled",
        "import_undone",
        "imported",
        "internal_attachment_linked",
        "internal_note_added",
        "merged_into",
        "opened",
        "priority_changed",
        "read_up_to",
        "released",
        "sla_breached",
        "sla_clock_paused",
        "sla_clock_resumed",
        "sla_clock_started",
        "sla_target_changed",
        "sla_warned",
        "status_changed",
        "subject_changed",
        "tagged",
        "timer_set",
        "unassigned",
        "unmerged",
        "untagged",
    ];
    assert_eq!(types, expected);
    kernel::specs::state_of::<Ticket>(<Event as kernel::Event>::examples());
}

fn merged(ticket: &Ticket, into: &Ticket, cx: &Context) -> Decision<MergeTicket> {
    MergeTicket { into: OTHER }.decide((ticket, into), cx)
}

const OTHER: TicketId = TicketId(Uuid::from_u128(0x71d));

#[test]
fn a_merged_ticket_is_closed_and_goes_on_in_the_other() {
    use kernel::specs::{given, state_of};
    let (ticket, other): (Ticket, Ticket) = (state_of([opened()]), state_of([opened()]));
    let (mine, theirs) = merged(&ticket, &other, &agent(BOB)).unwrap().events;
    let status = TicketStatus::Open;
    let told = [Event::MergedInto { into: OTHER, status, customer_id: ADA }, moved(Open, Closed)];
    assert_eq!(mine, told);
    assert_eq!(theirs, [Event::Absorbed { ticket_id: TicketId(TICKET), customer_id: ADA }]);

    let gone = || [opened()].into_iter().chain(told.clone());
    let refusal = Rejection::Merged { into: OTHER };
    given(gone())
        .when(&ReplyToTicket { content: text("Hello").into(), reopen: true }, &customer(ADA))
        .is_rejected(&refusal);
    assert_eq!(state_of::<Ticket>(gone()).assigned_to(BOB, true), Err(refusal));
    given(gone()).when(&ChangeTicketStatus { status: Open, reason: None }, &agent(BOB)).is_rejected(&refusal);
    assert!(refusal.to_string().contains(&OTHER.to_string()), "it says where to go on");
    let ticket: Ticket = state_of(gone());
    assert!(merged(&ticket, &other, &agent(BOB)).unwrap().events.0.is_empty(), "merged there already");

    let unmerge = |from| UnmergeTicket { from }.decide((&ticket, &other), &agent(BOB));
    let (mine, theirs) = unmerge(OTHER).unwrap().events;
    assert_eq!(mine, [Event::Unmerged { from: OTHER, customer_id: ADA }, moved(Closed, Open)]);
    assert_eq!(theirs, [Event::Released { ticket_id: TicketId(TICKET), customer_id: ADA }]);
    assert_eq!(unmerge(TicketId(TICKET)).unwrap_err(), refusal);
    let back: Ticket = state_of(gone().chain(mine));
    assert!(UnmergeTicket { from: OTHER }.decide((&back, &other), &agent(BOB)).unwrap().events.0.is_empty());
}

#[test]
fn only_open_tickets_of_the_same_customer_take_another_one() {
    use kernel::specs::state_of;
    let ticket: Ticket = state_of([opened()]);
    let itself = MergeTicket { into: TicketId(TICKET) }.decide((&ticket, &ticket), &agent(BOB));
    assert_eq!(itself.unwrap_err(), Rejection::MergeIntoItself);
    assert_eq!(merged(&ticket, &Ticket::default(), &agent(BOB)).unwrap_err(), Rejection::NotFound);
    for status in [Closed, Cancelled] {
        let other: Ticket = state_of([opened(), moved(Open, status)]);
        assert_eq!(merged(&ticket, &other, &agent(BOB)).unwrap_err(), Rejection::MergeTargetOver);
    }
    let third = Event::MergedInto { into: TicketId(Uuid::from_u128(3)), status: Open, customer_id: ADA };
    let other: Ticket = state_of([opened(), third]);
    assert_eq!(merged(&ticket, &other, &agent(BOB)).unwrap_err(), Rejection::MergeTargetOver);
    let Event::Opened { subject, description, priority, category, tags, .. } = opened() else { unreachable!() };
    let of_eve = Event::Opened { subject, description, priority, category, tags, customer_id: EVE };
    let other: Ticket = state_of([of_eve]);
    assert_eq!(merged(&ticket, &other, &agent(BOB)).unwrap_err(), Rejection::MergeOtherCustomer);
}

#[test]
fn a_resolution_is_rated_once_and_by_the_customer() {
    use kernel::specs::given;
    let rate = SubmitTicketCsat { score: CsatScore::try_from(4).unwrap(), comment: None };
    let given_score = Event::CsatSubmitted {
        score: CsatScore::try_from(4).unwrap(),
        comment: None,
        customer_id: ADA,
        assignee_id: None,
    };
    let resolved = || [opened(), moved(Open, Resolved)];
    given(resolved()).when(&rate, &customer(ADA)).answers([given_score.clone()]);
    given(resolved()).when(&rate, &agent(BOB)).is_rejected(&Rejection::CustomerOnly);
    given(resolved()).when(&rate, &customer(EVE)).is_rejected(&Rejection::NotFound);
    given([opened()]).when(&rate, &customer(ADA)).is_rejected(&Rejection::NotResolved);
    let rated = || resolved().into_iter().chain([given_score.clone()]);
    given(rated()).when(&rate, &customer(ADA)).is_rejected(&Rejection::CsatGiven);
    given(rated().chain([moved(Resolved, Closed)])).when(&rate, &customer(ADA)).is_rejected(&Rejection::CsatGiven);
    given(rated().chain([moved(Resolved, Open), moved(Open, Resolved)]))
        .when(&rate, &customer(ADA))
        .answers([given_score.clone()]);
    assert!(CsatScore::try_from(0).is_err() && CsatScore::try_from(6).is_err());
}

#[test]
fn each_side_has_a_mark_that_never_goes_back() {
    use kernel::specs::given;
    let thread = || [opened(), customer_replied(1, None), agent_replied(2, true), agent_replied(3, false)];
    let read = |side, seq, unread| Event::ReadUpTo { side, seq, unread, customer_id: ADA };
    let mark = |up_to| MarkTicketRead { up_to };
    given(thread()).when(&mark(2), &customer(ADA)).answers([read(TicketSide::Customer, 2, 1)]);
    given(thread()).when(&mark(99), &customer(ADA)).answers([read(TicketSide::Customer, 3, 0)]);
    given(thread()).when(&mark(1), &customer(ADA)).changes_nothing();
    given(thread()).when(&mark(3), &agent(BOB)).changes_nothing();
    given(thread()).when(&mark(3), &customer(EVE)).is_rejected(&Rejection::NotFound);
}

#[test]
fn tags_priority_category_and_subject_change_where_somebody_works_on_it() {
    use kernel::specs::given;
    let tags = |list: &[&str]| Tags::parse(list.iter().copied()).unwrap();
    let tagged = Event::Tagged { added: tags(&["vip"]), tags: tags(&["vip"]), customer_id: ADA };
    given([opened()]).when(&TagTicket { tags: tags(&["vip"]) }, &agent(BOB)).answers([tagged.clone()]);
    given([opened(), tagged.clone()]).when(&TagTicket { tags: tags(&["vip"]) }, &agent(BOB)).changes_nothing();
    let untagged = Event::Untagged { removed: tags(&["vip"]), tags: tags(&[]), customer_id: ADA };
    given([opened(), tagged]).when(&UntagTicket { tags: tags(&["vip", "x"]) }, &agent(BOB)).answers([untagged]);
    let many: Vec<String> = (0..20).map(|n| format!("t{n}")).collect();
    let full = Tags::parse(many.iter().map(String::as_str)).unwrap();
    given([opened(), Event::Tagged { added: full.clone(), tags: full, customer_id: ADA }])
        .when(&TagTicket { tags: tags(&["vip"]) }, &agent(BOB))
        .is_rejected(&Rejection::TooManyTags);
    let urgent = ChangeTicketPriority { priority: TicketPriority::Urgent };
    given([opened()]).when(&urgent, &agent(BOB)).answers([Event::PriorityChanged {
        from: TicketPriority::Medium,
        to: TicketPriority::Urgent,
        customer_id: ADA,
    }]);
    given([opened(), moved(Open, Closed)]).when(&urgent, &agent(BOB)).is_rejected(&Rejection::Closed);
    let technical = ChangeTicketCategory { category: TicketCategory::Technical };
    given([opened()]).when(&technical, &agent(BOB)).changes_nothing();
    let subject = Subject::parse("Fire").unwrap();
    given([opened()])
        .when(&ChangeTicketSubject { subject: subject.clone().into() }, &agent(BOB))
        .answers([Event::SubjectChanged { subject: Personal::new(ADA, subject), customer_id: ADA }]);
}
