//! Why a policy is refused.

use kernel::RejectionKind;

/// Why a policy is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A ticket would have to be resolved before it has to be answered.
    #[error("a first response would be due after the resolution")]
    ResponseAfterResolution,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::ResponseAfterResolution => "support.sla_policy_response_after_resolution",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::ResponseAfterResolution => RejectionKind::Invalid,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::ResponseAfterResolution => "Make each priority's first response due before its resolution.",
        }
    }
}
