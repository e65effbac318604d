//! What the support desk shows.

mod get_ticket;
mod list_notes;
mod list_replies;
mod list_tickets;

use crate::routes::QueryRoutes;

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/support")
        .list::<list_tickets::ListTickets>("/tickets")
        .detail::<get_ticket::GetTicket>("/tickets/{ticket_id}")
        .list::<list_replies::ListReplies>("/tickets/{ticket_id}/replies")
        .list::<list_notes::ListNotes>("/tickets/{ticket_id}/notes")
}
