//! Why a command on a tenant is refused.

use kernel::RejectionKind;

/// Why a command on a tenant is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such tenant, or the actor does not administer the platform from its own tenant.
    #[error("there is no such tenant")]
    NotFound,
    /// Tenants are made from the platform's tenant only.
    #[error("tenants are created in the platform's own tenant")]
    PlatformOnly,
    /// The id is taken.
    #[error("this tenant has already been created")]
    AlreadyCreated,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "identity.tenant_not_found",
            Self::PlatformOnly => "identity.tenant_platform_only",
            Self::AlreadyCreated => "identity.tenant_already_created",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::PlatformOnly => RejectionKind::Forbidden,
            Self::AlreadyCreated => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id; tenants are changed by administrators of the platform.",
            Self::PlatformOnly => "Switch to the platform's tenant and use the token for it.",
            Self::AlreadyCreated => "Read the tenant, or create another one.",
        }
    }
}
