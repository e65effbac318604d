//! The internal notes of a ticket, for agents.

use crate::list::List;
use kernel::{Reach, Scope};
use read_models::support::ticket_notes::TicketNotes;

pub(crate) struct ListNotes;

impl List for ListNotes {
    type Model = TicketNotes;
    const NAME: &'static str = "support.list_notes";
    const SCOPE: Scope = Scope::new("support.ticket:work");
    const REACH: Reach = Reach::All;
    const SORTS: &'static [&'static str] = &["version", "-version"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("ticket_id");
}
