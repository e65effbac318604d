//! What the support desk shows.
//!
//! Internal notes have a table of their own; the tables that customers read never hold one (TL4).

pub mod ticket_messages;
pub mod ticket_notes;
pub mod tickets;

pub use ticket_messages::{TicketMessageRow, TicketMessages};
pub use ticket_notes::{TicketNoteRow, TicketNotes};
pub use tickets::{TicketRow, Tickets};
