//! Why a command on a webhook is refused.

use kernel::RejectionKind;

/// Why a command on a webhook is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such webhook, or none any more.
    #[error("there is no such webhook")]
    NotFound,
    /// The id is taken.
    #[error("this webhook has already been registered")]
    AlreadyRegistered,
    /// No event that anybody knows fits a pattern.
    #[error("an event type is not known")]
    UnknownEventType,
    /// It is not called while it is disabled.
    #[error("the webhook is disabled")]
    Disabled,
    /// A replay begins at a position or at a time.
    #[error("a replay begins either at a position or at a time")]
    NoBeginning,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "notifications.webhook_not_found",
            Self::AlreadyRegistered => "notifications.webhook_already_registered",
            Self::UnknownEventType => "notifications.webhook_unknown_event_type",
            Self::Disabled => "notifications.webhook_disabled",
            Self::NoBeginning => "notifications.webhook_replay_without_beginning",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::UnknownEventType | Self::NoBeginning => RejectionKind::Invalid,
            Self::AlreadyRegistered | Self::Disabled => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id in the list of webhooks.",
            Self::AlreadyRegistered => "Register another one with a new id.",
            Self::UnknownEventType => {
                "See the catalogue of events; a star stands for all below: notifications.email.*."
            }
            Self::Disabled => "Enable it first.",
            Self::NoBeginning => "Send from_position or from_time, and not both.",
        }
    }
}
