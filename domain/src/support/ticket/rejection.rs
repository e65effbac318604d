//! Why a command on a ticket is refused.

use super::{REOPEN_WINDOW_DAYS, TicketId, TicketStatus};
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
    /// The one who was to be responsible is not an active agent of the tenant.
    #[error("the assignee is no active agent of the tenant")]
    AssigneeNotAgent,
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
    /// The ticket goes on in another one.
    #[error("the ticket was merged into ticket {into}")]
    Merged {
        /// The other one.
        into: TicketId,
    },
    /// A ticket was to be merged into itself.
    #[error("a ticket cannot be merged into itself")]
    MergeIntoItself,
    /// The ticket to merge into takes nothing more.
    #[error("the other ticket is closed, cancelled or merged itself")]
    MergeTargetOver,
    /// The two tickets are of two customers, who must not see each other's.
    #[error("the two tickets are of two customers")]
    MergeOtherCustomer,
    /// Only the customer says how satisfied he is.
    #[error("only the customer may do this")]
    CustomerOnly,
    /// There is nothing to be satisfied with yet.
    #[error("the ticket is not resolved")]
    NotResolved,
    /// The customer has said it already.
    #[error("this resolution has been rated already")]
    CsatGiven,
    /// More keywords than a ticket may have.
    #[error("the ticket would have too many tags")]
    TooManyTags,
    /// There is no such file, it is somebody else's, or not on this ticket.
    #[error("there is no such file here")]
    AttachmentNotFound,
    /// The file has not been looked into yet.
    #[error("the file is not verified yet")]
    AttachmentNotVerified,
    /// The file was refused, or is erased.
    #[error("the file cannot be had")]
    AttachmentGone,
    /// The file would not go with the ticket's customer.
    #[error("the file is about somebody else than the ticket")]
    AttachmentAboutSomebodyElse,
    /// The file is on another ticket.
    #[error("the file is on another ticket")]
    AttachmentElsewhere,
    /// A file cannot be on a message and on a note.
    #[error("a file belongs to a message or to a note")]
    AttachmentToTwo,
    /// More files than a ticket may have.
    #[error("the ticket has too many files")]
    TooManyAttachments,
    /// There is no such message or note on this ticket, or the caller must not see it.
    #[error("there is no such message on this ticket")]
    MessageNotFound,
    /// The import that brings it in is not begun, completed or rolled back.
    #[error("the import does not run")]
    ImportOver,
    /// Somebody has worked on the imported ticket since.
    #[error("somebody has worked on the ticket since it was imported")]
    ImportTouched,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "support.ticket_not_found",
            Self::AlreadyOpened => "support.ticket_already_opened",
            Self::ForSomebodyElse => "support.ticket_for_somebody_else",
            Self::AgentsOnly => "support.ticket_agents_only",
            Self::AssigneeNotAgent => "support.ticket_assignee_not_agent",
            Self::Resolved => "support.ticket_resolved",
            Self::Closed => "support.ticket_closed",
            Self::Cancelled => "support.ticket_cancelled",
            Self::StatusNotReachable { .. } => "support.ticket_status_not_reachable",
            Self::ReopenWindowOver => "support.ticket_reopen_window_over",
            Self::Merged { .. } => "support.ticket_merged",
            Self::MergeIntoItself => "support.ticket_merge_into_itself",
            Self::MergeTargetOver => "support.ticket_merge_target_over",
            Self::MergeOtherCustomer => "support.ticket_merge_other_customer",
            Self::CustomerOnly => "support.ticket_customer_only",
            Self::NotResolved => "support.ticket_not_resolved",
            Self::CsatGiven => "support.ticket_csat_given",
            Self::TooManyTags => "support.ticket_too_many_tags",
            Self::AttachmentNotFound => "support.ticket_attachment_not_found",
            Self::AttachmentNotVerified => "support.ticket_attachment_not_verified",
            Self::AttachmentGone => "support.ticket_attachment_gone",
            Self::AttachmentAboutSomebodyElse => "support.ticket_attachment_about_somebody_else",
            Self::AttachmentElsewhere => "support.ticket_attachment_elsewhere",
            Self::AttachmentToTwo => "support.ticket_attachment_to_two",
            Self::TooManyAttachments => "support.ticket_too_many_attachments",
            Self::MessageNotFound => "support.ticket_message_not_found",
            Self::ImportOver => "support.ticket_import_over",
            Self::ImportTouched => "support.ticket_import_touched",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound | Self::AttachmentNotFound | Self::MessageNotFound => RejectionKind::NotFound,
            Self::ForSomebodyElse | Self::AgentsOnly | Self::CustomerOnly => RejectionKind::Forbidden,
            Self::MergeIntoItself | Self::AssigneeNotAgent | Self::AttachmentToTwo => RejectionKind::Invalid,
            Self::AlreadyOpened
            | Self::Resolved
            | Self::Closed
            | Self::Cancelled
            | Self::StatusNotReachable { .. }
            | Self::ReopenWindowOver
            | Self::Merged { .. }
            | Self::MergeTargetOver
            | Self::MergeOtherCustomer
            | Self::NotResolved
            | Self::CsatGiven
            | Self::TooManyTags
            | Self::AttachmentNotVerified
            | Self::AttachmentGone
            | Self::AttachmentAboutSomebodyElse
            | Self::AttachmentElsewhere
            | Self::TooManyAttachments
            | Self::ImportOver
            | Self::ImportTouched => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id; customers see their own tickets only.",
            Self::AlreadyOpened => "Read the ticket, or open another one with a new id.",
            Self::ForSomebodyElse => "Leave customer_id out, or let an agent open the ticket.",
            Self::AgentsOnly => "Ask an agent, or write a reply.",
            Self::AssigneeNotAgent => "Name the user id of an active member who works tickets.",
            Self::Resolved | Self::Closed => "Reopen the ticket first.",
            Self::Merged { .. } => "Go on in the ticket that it was merged into.",
            Self::MergeIntoItself | Self::MergeTargetOver => "Name another ticket that is still open.",
            Self::MergeOtherCustomer => "Merge only tickets of the same customer.",
            Self::CustomerOnly => "Let the customer say it.",
            Self::NotResolved => "Wait until the ticket is resolved.",
            Self::CsatGiven => "A ticket that is reopened and resolved again can be rated again.",
            Self::TooManyTags => "Take other tags off first; a ticket has at most 20.",
            Self::AttachmentNotFound => {
                "Check the id: you link what you have handed over, and have what is on the ticket."
            }
            Self::AttachmentNotVerified => "Say that the upload is complete, and wait until the file is verified.",
            Self::AttachmentGone => "Hand the file over again.",
            Self::AttachmentAboutSomebodyElse => "Hand the file over again, with the ticket's customer as `about`.",
            Self::AttachmentElsewhere => "Hand the file over once more: a file is on one ticket.",
            Self::AttachmentToTwo => "Name the message or the note, not both.",
            Self::TooManyAttachments => "A ticket has at most 100 files; open another one.",
            Self::MessageNotFound => "Check the id: it is that of a message of this ticket.",
            Self::ImportOver => "Send the file with a new Idempotency-Key to import it once more.",
            Self::ImportTouched => "Cancel the ticket by hand, if it is to go.",
            Self::Cancelled | Self::ReopenWindowOver => "Open a new ticket.",
            Self::StatusNotReachable { .. } => {
                "An open ticket gets in progress when it is assigned or an agent replies, a waiting one when the \
                 customer replies; reopen a resolved or closed one first."
            }
        }
    }
}
