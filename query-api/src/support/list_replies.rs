//! The public thread of a ticket.

use crate::list::List;
use domain::support::ticket::WORK;
use kernel::{Reach, Scope};
use read_models::support::ticket_messages::TicketMessages;

pub(crate) struct ListReplies;

impl List for ListReplies {
    type Model = TicketMessages;
    const NAME: &'static str = "support.list_replies";
    const SCOPE: Scope = Scope::new("support.ticket:read");
    const REACH: Reach = Reach::Own { all: Some(WORK) };
    const OWNERS: &'static [&'static str] = &["customer_id"];
    const SORTS: &'static [&'static str] = &["seq", "-seq"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("ticket_id");
}
