//! A customer's own tickets, from the table that holds nothing internal.

use crate::list::{Filter, List};
use domain::support::ticket::{TicketCategory, TicketPriority, TicketStatus};
use kernel::{Reach, Scope};
use read_models::support::CustomerTickets;

pub(crate) struct ListOwnTickets;

impl List for ListOwnTickets {
    type Model = CustomerTickets;
    const NAME: &'static str = "support.list_own_tickets";
    const SCOPE: Scope = Scope::new("support.ticket:read");
    const REACH: Reach = Reach::Own { all: None };
    const OWNERS: &'static [&'static str] = &["customer_id"];
    const FILTERS: &'static [Filter] = &[
        Filter::labelled::<TicketStatus>("status"),
        Filter::labelled::<TicketPriority>("priority"),
        Filter::labelled::<TicketCategory>("category"),
        Filter::number("number"),
        Filter::some("unread"),
    ];
    const SORTS: &'static [&'static str] = &["-updated_at", "-created_at", "created_at"];
}
