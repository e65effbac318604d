//! Why a command on a membership is refused.

use kernel::RejectionKind;

/// Why a command on a membership is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such member.
    #[error("there is no such member")]
    NotFound,
    /// The user is a member already, with other roles or another supervisor.
    #[error("the user is a member already")]
    AlreadyMember,
    /// The member is deactivated.
    #[error("the member is deactivated")]
    Inactive,
    /// Nobody else administers the tenant.
    #[error("nobody else administers the tenant")]
    LastAdministrator,
    /// The role permits more than the actor holds.
    #[error("the roles permit more than the actor may do himself")]
    RoleBeyondOwn,
    /// There is no such supervisor among the active members.
    #[error("the supervisor is no active member")]
    SupervisorNotFound,
    /// The supervisor does not stand higher than the member.
    #[error("the supervisor's roles do not stand above the member's")]
    SupervisorNotAbove,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "identity.member_not_found",
            Self::AlreadyMember => "identity.member_already",
            Self::Inactive => "identity.member_inactive",
            Self::LastAdministrator => "identity.member_last_administrator",
            Self::RoleBeyondOwn => "identity.member_role_beyond_own",
            Self::SupervisorNotFound => "identity.member_supervisor_not_found",
            Self::SupervisorNotAbove => "identity.member_supervisor_not_above",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::RoleBeyondOwn => RejectionKind::Forbidden,
            Self::SupervisorNotFound | Self::SupervisorNotAbove => RejectionKind::Invalid,
            Self::AlreadyMember | Self::Inactive | Self::LastAdministrator => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id in the list of members.",
            Self::AlreadyMember => "Change the roles of the member instead.",
            Self::Inactive => "Reactivate the member first.",
            Self::LastAdministrator => "Make somebody else an administrator first.",
            Self::RoleBeyondOwn => "Ask an administrator of the tenant to give or take these roles.",
            Self::SupervisorNotFound => "Name the user id of an active member.",
            Self::SupervisorNotAbove => "Choose a supervisor whose role leads others of this role.",
        }
    }
}
