//! The tickets: a customer sees his own, an agent all of them.

use crate::list::{Filter, List};
use domain::support::ticket::WORK;
use domain::support::ticket::{TicketCategory, TicketPriority, TicketStatus};
use kernel::{Reach, Scope};
use read_models::support::tickets::Tickets;

pub(crate) struct ListTickets;

impl List for ListTickets {
    type Model = Tickets;
    const NAME: &'static str = "support.list_tickets";
    const SCOPE: Scope = Scope::new("support.ticket:read");
    const REACH: Reach = Reach::Own { all: Some(WORK) };
    const OWNERS: &'static [&'static str] = &["customer_id"];
    const FILTERS: &'static [Filter] = &[
        Filter::labelled::<TicketStatus>("status"),
        Filter::labelled::<TicketPriority>("priority"),
        Filter::labelled::<TicketCategory>("category"),
        Filter::id("customer_id"),
        Filter::id("assignee_id"),
        Filter::number("number"),
    ];
    const SORTS: &'static [&'static str] = &["-created_at", "created_at", "-number", "number", "-updated_at"];
}
