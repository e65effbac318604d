//! When a ticket is due, and how that stands.

use super::tickets::TicketRow;
use chrono::{DateTime, Utc};
use domain::support::sla_clock::runs_in;
use domain::support::sla_terms::{SlaDue, SlaGoal};
use domain::support::ticket::TicketStatus;
use kernel::labelled;

labelled! {
    /// How it stands with what is due next of a ticket.
    pub enum SlaState("support.sla_state") {
        /// Its time runs.
        Running: "running", "Running", "En cours";
        /// Four fifths of its time are over.
        Warned: "warned", "Due soon", "Échéance proche";
        /// Its time is over.
        Breached: "breached", "Overdue", "En retard";
        /// Its time stands: it waits for the customer.
        Paused: "paused", "Paused", "En pause";
    }
}

impl TicketRow {
    /// The clock runs, and this is when it is due.
    pub(super) fn due_from_now(self, due: SlaDue) -> Self {
        let first_response_due_at = due.first_response.map(|due| due.due_at);
        Self { first_response_due_at, resolution_due_at: due.resolution.map(|due| due.due_at), ..self }
    }

    pub(super) fn warned(self, goal: SlaGoal, at: DateTime<Utc>) -> Self {
        match goal {
            SlaGoal::FirstResponse => Self { first_response_warned_at: Some(at), ..self },
            SlaGoal::Resolution => Self { resolution_warned_at: Some(at), ..self },
        }
    }

    pub(super) fn breached(self, goal: SlaGoal, at: DateTime<Utc>) -> Self {
        match goal {
            SlaGoal::FirstResponse => Self { first_response_breached_at: Some(at), ..self },
            SlaGoal::Resolution => Self { resolution_breached_at: Some(at), ..self },
        }
    }

    /// What is due next, as all the rest stands.
    pub(super) fn due_next(self) -> Self {
        let over = match self.status {
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer => self.merged_into.is_some(),
            TicketStatus::Resolved | TicketStatus::Closed | TicketStatus::Cancelled => true,
        };
        let answer = self
            .first_response_due_at
            .filter(|_| self.first_response_at.is_none())
            .map(|at| (at, self.first_response_breached_at.is_some(), self.first_response_warned_at.is_some()));
        let resolution = self
            .resolution_due_at
            .map(|at| (at, self.resolution_breached_at.is_some(), self.resolution_warned_at.is_some()));
        let next = answer.into_iter().chain(resolution).filter(|_| !over).min_by_key(|(at, ..)| *at);
        let sla_state = next.map(|(_, breached, warned)| match (breached, runs_in(self.status), warned) {
            (true, ..) => SlaState::Breached,
            (false, false, _) => SlaState::Paused,
            (false, true, true) => SlaState::Warned,
            (false, true, false) => SlaState::Running,
        });
        Self { due_at: next.map(|(at, ..)| at), sla_state, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tickets::tests::{ADA, BOB, TICKET, agent_replied, opened};
    use super::super::{TicketRow, Tickets};
    use super::*;
    use chrono::TimeDelta;
    use domain::support::sla_terms::GoalDue;
    use domain::support::ticket::{Event, TicketPriority};
    use kernel::specs::{Story, noon};

    fn hour(hour: i64) -> DateTime<Utc> {
        noon() + TimeDelta::hours(hour)
    }

    fn due(first_response: i64, resolution: i64) -> SlaDue {
        let goal = |at| Some(GoalDue { warn_at: hour(at) - TimeDelta::minutes(12), due_at: hour(at) });
        SlaDue { first_response: goal(first_response), resolution: goal(resolution) }
    }

    fn moved(from: TicketStatus, to: TicketStatus) -> Event {
        Event::StatusChanged { from, to, reason: None, customer_id: ADA, assignee_id: None, reopen_until: None }
    }

    fn told(story: &Story<Event>) -> (Option<DateTime<Utc>>, Option<SlaState>) {
        let row: TicketRow = story.row::<Tickets>(&TICKET).unwrap();
        (row.due_at, row.sla_state)
    }

    #[test]
    fn what_is_due_next_is_what_was_not_done_yet() {
        use SlaState::{Breached, Paused, Running, Warned};
        use TicketStatus::{InProgress, Open, Resolved, WaitingCustomer};
        let bare = Story::new().then_numbered(TICKET, ADA, Some(1), opened());
        assert_eq!(told(&bare), (None, None), "nothing is promised");
        let started = Event::SlaClockStarted { terms: Box::default(), at: hour(0), due: due(1, 8) };
        let (priority, assignee_id) = (TicketPriority::High, None);
        let goal = SlaGoal::FirstResponse;
        let story = bare.then(TICKET, ADA, started);
        assert_eq!(told(&story), (Some(hour(1)), Some(Running)));
        let story = story.then(TICKET, ADA, Event::SlaWarned { goal, due_at: hour(1), priority, assignee_id });
        assert_eq!(told(&story), (Some(hour(1)), Some(Warned)));
        let story = story.then(TICKET, ADA, Event::SlaBreached { goal, due_at: hour(1), priority, assignee_id });
        assert_eq!(told(&story), (Some(hour(1)), Some(Breached)));
        let story = story.then(TICKET, BOB, agent_replied(1, true)).then(TICKET, BOB, moved(Open, InProgress));
        assert_eq!(told(&story), (Some(hour(8)), Some(Running)), "the resolution is next");
        let story = story.then(TICKET, BOB, moved(InProgress, WaitingCustomer));
        assert_eq!(told(&story), (Some(hour(8)), Some(Paused)));
        let story = story.then(TICKET, ADA, moved(WaitingCustomer, InProgress));
        let story = story.then(TICKET, ADA, Event::SlaClockResumed { at: hour(5), due: due(9, 12) });
        assert_eq!(told(&story), (Some(hour(12)), Some(Running)));
        let story = story.then(TICKET, BOB, moved(InProgress, Resolved));
        assert_eq!(told(&story), (None, None), "done");
        let row = story.row::<Tickets>(&TICKET).unwrap();
        assert!(row.first_response_breached_at.is_some() && row.resolution_breached_at.is_none());
    }
}
