//! Why a command on a session is refused.

use kernel::RejectionKind;

/// Why a command on a session is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such session.
    #[error("there is no such session")]
    NotFound,
    /// The id is taken.
    #[error("this session has already begun")]
    AlreadyStarted,
    /// It is over.
    #[error("the session is over")]
    Over,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "identity.session_not_found",
            Self::AlreadyStarted => "identity.session_already_started",
            Self::Over => "identity.session_over",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::AlreadyStarted | Self::Over => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id in the list of sessions.",
            Self::AlreadyStarted | Self::Over => "Sign in again.",
        }
    }
}
