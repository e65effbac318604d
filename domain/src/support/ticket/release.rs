//! Taking a ticket from somebody who does not work tickets any more.

use super::{Event, Ticket, TicketStatus};
use kernel::command::unchanged;
use kernel::{ActorId, Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Puts a ticket back into the pool where this agent is responsible for it: he has left, or works no tickets any more.
/// Nobody asks for it; it follows from what happened to the member.
///
/// Where somebody else is responsible by now, or it is over, nothing changes: what is over keeps who was responsible.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseTicket {
    /// The agent who is not responsible any more.
    pub assignee_id: ActorId,
}

impl Command for ReleaseTicket {
    type Streams = Ticket;
    const NAME: &'static str = "support.release_ticket";
    const SCOPE: Scope = Scope::new("support.ticket:assign");
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let Some(case) = &ticket.case else { return unchanged() };
        let over = match case.status {
            TicketStatus::Closed | TicketStatus::Cancelled => true,
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer | TicketStatus::Resolved => {
                false
            }
        };
        if over || case.assignee_id != Some(self.assignee_id) {
            return unchanged();
        }
        Ok(Decided::from(Event::Unassigned {
            previous_assignee_id: self.assignee_id,
            customer_id: case.customer_id,
            status: case.status,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, BOB, CAROL, agent, assigned, moved, moved_for, opened};
    use super::*;
    use TicketStatus::{Closed, InProgress, Open};
    use kernel::specs::given;

    #[test]
    fn only_what_he_still_holds_and_what_goes_on_is_taken_from_him() {
        let release = |assignee_id| ReleaseTicket { assignee_id };
        let taken = || vec![opened(), assigned(BOB, None), moved_for(Open, InProgress, Some(BOB))];
        let released = Event::Unassigned { previous_assignee_id: BOB, customer_id: ADA, status: InProgress };
        given(taken()).when(&release(BOB), &agent(CAROL)).answers([released.clone()]);
        given(taken()).when(&release(CAROL), &agent(CAROL)).changes_nothing();
        let again = taken().into_iter().chain([released]);
        given(again).when(&release(BOB), &agent(CAROL)).changes_nothing();
        let closed = taken().into_iter().chain([moved(InProgress, Closed)]);
        given(closed).when(&release(BOB), &agent(CAROL)).changes_nothing();
        given([]).when(&release(BOB), &agent(CAROL)).changes_nothing();
    }
}
