//! Why a command on a user is refused.

use kernel::RejectionKind;

/// Why a command on a user is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such user, or it is somebody else.
    #[error("there is no such user")]
    NotFound,
    /// The id is taken.
    #[error("this user has already registered")]
    AlreadyRegistered,
    /// The account is closed.
    #[error("the account is closed")]
    Deactivated,
    /// The link was used, or a newer one of its sort was sent.
    #[error("the link has been used, or a newer one was sent")]
    LinkUsed,
    /// The link is over.
    #[error("the link has ended")]
    LinkExpired,
    /// Nobody closes his own account as its administrator.
    #[error("an administrator does not close the account that he uses")]
    OneselfNot,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "identity.user_not_found",
            Self::AlreadyRegistered => "identity.user_already_registered",
            Self::Deactivated => "identity.user_deactivated",
            Self::LinkUsed => "identity.link_used",
            Self::LinkExpired => "identity.link_expired",
            Self::OneselfNot => "identity.user_oneself_not",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::Deactivated => RejectionKind::Forbidden,
            Self::AlreadyRegistered | Self::LinkUsed | Self::LinkExpired | Self::OneselfNot => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id; people change their own account only.",
            Self::AlreadyRegistered => "Sign in, or ask for a new password.",
            Self::Deactivated => "Ask an administrator of the platform to open the account again.",
            Self::LinkUsed | Self::LinkExpired => "Ask for a new link and follow the one in the latest mail.",
            Self::OneselfNot => "Ask another administrator.",
        }
    }
}
