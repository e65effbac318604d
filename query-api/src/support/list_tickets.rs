//! The tickets: a customer sees his own, an agent all of them.

use crate::list::{Filter, List};
use crate::search::Searched;
use domain::support::Tag;
use domain::support::ticket::{TicketCategory, TicketNumber, TicketPriority, TicketStatus, WORK};
use kernel::{Reach, Scope};
use read_models::support::{SlaState, TicketMessages, Tickets};

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
        Filter::holds::<Tag>("tag", "tags", "keywords"),
        Filter::some("unread"),
        Filter::id("merged_into"),
        Filter::from("created_from", "created_at"),
        Filter::before("created_to", "created_at"),
        Filter::labelled::<SlaState>("sla_state"),
        Filter::before("due_before", "due_at"),
    ];
    const SORTS: &'static [&'static str] = &["-created_at", "created_at", "-number", "number", "-updated_at", "due_at"];

    const SEARCHED: &'static [Searched] = &[Searched::by::<Tickets>(), Searched::by::<TicketMessages>()];

    /// `TKT-00042`, or 42: a ticket by its number.
    fn named(typed: &str) -> Option<(&'static Filter, String)> {
        const NUMBER: Filter = Filter::number("number");
        let number: TicketNumber = typed.parse().ok()?;
        Some((&NUMBER, number.0.to_string()))
    }
}
