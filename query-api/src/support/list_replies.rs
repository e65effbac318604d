//! The public thread of a ticket.

use crate::list::List;
use crate::visible::Visible;
use kernel::Scope;
use platform::auth::Identity;
use read_models::support::ticket_messages::TicketMessages;

pub(crate) struct ListReplies;

impl List for ListReplies {
    type Model = TicketMessages;
    const NAME: &'static str = "support.list_replies";
    const SCOPE: Scope = Scope::new("support.ticket:read");
    const SORTS: &'static [&'static str] = &["seq", "-seq"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("ticket_id");

    fn visible(identity: &Identity) -> Visible {
        super::own_or_all(identity, &["customer_id"])
    }
}
