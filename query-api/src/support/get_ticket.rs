//! A ticket: its customer sees it, and every agent.

use crate::detail::Detail;
use domain::support::ticket;
use domain::support::ticket::WORK;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::support::tickets::{TicketRow, Tickets};
use uuid::Uuid;

pub(crate) struct GetTicket;

impl Detail for GetTicket {
    type Model = Tickets;
    const NAME: &'static str = "support.get_ticket";
    const SCOPE: Scope = Scope::new("support.ticket:read");
    const REACH: Reach = Reach::Own { all: Some(WORK) };
    const OWNERS: &'static [&'static str] = &["customer_id"];
    const HISTORY_SCOPE: Scope = Scope::new("support.ticket:work");

    fn streams(_row: &TicketRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(ticket::Event::CATEGORY, id)]
    }

    fn version(row: &TicketRow) -> Option<Version> {
        Some(row.version)
    }
}
