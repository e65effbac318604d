//! Saying what a ticket is about.

use super::{Event, Ticket, TicketCategory, WORK};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Changes what a ticket is about. The category that it has changes nothing.
///
/// Refused on a closed, cancelled or merged ticket.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTicketCategory {
    /// What it is about.
    pub category: TicketCategory,
}

impl Command for ChangeTicketCategory {
    type Streams = Ticket;
    const NAME: &'static str = "support.change_ticket_category";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let case = ticket.existing()?;
        if case.category == self.category {
            return unchanged();
        }
        case.takes_changes()?;
        let (from, to, customer_id) = (case.category, self.category, case.customer_id);
        Ok(Decided::from(Event::CategoryChanged { from, to, customer_id }))
    }
}
