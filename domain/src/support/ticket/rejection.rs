//! Why a command on a ticket is refused.

use super::{REOPEN_WINDOW_DAYS, TicketStatus};
use kernel::RejectionKind;

/// Why a command on a ticket is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such ticket, or it is somebody else's.
    #[error("there is no such ticket")]
    NotFound,
    /// The id is taken by a ticket that was opened before.
    #[error("this ticket has already been opened")]
    AlreadyOpened,
    /// A customer tried to open a ticket for another person.
    #[error("only an agent opens tickets for somebody else")]
    ForSomebodyElse,
    /// The customer asked for a step that only agents take.
    #[error("only an agent may do this")]
    AgentsOnly,
    /// The ticket is resolved.
    #[error("the ticket is resolved")]
    Resolved,
    /// The ticket is closed.
    #[error("the ticket is closed")]
    Closed,
    /// The ticket is cancelled.
    #[error("the ticket is cancelled")]
    Cancelled,
    /// The status table has no such step, or only a reply or an assignment takes it.
    #[error("a ticket cannot be set from {from} to {to}")]
    StatusNotReachable {
        /// Where the ticket stands.
        from: TicketStatus,
        /// What was asked for.
        to: TicketStatus,
    },
    /// The ticket has been closed for too long.
    #[error("the ticket was closed more than {REOPEN_WINDOW_DAYS} days ago")]
    ReopenWindowOver,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "support.ticket_not_found",
            Self::AlreadyOpened => "support.ticket_already_opened",
            Self::ForSomebodyElse => "support.ticket_for_somebody_else",
            Self::AgentsOnly => "support.ticket_agents_only",
            Self::Resolved => "support.ticket_resolved",
            Self::Closed => "support.ticket_closed",
            Self::Cancelled => "support.ticket_cancelled",
            Self::StatusNotReachable { .. } => "support.ticket_status_not_reachable",
            Self::ReopenWindowOver => "support.ticket_reopen_window_over",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::ForSomebodyElse | Self::AgentsOnly => RejectionKind::Forbidden,
            Self::AlreadyOpened
            | Self::Resolved
            | Self::Closed
            | Self::Cancelled
            | Self::StatusNotReachable { .. }
            | Self::ReopenWindowOver => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id; customers see their own tickets only.",
            Self::AlreadyOpened => "Read the ticket, or open another one with a new id.",
            Self::ForSomebodyElse => "Leave customer_id out, or let an agent open the ticket.",
            Self::AgentsOnly => "Ask an agent, or write a reply.",
            Self::Resolved | Self::Closed => "Reopen the ticket first.",
            Self::Cancelled | Self::ReopenWindowOver => "Open a new ticket.",
            Self::StatusNotReachable { .. } => {
                "An open ticket gets in progress when it is assigned or an agent replies, a waiting one when the \
                 customer replies; reopen a resolved or closed one first."
            }
        }
    }
}
