//! The HTTP face of the support desk.

use crate::routes::CommandRoutes;
use domain::support::ticket::{
    AddInternalNote, AssignTicket, ChangeTicketStatus, OpenTicket, ReplyToTicket, UnassignTicket,
};

pub(crate) fn routes() -> CommandRoutes {
    CommandRoutes::new("/support")
        .create::<OpenTicket>("/tickets")
        .on::<ReplyToTicket>("/tickets/{ticket_id}/replies")
        .on::<AddInternalNote>("/tickets/{ticket_id}/notes")
        .on::<AssignTicket>("/tickets/{ticket_id}/assign")
        .on::<UnassignTicket>("/tickets/{ticket_id}/unassign")
        .on::<ChangeTicketStatus>("/tickets/{ticket_id}/status")
}
