//! Putting two tickets about the same thing together.

use super::{Event, Rejection, Ticket, TicketId, TicketStatus, WORK};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Merges the ticket of the route into another one of the same customer, in which everything goes on. It is closed; its
/// number and its messages stay where they are and can be found. Undone by unmerging it.
///
/// Merged there already changes nothing. Refused where the other one is closed, cancelled or merged itself
/// (`support.ticket_merge_target_over`), of another customer (`support.ticket_merge_other_customer`), or the same ticket.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeTicket {
    /// The ticket in which everything goes on.
    pub into: TicketId,
}

impl Command for MergeTicket {
    type Streams = (Ticket, Ticket);
    const NAME: &'static str = "support.merge_ticket";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> (Uuid, Uuid) {
        (target, self.into.0)
    }

    fn decide(&self, (ticket, into): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let ticket_id = TicketId(cx.target);
        if ticket_id == self.into {
            return Err(Rejection::MergeIntoItself);
        }
        let case = ticket.case.as_ref().ok_or(Rejection::NotFound)?;
        if case.merged_into == Some(self.into) {
            return unchanged();
        }
        let case = ticket.existing()?;
        let other = into.case.as_ref().ok_or(Rejection::NotFound)?;
        let over = matches!(other.status, TicketStatus::Closed | TicketStatus::Cancelled);
        if over || other.merged_into.is_some() {
            return Err(Rejection::MergeTargetOver);
        }
        if other.customer_id != case.customer_id {
            return Err(Rejection::MergeOtherCustomer);
        }
        let customer_id = case.customer_id;
        let mut events = vec![Event::MergedInto { into: self.into, status: case.status, customer_id }];
        if case.status != TicketStatus::Closed {
            events.push(case.moved(TicketStatus::Closed, case.assignee_id));
        }
        Ok(Decided::new((case.timed(events, cx.now), vec![Event::Absorbed { ticket_id, customer_id }])))
    }
}
