//! Why telling what was done is refused.

use kernel::RejectionKind;

/// Why telling what was done is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// What concerns the whole installation is told in the platform's tenant.
    #[error("what operators do is told on the platform only")]
    PlatformOnly,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::PlatformOnly => "operations.platform_only",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::PlatformOnly => RejectionKind::NotFound,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::PlatformOnly => "Tell it in the platform's tenant.",
        }
    }
}
