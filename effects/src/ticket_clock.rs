//! The clocks of tickets: a timer per ticket, which tells that a goal is breached or soon will be, and moves what nobody does
//! anything about.
//!
//! The timer only says when to look. What is told, and that it is told once, is decided from the ticket's own events.

use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::{chain, refusal};
use crate::worker::Options;
use chrono::TimeDelta;
use domain::support::ticket::{Event, KeepTicketTime, Ticket};
use event_store::Decisions;
use kernel::{CommandId, Recorded};
use std::time::Duration;
use uuid::Uuid;

/// From when on an event is told late, and how long after it was told the clock is first looked at then. What is told late is told
/// in a row: the answer that came in time follows a moment later.
const LATE: TimeDelta = TimeDelta::minutes(5);

/// Keeps the time of tickets.
pub struct TicketClock {
    decisions: Decisions,
}

impl TicketClock {
    /// Keeps it through `decisions`.
    pub const fn new(decisions: Decisions) -> Self {
        Self { decisions }
    }

    /// How its worker works. What is due is told within two seconds, also where the process that had taken it was killed: so
    /// it looks often, and a job is taken for a second only. Two who tell the same tell it once. It is never given up.
    pub fn options() -> Options {
        Options {
            at_once: 16,
            lease: Duration::from_secs(1),
            budget: Duration::from_millis(900),
            poll: Duration::from_millis(200),
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(5),
            most_attempts: i32::MAX,
            ..Options::default()
        }
    }

    async fn look(&self, job: &Job) -> Result<Attempt, String> {
        loop {
            let ticket = self.decisions.states().current::<Ticket>(job.tenant_id, job.id).await;
            match ticket.map_err(|error| chain(&error))?.next_due() {
                None => return Ok(Attempt::Succeeded { receipt: "nothing more is due".to_owned() }),
                Some(due) if due > chrono::Utc::now() => return Ok(Attempt::NotYet { until: due }),
                Some(_) => {}
            }
            // Another id each time: what was not due under this clock may be due the next time. It repeats nothing.
            let command = job.command(CommandId(Uuid::now_v7()));
            self.decisions.carry_out_internal(&KeepTicketTime {}, &command).await.map_err(refusal)?;
        }
    }
}

impl Effect for TicketClock {
    type Event = Event;
    const KIND: &'static str = "ticket_clock";

    /// What brings something forward. What only puts it off is seen when the timer comes.
    fn order(event: &Recorded<Event>) -> Order {
        let due = match &event.event {
            Event::SlaClockStarted { due, .. }
            | Event::SlaClockResumed { due, .. }
            | Event::SlaTargetChanged { due, .. } => due.first(),
            Event::TimerSet { at, .. } => Some(*at),
            // It is back where it was, with the timer that it had.
            Event::Unmerged { .. } => Some(event.recorded_at),
            Event::Opened { .. }
            | Event::CustomerReplied { .. }
            | Event::AgentReplied { .. }
            | Event::InternalNoteAdded { .. }
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
            | Event::Absorbed { .. }
            | Event::Released { .. }
            | Event::AttachmentLinked { .. }
            | Event::InternalAttachmentLinked { .. }
            | Event::SlaClockPaused { .. }
            | Event::SlaWarned { .. }
            | Event::SlaBreached { .. }
            | Event::Imported { .. }
            | Event::ImportSettled { .. }
            | Event::ImportUndone { .. } => None,
        };
        let is_late = event.recorded_at - event.occurred_at > LATE;
        let not_before = if is_late { event.recorded_at + LATE } else { event.occurred_at };
        due.map_or(Order::Nothing, |due| Order::Due(due.max(not_before)))
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.look(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, _decisions: &Decisions, _job: &Job, _settled: &Settled) -> Result<(), RecordError> {
        // What was due is told by events of the ticket.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use domain::support::sla_terms::{GoalDue, SlaDue};
    use kernel::specs::Story;
    use kernel::{ActorId, Event as _};

    /// When the clock of a ticket that was opened then, and is told so now, is to be looked at; and now.
    fn looked_at(told_after: TimeDelta, due_after: TimeDelta) -> (DateTime<Utc>, DateTime<Utc>) {
        let mut examples = Event::examples().into_iter();
        let started = examples.find(|event| matches!(event, Event::SlaClockStarted { .. })).unwrap();
        let told: Recorded<Event> =
            Story::new().then(Uuid::from_u128(1), ActorId(Uuid::from_u128(2)), started).events()[0].clone();
        let (now, occurred_at) = (told.recorded_at, told.recorded_at - told_after);
        let goal = GoalDue { warn_at: occurred_at + due_after, due_at: occurred_at + due_after };
        let Event::SlaClockStarted { terms, at, .. } = told.event.clone() else { panic!("{told:?}") };
        let due = SlaDue { first_response: Some(goal), resolution: None };
        let event = Event::SlaClockStarted { terms, at, due };
        let Order::Due(at) = TicketClock::order(&Recorded { occurred_at, event, ..told }) else { panic!("no timer") };
        (at, now)
    }

    #[test]
    fn what_is_told_late_is_given_time_to_be_told_to_its_end() {
        let (hour, moment) = (TimeDelta::hours(1), TimeDelta::milliseconds(3));
        let (at, now) = looked_at(moment, hour);
        assert_eq!(at, now - moment + hour);
        let (at, now) = looked_at(TimeDelta::minutes(2), moment);
        assert_eq!(at, now - TimeDelta::minutes(2) + moment, "it is overdue: at once");
        let (at, now) = looked_at(TimeDelta::days(20), hour);
        assert_eq!(at, now + LATE);
        let (at, now) = looked_at(hour, hour * 3);
        assert_eq!(at, now + hour * 2, "it is not due yet");
    }
}
