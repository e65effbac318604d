//! What time does to a ticket: its clock, what it tells, and what it does by itself.

use super::specs::{ADA, BOB, agent, agent_replied, customer, customer_replied, moved, opened};
use super::{
    ChangeTicketPriority, ChangeTicketStatus, Event, KeepTicketTime, MergeTicket, OpenTicket, REOPEN_WINDOW_DAYS,
    ReplyToTicket, Ticket, TicketId, TicketPriority, TicketStatus, UnmergeTicket,
};
use crate::support::sla_policy::{DefineSlaPolicy, SlaPolicy};
use crate::support::sla_terms::{GoalDue, SlaDue, SlaGoal};
use TicketStatus::{Closed, InProgress, Open, Resolved, WaitingCustomer};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::specs::{noon, state_of};
use kernel::{Aggregate, Command, Context, Decided};
use serde_json::{Value, json};
use uuid::Uuid;

fn policy(body: Value) -> SlaPolicy {
    let define: DefineSlaPolicy = serde_json::from_value(body).unwrap();
    state_of(define.decide(&SlaPolicy::default(), &agent(BOB)).unwrap().events)
}

/// Medium: an hour and ten. Urgent: half an hour and an hour.
fn usual() -> SlaPolicy {
    policy(json!({"targets": {
        "medium": {"first_response": "1h", "resolution": "10h"},
        "urgent": {"first_response": "30m", "resolution": "1h"},
    }}))
}

fn minute(minute: i64) -> DateTime<Utc> {
    noon() + TimeDelta::minutes(minute)
}

/// A ticket, with all that happened to it.
struct Case {
    policy: SlaPolicy,
    ticket: Ticket,
    told: Vec<Event>,
}

impl Case {
    fn opened_at(policy: SlaPolicy, at: DateTime<Utc>) -> Self {
        let open: OpenTicket =
            serde_json::from_value(json!({"subject": "Printer on fire", "description": "It burns."})).unwrap();
        let case = Self { policy, ticket: Ticket::default(), told: Vec::new() };
        case.decided(|ticket, policy| open.decide((ticket, policy), &Context { now: at, ..customer(ADA) }).unwrap())
    }

    fn opened() -> Self {
        Self::opened_at(usual(), noon())
    }

    fn decided(mut self, decide: impl FnOnce(&Ticket, &SlaPolicy) -> Decided<Vec<Event>>) -> Self {
        self.told = decide(&self.ticket, &self.policy).events;
        self.ticket = self.told.iter().fold(self.ticket, Aggregate::evolve);
        self
    }

    fn moves(self, status: TicketStatus, at: i64) -> Self {
        let cx = Context { now: minute(at), ..agent(BOB) };
        self.decided(|ticket, policy| {
            ChangeTicketStatus { status, reason: None }.decide((ticket, policy), &cx).unwrap()
        })
    }

    fn replies(self, by: Context, at: i64) -> Self {
        let content = super::Content::parse("Hello").unwrap();
        let cx = Context { now: minute(at), ..by };
        self.decided(|ticket, _| ReplyToTicket { content: content.into(), reopen: true }.decide(ticket, &cx).unwrap())
    }

    fn keeps_time(self, at: DateTime<Utc>) -> Self {
        let cx = Context { now: at, ..agent(BOB) };
        self.decided(|ticket, policy| KeepTicketTime {}.decide((ticket, policy), &cx).unwrap())
    }

    /// Looks whenever the ticket says, up to a moment: what it tells, and when.
    fn lives_until(mut self, end: DateTime<Utc>) -> (Self, Vec<(DateTime<Utc>, Event)>) {
        let mut told = Vec::new();
        while let Some(due) = self.ticket.next_due().filter(|due| *due <= end) {
            let early = self.keeps_time(due - TimeDelta::microseconds(1));
            assert!(early.told.is_empty(), "{:?} before it was due", early.told);
            self = early.keeps_time(due);
            assert!(!self.told.is_empty(), "nothing was told at {due}");
            told.extend(self.told.iter().map(|event| (due, event.clone())));
            self = self.keeps_time(due);
            assert!(self.told.is_empty(), "told again: {:?}", self.told);
        }
        (self, told)
    }
}

const FIRST: SlaGoal = SlaGoal::FirstResponse;
const RESOLUTION: SlaGoal = SlaGoal::Resolution;

fn due(first_response: i64, resolution: i64, warn: (i64, i64)) -> SlaDue {
    let goal = |warn, due| Some(GoalDue { warn_at: minute(warn), due_at: minute(due) });
    SlaDue { first_response: goal(warn.0, first_response), resolution: goal(warn.1, resolution) }
}

fn warned(goal: SlaGoal, at: i64) -> Event {
    Event::SlaWarned { goal, due_at: minute(at), priority: TicketPriority::Medium, assignee_id: None }
}

fn breached(goal: SlaGoal, at: i64) -> Event {
    Event::SlaBreached { goal, due_at: minute(at), priority: TicketPriority::Medium, assignee_id: None }
}

#[test]
fn a_ticket_is_opened_with_the_terms_of_its_day() {
    let case = Case::opened();
    let terms = Box::new(usual().terms().unwrap().clone());
    let started = Event::SlaClockStarted { terms, at: noon(), due: due(60, 600, (48, 480)) };
    assert_eq!(case.told, [opened(), started]);
    assert_eq!(Case::opened_at(SlaPolicy::default(), noon()).told, [opened()], "nothing is promised");
}

#[test]
fn every_goal_is_warned_of_and_breached_once() {
    let (case, told) = Case::opened().lives_until(minute(100_000));
    let expected = [
        (minute(48), warned(FIRST, 60)),
        (minute(60), breached(FIRST, 60)),
        (minute(480), warned(RESOLUTION, 600)),
        (minute(600), breached(RESOLUTION, 600)),
    ];
    assert_eq!(told, expected);
    assert_eq!(case.ticket.next_due(), None);
}

#[test]
fn who_looks_late_is_told_what_is_over_and_no_warning_of_it() {
    let case = Case::opened().keeps_time(minute(500));
    assert_eq!(case.told, [breached(FIRST, 60), warned(RESOLUTION, 600)]);
}

#[test]
fn who_is_too_late_is_so_before_the_timer_says_it() {
    let answered = Case::opened().replies(agent(BOB), 61);
    assert_eq!(answered.told, [breached(FIRST, 60), agent_replied(1, true), moved(Open, InProgress)]);
    assert_eq!(answered.keeps_time(minute(100)).told, [], "it is told once");
    let resolved = Case::opened().keeps_time(minute(60)).moves(Resolved, 601);
    let paused = Event::SlaClockPaused { used_ms: 601 * 60_000 };
    assert_eq!(resolved.told.first(), Some(&breached(RESOLUTION, 600)), "the first goal was told by the timer");
    assert_eq!((resolved.told.len(), resolved.told.last()), (4, Some(&paused)));
    let answered = Case::opened().replies(agent(BOB), 59);
    assert_eq!(answered.told, [agent_replied(1, true), moved(Open, InProgress)], "nobody is warned of what is done");
}

#[test]
fn an_answer_keeps_the_first_promise_and_waiting_stops_the_clock() {
    let case = Case::opened().replies(agent(BOB), 30);
    assert_eq!(case.told, [agent_replied(1, true), moved(Open, InProgress)]);
    assert_eq!(case.ticket.next_due(), Some(minute(480)), "only the resolution is left");
    let waits = case.moves(WaitingCustomer, 120);
    let timer = Event::TimerSet { from: WaitingCustomer, to: Resolved, at: minute(120 + 7 * 24 * 60) };
    let paused = Event::SlaClockPaused { used_ms: 120 * 60_000 };
    assert_eq!(waits.told, [moved(InProgress, WaitingCustomer), timer, paused]);
    assert_eq!(waits.ticket.next_due(), Some(minute(120 + 7 * 24 * 60)), "nothing but its timer");
    let answered = waits.replies(customer(ADA), 1_120);
    let resumed = Event::SlaClockResumed { at: minute(1_120), due: due(1_120, 1_600, (1_120, 1_480)) };
    assert_eq!(answered.told, [customer_replied(2, None), moved(WaitingCustomer, InProgress), resumed]);
    let (_, told) = answered.lives_until(minute(5_000));
    assert_eq!(told, [(minute(1_480), warned(RESOLUTION, 1_600)), (minute(1_600), breached(RESOLUTION, 1_600))]);
}

#[test]
fn a_reopened_ticket_goes_on_where_its_clock_stood() {
    let resolved = Case::opened().moves(Resolved, 590);
    assert_eq!(resolved.told.first(), Some(&breached(FIRST, 60)));
    assert_eq!(resolved.told.last(), Some(&Event::SlaClockPaused { used_ms: 590 * 60_000 }));
    let (resolved, told) = resolved.lives_until(minute(2_000));
    assert_eq!(told, [], "what is resolved is not late");
    let again = resolved.replies(customer(ADA), 2_000);
    let Some(Event::SlaClockResumed { at, due }) = again.told.last() else { panic!("{:?}", again.told) };
    assert_eq!((*at, due.resolution.unwrap().due_at), (minute(2_000), minute(2_010)));
    assert_eq!(again.keeps_time(minute(2_000)).told, [warned(RESOLUTION, 2_010)], "the other one was told before");
}

#[test]
fn another_priority_has_other_targets() {
    let raise = |case: Case, at: i64| {
        let cx = Context { now: minute(at), ..agent(BOB) };
        let raise = ChangeTicketPriority { priority: TicketPriority::Urgent };
        case.decided(|ticket, _| raise.decide(ticket, &cx).unwrap())
    };
    let raised = raise(Case::opened(), 20);
    let (from, to) = (TicketPriority::Medium, TicketPriority::Urgent);
    let target = Event::SlaTargetChanged { at: minute(20), used_ms: 20 * 60_000, due: due(30, 60, (24, 48)) };
    assert_eq!(raised.told, [Event::PriorityChanged { from, to, customer_id: ADA }, target]);
    assert_eq!(raised.ticket.next_due(), Some(minute(24)));
    let late = raise(Case::opened(), 45).keeps_time(minute(45));
    let [Event::SlaBreached { goal, due_at, priority, .. }] = late.told[..] else { panic!("{:?}", late.told) };
    assert_eq!((goal, due_at, priority), (FIRST, minute(45), TicketPriority::Urgent), "at once");
}

#[test]
fn a_ticket_moves_by_itself_when_nobody_does() {
    let week = 7 * 24 * 60;
    let quiet = Case::opened_at(SlaPolicy::default(), noon()).moves(WaitingCustomer, 0);
    let (case, told) = quiet.lives_until(minute(5 * week));
    let closed = Event::StatusChanged {
        from: Resolved,
        to: Closed,
        reason: None,
        customer_id: ADA,
        assignee_id: None,
        reopen_until: Some(minute(2 * week) + TimeDelta::days(REOPEN_WINDOW_DAYS)),
    };
    let expected = [
        (minute(week), moved(WaitingCustomer, Resolved)),
        (minute(week), Event::TimerSet { from: Resolved, to: Closed, at: minute(2 * week) }),
        (minute(2 * week), closed),
    ];
    assert_eq!(told, expected);
    assert_eq!(case.ticket.next_due(), None);
    let answered = Case::opened_at(SlaPolicy::default(), noon()).moves(WaitingCustomer, 0).replies(customer(ADA), 5);
    assert_eq!(answered.ticket.next_due(), None, "the customer answered");
}

#[test]
fn what_is_merged_stands_still_and_comes_back_with_its_time() {
    let other: Ticket = state_of([opened()]);
    let into = TicketId(Uuid::from_u128(0x71d));
    let at = |at| Context { now: minute(at), ..agent(BOB) };
    let merged = Case::opened().moves(WaitingCustomer, 10);
    let week = minute(10 + 7 * 24 * 60);
    let merged = merged
        .decided(|ticket, _| Decided::new(MergeTicket { into }.decide((ticket, &other), &at(20)).unwrap().events.0));
    assert_eq!(merged.ticket.next_due(), None);
    let back = merged.decided(|ticket, _| {
        Decided::new(UnmergeTicket { from: into }.decide((ticket, &other), &at(30)).unwrap().events.0)
    });
    assert_eq!(back.ticket.next_due(), Some(week), "it waits as it did");
    let merged = Case::opened()
        .decided(|ticket, _| Decided::new(MergeTicket { into }.decide((ticket, &other), &at(20)).unwrap().events.0));
    assert_eq!(merged.told.last(), Some(&Event::SlaClockPaused { used_ms: 20 * 60_000 }));
    let back = merged.decided(|ticket, _| {
        Decided::new(UnmergeTicket { from: into }.decide((ticket, &other), &at(100)).unwrap().events.0)
    });
    assert_eq!(back.ticket.next_due(), Some(minute(128)), "28 minutes of 48 are left until it is told");
}

/// On the days on which the clocks of Paris are changed, with a desk that works through the night.
#[test]
fn a_breach_is_told_at_its_moment_also_when_clocks_are_changed() {
    let night = json!([{"from": "00:00", "to": "06:00"}]);
    let policy = || {
        policy(json!({
            "targets": {"medium": {"resolution": "5h"}},
            "calendar": {"time_zone": "Europe/Paris", "hours": {"sunday": night, "monday": night}},
        }))
    };
    let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    for (opened_at, breached_at) in [
        // The wall goes from two to three: at six only five hours have passed.
        ("2026-03-29T00:00:00+01:00", "2026-03-29T06:00:00+02:00"),
        // It shows two to three twice: at four five hours have passed.
        ("2026-10-25T00:00:00+02:00", "2026-10-25T04:00:00+01:00"),
        ("2026-10-18T00:00:00+02:00", "2026-10-18T05:00:00+02:00"),
    ] {
        let (_, told) = Case::opened_at(policy(), at(opened_at)).lives_until(at(opened_at) + TimeDelta::days(9));
        let [(_, Event::SlaWarned { .. }), (moment, Event::SlaBreached { due_at, .. })] = told[..] else {
            panic!("{told:?}")
        };
        assert_eq!((moment, due_at), (at(breached_at), at(breached_at)), "{opened_at}");
    }
}
