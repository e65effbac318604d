//! What the support desk shows.

mod get_ticket;
mod list_notes;
mod list_replies;
mod list_tickets;
mod what_if_ticket_targets;

pub use what_if_ticket_targets::{
    TargetCounts, TicketTargetsAnswer, TicketTargetsQuestion, ask as what_if_ticket_targets,
};

use crate::routes::QueryRoutes;

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/support")
        .list::<list_tickets::ListTickets>("/tickets")
        .detail::<get_ticket::GetTicket>("/tickets/{ticket_id}")
        .list::<list_replies::ListReplies>("/tickets/{ticket_id}/replies")
        .list::<list_notes::ListNotes>("/tickets/{ticket_id}/notes")
        .raw_post("/what-if/ticket-targets", what_if_ticket_targets::answer, what_if_ticket_targets::describe)
}
