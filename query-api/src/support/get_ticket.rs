//! A ticket: its customer sees it, and every agent.

use crate::detail::Detail;
use crate::visible::Visible;
use domain::support::ticket;
use kernel::Event as _;
use kernel::{Scope, Version};
use platform::auth::Identity;
use read_models::support::tickets::{TicketRow, Tickets};
use uuid::Uuid;

pub(crate) struct GetTicket;

impl Detail for GetTicket {
    type Model = Tickets;
    const NAME: &'static str = "support.get_ticket";
    const SCOPE: Scope = Scope::new("support.ticket:read");
    const HISTORY_SCOPE: Scope = Scope::new("support.ticket:work");

    fn visible(identity: &Identity) -> Visible {
        super::own_or_all(identity, &["customer_id"])
    }

    fn streams(_row: &TicketRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(ticket::Event::CATEGORY, id)]
    }

    fn version(row: &TicketRow) -> Option<Version> {
        Some(row.version)
    }
}
