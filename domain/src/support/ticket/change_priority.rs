//! Saying how soon a ticket needs an answer.

use super::{Event, Ticket, TicketPriority, WORK};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Changes how soon a ticket needs an answer. The priority that it has changes nothing.
///
/// Refused on a closed, cancelled or merged ticket.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTicketPriority {
    /// How soon.
    pub priority: TicketPriority,
}

impl Command for ChangeTicketPriority {
    type Streams = Ticket;
    const NAME: &'static str = "support.change_ticket_priority";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let case = ticket.existing()?;
        if case.priority == self.priority {
            return unchanged();
        }
        case.takes_changes()?;
        let (from, to, customer_id) = (case.priority, self.priority, case.customer_id);
        Ok(Decided::new(case.timed(vec![Event::PriorityChanged { from, to, customer_id }], cx.now)))
    }
}
