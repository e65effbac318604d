//! The clock of one ticket under some terms: how much business time it has used, and when it is due.
//!
//! One clock for both goals: it runs while the ticket is with the desk (open, in progress) and stands while it is with the
//! customer or over. Reopened it goes on where it stood. The priority that a ticket has decides over all of its time: another
//! one moves what is due, and nothing that was used comes back. The live clock and questions to history both use this.

use super::sla_terms::{GoalDue, SlaDue, SlaGoal, SlaTerms};
use super::ticket::{TicketPriority, TicketStatus};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// What has come of a ticket's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaClock {
    terms: SlaTerms,
    /// The business time that was used before it last began to run.
    used_ms: i64,
    /// Since when it runs, while it does.
    since: Option<DateTime<Utc>>,
    due: SlaDue,
}

/// Whether the clock runs while a ticket stands there.
pub const fn runs_in(status: TicketStatus) -> bool {
    match status {
        TicketStatus::Open | TicketStatus::InProgress => true,
        TicketStatus::WaitingCustomer | TicketStatus::Resolved | TicketStatus::Closed | TicketStatus::Cancelled => {
            false
        }
    }
}

impl SlaClock {
    /// Begins to run.
    pub fn started(terms: SlaTerms, priority: TicketPriority, at: DateTime<Utc>) -> Self {
        Self { terms, used_ms: 0, since: None, due: SlaDue::default() }.running(priority, at)
    }

    /// As a ticket's events tell it: it runs since then, with so much used, and is due then.
    pub const fn as_told(terms: SlaTerms, used_ms: i64, since: Option<DateTime<Utc>>, due: SlaDue) -> Self {
        Self { terms, used_ms, since, due }
    }

    /// Stands, if it ran.
    #[must_use]
    pub fn paused(self, at: DateTime<Utc>) -> Self {
        Self { used_ms: self.used_at(at).num_milliseconds(), since: None, ..self }
    }

    /// Goes on, if it stood.
    #[must_use]
    pub fn resumed(self, priority: TicketPriority, at: DateTime<Utc>) -> Self {
        if self.is_running() { self } else { self.running(priority, at) }
    }

    /// Has other targets from now on. Where it stands, it is due as if it went on now.
    #[must_use]
    pub fn aimed(self, priority: TicketPriority, at: DateTime<Utc>) -> Self {
        let stood = !self.is_running();
        let aimed = self.paused(at).running(priority, at);
        if stood { Self { since: None, ..aimed } } else { aimed }
    }

    fn running(self, priority: TicketPriority, at: DateTime<Utc>) -> Self {
        let due = |goal| {
            let target = self.terms.targets.of(priority).of(goal)?.span();
            let used = TimeDelta::milliseconds(self.used_ms);
            let (warn, due) = (target * 4 / 5 - used, target - used);
            let calendar = &self.terms.calendar;
            Some(GoalDue { warn_at: calendar.after(at, warn), due_at: calendar.after(at, due) })
        };
        let due = SlaDue { first_response: due(SlaGoal::FirstResponse), resolution: due(SlaGoal::Resolution) };
        Self { since: Some(at), due, ..self }
    }

    /// The business time that is used by then, in whole milliseconds.
    pub fn used_at(&self, at: DateTime<Utc>) -> TimeDelta {
        let running = self.since.map(|since| self.terms.calendar.between(since, at)).unwrap_or_default();
        TimeDelta::milliseconds(self.used_ms + running.num_milliseconds())
    }

    /// Whether it runs.
    pub const fn is_running(&self) -> bool {
        self.since.is_some()
    }

    /// The business time that was used before it last began to run, or stopped.
    pub const fn used_ms(&self) -> i64 {
        self.used_ms
    }

    /// When it is due, as it ran last.
    pub const fn due(&self) -> SlaDue {
        self.due
    }

    /// The terms.
    pub const fn terms(&self) -> &SlaTerms {
        &self.terms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TicketPriority::{Low, Medium, Urgent};
    use kernel::specs::noon;
    use proptest::prelude::*;

    fn terms(medium: &str, urgent: &str) -> SlaTerms {
        serde_json::from_value(serde_json::json!({
            "targets": {"medium": {"resolution": medium}, "urgent": {"resolution": urgent, "first_response": "10m"}},
            "calendar": {},
        }))
        .unwrap()
    }

    fn minute(minute: i64) -> DateTime<Utc> {
        noon() + TimeDelta::minutes(minute)
    }

    fn due(clock: &SlaClock) -> Option<DateTime<Utc>> {
        clock.due().resolution.map(|due| due.due_at)
    }

    #[test]
    fn a_pause_costs_nothing_and_a_repeat_changes_nothing() {
        let clock = SlaClock::started(terms("60m", "30m"), Medium, minute(0));
        assert_eq!(due(&clock), Some(minute(60)));
        assert_eq!(clock.due().first(), Some(minute(48)), "four fifths");
        assert_eq!(clock.clone().resumed(Medium, minute(5)), clock);
        let paused = clock.paused(minute(20));
        assert_eq!((paused.used_ms(), paused.clone().paused(minute(30))), (20 * 60_000, paused.clone()));
        assert_eq!(due(&paused.resumed(Medium, minute(100))), Some(minute(140)));
    }

    #[test]
    fn another_priority_decides_over_all_of_the_time() {
        let clock = SlaClock::started(terms("60m", "30m"), Medium, minute(0));
        assert_eq!(due(&clock.clone().aimed(Urgent, minute(10))), Some(minute(30)));
        assert_eq!(due(&clock.clone().aimed(Urgent, minute(40))), Some(minute(40)), "its time is over at once");
        assert_eq!(due(&clock.clone().aimed(Urgent, minute(10)).aimed(Medium, minute(20))), Some(minute(60)));
        assert_eq!(clock.clone().aimed(Low, minute(10)).due(), SlaDue::default());
        let waiting = clock.paused(minute(10)).aimed(Urgent, minute(50));
        assert_eq!((waiting.is_running(), due(&waiting)), (false, Some(minute(70))));
    }

    proptest! {
        /// However it is stopped, resumed and aimed: it is due when the rest of the last target is used.
        #[test]
        fn what_was_used_never_comes_back(steps in proptest::collection::vec((0_u8..4, 0_i64..40), 0..12)) {
            let (mut clock, mut now, mut used, mut priority) =
                (SlaClock::started(terms("500m", "400m"), Medium, minute(0)), 0, 0, Medium);
            for (step, minutes) in steps {
                if clock.is_running() {
                    used += minutes;
                }
                now += minutes;
                clock = match step {
                    0 => clock.paused(minute(now)),
                    1 => clock.resumed(priority, minute(now)),
                    _ => {
                        priority = if step == 2 { Urgent } else { Medium };
                        clock.aimed(priority, minute(now))
                    }
                };
            }
            let target = if priority == Urgent { 400 } else { 500 };
            let clock = clock.paused(minute(now)).resumed(priority, minute(now));
            prop_assert_eq!(due(&clock), Some(minute(now + (target - used).max(0))));
        }
    }
}
