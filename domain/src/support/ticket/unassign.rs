//! Putting a ticket back into the pool.

use super::{Event, Ticket};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Makes nobody responsible for a ticket. Its status stays.
///
/// A ticket without an assignee is left as it is. Refused on a closed or cancelled ticket.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnassignTicket {}

impl Command for UnassignTicket {
    type Streams = Ticket;
    const NAME: &'static str = "support.unassign_ticket";
    const SCOPE: Scope = Scope::new("support.ticket:assign");
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let case = ticket.existing()?;
        let Some(previous_assignee_id) = case.assignee_id else {
            return unchanged();
        };
        case.takes_changes()?;
        Ok(Decided::from(Event::Unassigned {
            previous_assignee_id,
            customer_id: case.customer_id,
            status: case.status,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, BOB, agent, assigned, moved, moved_for, opened};
    use super::super::{Rejection, TicketStatus};
    use super::*;
    use TicketStatus::{Closed, InProgress, Open};
    use kernel::specs::given;

    fn taken_by_bob() -> [Event; 3] {
        [opened(), assigned(BOB, None), moved_for(Open, InProgress, Some(BOB))]
    }

    fn unassigned() -> Event {
        Event::Unassigned { previous_assignee_id: BOB, customer_id: ADA, status: InProgress }
    }

    #[test]
    fn a_ticket_goes_back_into_the_pool() {
        given(taken_by_bob()).when(&UnassignTicket {}, &agent(BOB)).answers([unassigned()]);
    }

    #[test]
    fn unassigning_again_changes_nothing() {
        let events = taken_by_bob().into_iter().chain([unassigned()]);
        given(events).when(&UnassignTicket {}, &agent(BOB)).changes_nothing();
    }

    #[test]
    fn a_closed_ticket_keeps_its_assignee() {
        let events = taken_by_bob().into_iter().chain([moved(InProgress, Closed)]);
        given(events).when(&UnassignTicket {}, &agent(BOB)).is_rejected(&Rejection::Closed);
    }

    #[test]
    fn a_missing_ticket_is_not_found() {
        given([]).when(&UnassignTicket {}, &agent(BOB)).is_rejected(&Rejection::NotFound);
    }
}
