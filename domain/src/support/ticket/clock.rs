//! The clock of a ticket: what its moves do to it, and what it tells when its time is over.

use super::{Case, Event, Ticket, TicketPriority, TicketStatus};
use crate::support::sla_clock::{SlaClock, runs_in};
use crate::support::sla_policy::TicketTimers;
use crate::support::sla_terms::{GoalDue, SlaDue, SlaGoal, SlaTerms};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Both goals.
const GOALS: [SlaGoal; 2] = [SlaGoal::FirstResponse, SlaGoal::Resolution];

/// The clock, and what it has told of each goal already. Each is told once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TicketClock {
    clock: SlaClock,
    warned: Vec<SlaGoal>,
    breached: Vec<SlaGoal>,
}

impl TicketClock {
    const fn started(terms: SlaTerms, at: DateTime<Utc>, due: SlaDue) -> Self {
        Self { clock: SlaClock::as_told(terms, 0, Some(at), due), warned: Vec::new(), breached: Vec::new() }
    }

    fn after(mut self, event: &Event) -> Self {
        let (used_ms, due) = (self.clock.used_ms(), self.clock.due());
        if let Event::SlaClockPaused { used_ms } = event {
            self.told(*used_ms, None, due)
        } else if let Event::SlaClockResumed { at, due } = event {
            self.told(used_ms, Some(*at), *due)
        } else if let Event::SlaTargetChanged { at, used_ms, due } = event {
            let since = self.clock.is_running().then_some(*at);
            self.told(*used_ms, since, *due)
        } else {
            if let Event::SlaWarned { goal, .. } = event {
                self.warned.push(*goal);
            } else if let Event::SlaBreached { goal, .. } = event {
                self.breached.push(*goal);
            }
            self
        }
    }

    fn told(self, used_ms: i64, since: Option<DateTime<Utc>>, due: SlaDue) -> Self {
        Self { clock: SlaClock::as_told(self.clock.terms().clone(), used_ms, since, due), ..self }
    }
}

/// Where a ticket moves by itself, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timer {
    pub(super) from: TicketStatus,
    pub(super) to: TicketStatus,
    pub(super) at: DateTime<Utc>,
}

impl Ticket {
    /// When the ticket has something to tell or to do by itself next, as it stands.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        let case = self.case.as_ref()?;
        let told = case.open_goals().map(|(warned, due)| if warned { due.due_at } else { due.warn_at });
        told.chain(case.timer().map(|timer| timer.at)).min()
    }
}

impl Case {
    /// The timer, where it is for where the ticket stands.
    pub(super) fn timer(&self) -> Option<Timer> {
        self.timer.filter(|timer| timer.from == self.status && self.merged_into.is_none())
    }

    /// What a move does to the timer. Merged, it stands still; taken apart again, the ticket is back where it was.
    pub(super) fn timer_after(&self, from: TicketStatus, to: TicketStatus) -> Option<Timer> {
        let merging = to == TicketStatus::Closed && self.merged_into.is_some();
        self.timer.filter(|timer| merging || (from == TicketStatus::Closed && timer.from == to))
    }

    /// Goals of which a breach is still to be told: whether it was warned of, and when it is due.
    fn open_goals(&self) -> impl Iterator<Item = (bool, GoalDue)> + '_ {
        self.counting().map(|(clock, goal, due)| (clock.warned.contains(&goal), due))
    }

    fn counting(&self) -> impl Iterator<Item = (&TicketClock, SlaGoal, GoalDue)> + '_ {
        let clock = self.clock.as_deref().filter(|clock| clock.clock.is_running());
        clock.into_iter().flat_map(move |clock| {
            let counts = |goal: &SlaGoal| match goal {
                SlaGoal::FirstResponse => !self.answered && !clock.breached.contains(goal),
                SlaGoal::Resolution => !clock.breached.contains(goal),
            };
            GOALS.into_iter().filter(counts).filter_map(move |goal| Some((clock, goal, clock.clock.due().of(goal)?)))
        })
    }

    /// The same after its clock or its timer told something; no other event says anything of them.
    pub(super) fn after_time(self, event: &Event) -> Self {
        if let Event::TimerSet { from, to, at } = event {
            return Self { timer: Some(Timer { from: *from, to: *to, at: *at }), ..self };
        }
        if let Event::SlaClockStarted { terms, at, due } = event {
            return Self { clock: Some(Box::new(TicketClock::started((**terms).clone(), *at, *due))), ..self };
        }
        let clock = self.clock.map(|clock| Box::new(clock.after(event)));
        Self { clock, ..self }
    }

    /// What is to be told by now: of each goal that it is over, or else that it soon will be.
    pub(super) fn told_by(&self, now: DateTime<Utc>) -> Vec<Event> {
        let (priority, assignee_id) = (self.priority, self.assignee_id);
        let told = self.counting().filter_map(|(clock, goal, due)| {
            let due_at = due.due_at;
            if due_at <= now {
                Some(Event::SlaBreached { goal, due_at, priority, assignee_id })
            } else if due.warn_at <= now && !clock.warned.contains(&goal) {
                Some(Event::SlaWarned { goal, due_at, priority, assignee_id })
            } else {
                None
            }
        });
        told.collect()
    }

    /// What a decision made of the ticket does to its clock, told behind it. Before it comes a breach that no timer has told
    /// yet: what was too late stays so, however soon after its moment it was done.
    pub(super) fn timed(&self, events: Vec<Event>, now: DateTime<Utc>) -> Vec<Event> {
        let Some(TicketClock { clock, .. }) = self.clock.as_deref() else { return events };
        let (mut clock, mut priority, mut told) = (clock.clone(), self.priority, Vec::new());
        for event in &events {
            if let Event::StatusChanged { to, .. } = event {
                if clock.is_running() && !runs_in(*to) {
                    clock = clock.paused(now);
                    told.push(Event::SlaClockPaused { used_ms: clock.used_ms() });
                } else if !clock.is_running() && runs_in(*to) {
                    clock = clock.resumed(priority, now);
                    told.push(Event::SlaClockResumed { at: now, due: clock.due() });
                }
            } else if let Event::PriorityChanged { to, .. } = event {
                priority = *to;
                clock = clock.aimed(priority, now);
                told.push(Event::SlaTargetChanged { at: now, used_ms: clock.used_ms(), due: clock.due() });
            }
        }
        let breached = self.told_by(now).into_iter().filter(|event| matches!(event, Event::SlaBreached { .. }));
        breached.chain(events).chain(told).collect()
    }
}

/// The clock of a ticket that is opened now, if anything is promised of it.
pub(super) fn clock_started(terms: Option<&SlaTerms>, priority: TicketPriority, at: DateTime<Utc>) -> Option<Event> {
    let clock = SlaClock::started(terms?.clone(), priority, at);
    let due = clock.due();
    // A priority without a target has a clock too: another priority may have one.
    Some(Event::SlaClockStarted { terms: Box::new(clock.terms().clone()), at, due })
}

/// The timer of a ticket that gets there now, if it has one.
pub(super) fn timer_set(timers: TicketTimers, from: TicketStatus, now: DateTime<Utc>) -> Option<Event> {
    let (days, to) = match from {
        TicketStatus::WaitingCustomer => (timers.resolve_waiting_after_days, TicketStatus::Resolved),
        TicketStatus::Resolved => (timers.close_resolved_after_days, TicketStatus::Closed),
        TicketStatus::Open | TicketStatus::InProgress | TicketStatus::Closed | TicketStatus::Cancelled => return None,
    };
    days.map(|days| Event::TimerSet { from, to, at: now + days.span() })
}
