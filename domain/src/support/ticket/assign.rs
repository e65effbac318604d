//! Making an agent responsible.

use super::{Event, Ticket, TicketStatus};
use kernel::command::unchanged;
use kernel::{ActorId, Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Makes an agent responsible for a ticket; an open ticket gets in progress.
///
/// Assigning the same agent again changes nothing. Refused on a closed or cancelled ticket.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignTicket {
    /// The agent. Taken as given: whether this is an active agent of the tenant is not known here.
    pub assignee_id: ActorId,
}

impl Command for AssignTicket {
    type Streams = Ticket;
    const NAME: &'static str = "support.assign_ticket";
    const SCOPE: Scope = Scope::new("support.ticket:assign");
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let case = ticket.existing()?;
        if case.assignee_id == Some(self.assignee_id) {
            return unchanged();
        }
        case.takes_changes()?;
        let mut events = vec![Event::Assigned {
            assignee_id: self.assignee_id,
            previous_assignee_id: case.assignee_id,
            customer_id: case.customer_id,
            status: case.status,
        }];
        if case.status == TicketStatus::Open {
            events.push(case.moved(TicketStatus::InProgress, Some(self.assignee_id)));
        }
        Ok(Decided::new(events))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rejection;
    use super::super::specs::{ADA, BOB, CAROL, agent, assigned, moved, moved_for, opened};
    use super::*;
    use TicketStatus::{Cancelled, Closed, InProgress, Open, Resolved, WaitingCustomer};
    use kernel::specs::given;

    fn assign(assignee_id: ActorId) -> AssignTicket {
        AssignTicket { assignee_id }
    }

    fn taken_by_bob() -> [Event; 3] {
        [opened(), assigned(BOB, None), moved_for(Open, InProgress, Some(BOB))]
    }

    #[test]
    fn an_assigned_ticket_is_in_progress() {
        given([opened()])
            .when(&assign(BOB), &agent(CAROL))
            .answers([assigned(BOB, None), moved_for(Open, InProgress, Some(BOB))]);
    }

    #[test]
    fn assigning_again_changes_nothing() {
        given(taken_by_bob()).when(&assign(BOB), &agent(CAROL)).changes_nothing();
    }

    #[test]
    fn a_colleague_takes_over_and_the_status_stays() {
        for status in [WaitingCustomer, Resolved] {
            let events = taken_by_bob().into_iter().chain([moved(InProgress, status)]);
            let taken_over =
                Event::Assigned { assignee_id: CAROL, previous_assignee_id: Some(BOB), customer_id: ADA, status };
            given(events).when(&assign(CAROL), &agent(CAROL)).answers([taken_over]);
        }
    }

    #[test]
    fn a_closed_or_cancelled_ticket_stays_where_it_is() {
        for (status, rejection) in [(Closed, Rejection::Closed), (Cancelled, Rejection::Cancelled)] {
            given([opened(), moved(Open, status)]).when(&assign(BOB), &agent(CAROL)).is_rejected(&rejection);
        }
    }

    #[test]
    fn a_missing_ticket_is_not_found() {
        given([]).when(&assign(BOB), &agent(CAROL)).is_rejected(&Rejection::NotFound);
    }
}
