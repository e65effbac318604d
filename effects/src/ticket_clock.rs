//! The clocks of tickets: a timer per ticket, which tells that a goal is breached or soon will be, and moves what nobody does
//! anything about.
//!
//! The timer only says when to look. What is told, and that it is told once, is decided from the ticket's own events.

use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::{chain, refusal};
use crate::worker::Options;
use domain::support::ticket::{Event, KeepTicketTime, Ticket};
use event_store::Decisions;
use kernel::{CommandId, Recorded};
use std::time::Duration;
use uuid::Uuid;

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
        due.map_or(Order::Nothing, Order::Due)
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.look(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, _decisions: &Decisions, _job: &Job, _settled: &Settled) -> Result<(), RecordError> {
        // What was due is told by events of the ticket.
        Ok(())
    }
}
