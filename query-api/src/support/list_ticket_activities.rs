//! What happened to a ticket, for agents.

use crate::list::{Filter, List};
use kernel::{Reach, Scope};
use read_models::support::{TicketAction, TicketActivities};

pub(crate) struct ListTicketActivities;

impl List for ListTicketActivities {
    type Model = TicketActivities;
    const NAME: &'static str = "support.list_ticket_activities";
    const SCOPE: Scope = Scope::new("support.ticket:work");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[Filter::labelled::<TicketAction>("action"), Filter::id("actor_id")];
    const SORTS: &'static [&'static str] = &["version", "-version"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("ticket_id");
}
