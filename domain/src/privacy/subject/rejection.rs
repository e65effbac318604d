//! Why a command on a subject is refused.

use kernel::RejectionKind;

/// Why a command on a subject is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No erasure was asked for.
    #[error("nobody asked to erase this subject")]
    NotRequested,
    /// There is no key to destroy.
    #[error("nothing is kept about this subject")]
    NothingKept,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotRequested => "privacy.subject_erasure_not_requested",
            Self::NothingKept => "privacy.subject_nothing_kept",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotRequested => RejectionKind::Conflict,
            Self::NothingKept => RejectionKind::NotFound,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotRequested => "Ask for the erasure first.",
            Self::NothingKept => "Check the id: it is that of the user, the customer or whoever wrote.",
        }
    }
}
