//! The tickets: a customer sees his own, an agent all of them.

use crate::list::{Filter, List};
use crate::visible::Visible;
use domain::support::ticket::{TicketCategory, TicketPriority, TicketStatus};
use kernel::Scope;
use platform::auth::Identity;
use read_models::support::tickets::Tickets;

pub(crate) struct ListTickets;

impl List for ListTickets {
    type Model = Tickets;
    const NAME: &'static str = "support.list_tickets";
    const SCOPE: Scope = Scope::new("support.ticket:read");
    const FILTERS: &'static [Filter] = &[
        Filter::labelled::<TicketStatus>("status"),
        Filter::labelled::<TicketPriority>("priority"),
        Filter::labelled::<TicketCategory>("category"),
        Filter::id("customer_id"),
        Filter::id("assignee_id"),
        Filter::number("number"),
    ];
    const SORTS: &'static [&'static str] = &["-created_at", "created_at", "-number", "number", "-updated_at"];

    fn visible(identity: &Identity) -> Visible {
        super::own_or_all(identity, &["customer_id"])
    }
}
