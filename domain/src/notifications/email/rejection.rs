//! Why a command on a mail is refused.

use kernel::RejectionKind;

/// Why a command on a mail is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such mail.
    #[error("there is no such mail")]
    NotFound,
    /// The mail server has it.
    #[error("the mail has been sent")]
    Sent,
    /// It is not sent on purpose.
    #[error("the mail was suppressed")]
    Suppressed,
    /// Its link is no longer good: sending it again would help nobody.
    #[error("the link in the mail has ended")]
    Expired,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "notifications.email_not_found",
            Self::Sent => "notifications.email_sent",
            Self::Suppressed => "notifications.email_suppressed",
            Self::Expired => "notifications.email_expired",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::Sent | Self::Suppressed | Self::Expired => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id: `sillage effects list` shows what was given up.",
            Self::Sent => "Nothing needs to be done.",
            Self::Suppressed | Self::Expired => "Do again what caused the mail: it makes a new one.",
        }
    }
}
