//! What the support desk shows.

mod get_ticket;
mod list_notes;
mod list_replies;
mod list_tickets;

use crate::routes::QueryRoutes;
use crate::visible::Visible;
use domain::support::ticket::WORK;
use platform::auth::Identity;

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/support")
        .list::<list_tickets::ListTickets>("/tickets")
        .detail::<get_ticket::GetTicket>("/tickets/{ticket_id}")
        .list::<list_replies::ListReplies>("/tickets/{ticket_id}/replies")
        .list::<list_notes::ListNotes>("/tickets/{ticket_id}/notes")
}

/// Agents see every row of the tenant, everybody else the rows that name him.
fn own_or_all(identity: &Identity, columns: &'static [&'static str]) -> Visible {
    if identity.scopes.contains(WORK) { Visible::All } else { Visible::Own(columns) }
}
