//! Making an agent responsible: what it comes to on the ticket. Who is an agent is not known here, so the command is in
//! `processes`.

use super::{Event, Rejection, Ticket, TicketStatus};
use kernel::ActorId;

impl Ticket {
    /// What happens when somebody becomes responsible; `works_tickets` says whether he is an active agent of the tenant.
    ///
    /// # Errors
    /// There is no such ticket, it takes no changes, or he is no agent.
    pub fn assigned_to(&self, assignee_id: ActorId, works_tickets: bool) -> Result<Vec<Event>, Rejection> {
        let case = self.existing()?;
        if case.assignee_id == Some(assignee_id) && works_tickets {
            return Ok(Vec::new());
        }
        case.takes_changes()?;
        if !works_tickets {
            return Err(Rejection::AssigneeNotAgent);
        }
        let mut events = vec![Event::Assigned {
            assignee_id,
            previous_assignee_id: case.assignee_id,
            customer_id: case.customer_id,
            status: case.status,
        }];
        if case.status == TicketStatus::Open {
            events.push(case.moved(TicketStatus::InProgress, Some(assignee_id)));
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, BOB, CAROL, assigned, moved, moved_for, opened};
    use super::*;
    use TicketStatus::{Cancelled, Closed, InProgress, Open, Resolved, WaitingCustomer};
    use kernel::specs::state_of;

    fn assign(events: impl IntoIterator<Item = Event>, assignee_id: ActorId) -> Result<Vec<Event>, Rejection> {
        state_of::<Ticket>(events).assigned_to(assignee_id, true)
    }

    fn taken_by_bob() -> [Event; 3] {
        [opened(), assigned(BOB, None), moved_for(Open, InProgress, Some(BOB))]
    }

    #[test]
    fn an_assigned_ticket_is_in_progress() {
        let events = [assigned(BOB, None), moved_for(Open, InProgress, Some(BOB))];
        assert_eq!(assign([opened()], BOB).unwrap(), events);
    }

    #[test]
    fn assigning_again_changes_nothing() {
        assert_eq!(assign(taken_by_bob(), BOB).unwrap(), []);
    }

    #[test]
    fn who_has_left_the_desk_is_not_assigned_again_either() {
        let again = state_of::<Ticket>(taken_by_bob()).assigned_to(BOB, false);
        assert_eq!(again, Err(Rejection::AssigneeNotAgent));
    }

    #[test]
    fn a_colleague_takes_over_and_the_status_stays() {
        for status in [WaitingCustomer, Resolved] {
            let events = taken_by_bob().into_iter().chain([moved(InProgress, status)]);
            let taken_over =
                Event::Assigned { assignee_id: CAROL, previous_assignee_id: Some(BOB), customer_id: ADA, status };
            assert_eq!(assign(events, CAROL).unwrap(), [taken_over]);
        }
    }

    #[test]
    fn a_closed_or_cancelled_ticket_stays_where_it_is() {
        for (status, rejection) in [(Closed, Rejection::Closed), (Cancelled, Rejection::Cancelled)] {
            assert_eq!(assign([opened(), moved(Open, status)], BOB), Err(rejection));
        }
    }

    #[test]
    fn nobody_but_an_agent_becomes_responsible() {
        let ticket = state_of::<Ticket>([opened()]);
        assert_eq!(ticket.assigned_to(BOB, false), Err(Rejection::AssigneeNotAgent));
    }

    #[test]
    fn a_missing_ticket_is_not_found() {
        assert_eq!(assign([], BOB), Err(Rejection::NotFound));
    }
}
