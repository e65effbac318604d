//! Why a command on an API key is refused.

use kernel::RejectionKind;

/// Why a command on an API key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such key.
    #[error("there is no such API key")]
    NotFound,
    /// The id is taken.
    #[error("this API key has already been issued")]
    AlreadyIssued,
    /// A scope is beyond what the issuer may do.
    #[error("a scope is beyond what the issuer may do himself")]
    ScopeBeyondOwn,
    /// The end lies in the past.
    #[error("the end lies in the past")]
    EndsInThePast,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "identity.api_key_not_found",
            Self::AlreadyIssued => "identity.api_key_already_issued",
            Self::ScopeBeyondOwn => "identity.api_key_scope_beyond_own",
            Self::EndsInThePast => "identity.api_key_ends_in_the_past",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::ScopeBeyondOwn => RejectionKind::Forbidden,
            Self::EndsInThePast => RejectionKind::Invalid,
            Self::AlreadyIssued => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id in the list of API keys.",
            Self::AlreadyIssued => "Issue another one with a new id.",
            Self::ScopeBeyondOwn => "Leave out the scopes that your own token does not have.",
            Self::EndsInThePast => "Choose an end in the future, or none.",
        }
    }
}
