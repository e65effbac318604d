//! Why a command on a feed is refused.

use super::state::MAX_MUTED;
use kernel::RejectionKind;

/// Why a command on a feed is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It is not the actor's own.
    #[error("there are no such notifications")]
    NotFound,
    /// More is muted than anybody means.
    #[error("{MAX_MUTED} tickets are muted already")]
    TooManyMuted,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "notifications.feed_not_found",
            Self::TooManyMuted => "notifications.feed_too_many_muted",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::TooManyMuted => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Use the feed_id that /v1/notifications/own-feed shows you; everybody has his own.",
            Self::TooManyMuted => "Unmute tickets that are over, or switch the topic off in your preferences.",
        }
    }
}
