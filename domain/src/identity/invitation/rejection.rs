//! Why a command on an invitation is refused.

use crate::identity::membership;
use kernel::RejectionKind;

/// Why a command on an invitation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such invitation.
    #[error("there is no such invitation")]
    NotFound,
    /// The id is taken.
    #[error("this invitation has already been sent")]
    AlreadyInvited,
    /// It was accepted.
    #[error("the invitation has been accepted")]
    Accepted,
    /// It was taken back.
    #[error("the invitation has been taken back")]
    Revoked,
    /// It is over.
    #[error("the invitation has expired")]
    Expired,
    /// It is not over yet.
    #[error("the invitation can still be accepted")]
    NotOver,
    /// A newer link was sent.
    #[error("a newer link was sent")]
    LinkReplaced,
    /// The membership cannot be opened.
    #[error(transparent)]
    Membership(#[from] membership::Rejection),
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "identity.invitation_not_found",
            Self::AlreadyInvited => "identity.invitation_already_sent",
            Self::Accepted => "identity.invitation_accepted",
            Self::Revoked => "identity.invitation_revoked",
            Self::Expired => "identity.invitation_expired",
            Self::NotOver => "identity.invitation_not_over",
            Self::LinkReplaced => "identity.invitation_link_replaced",
            Self::Membership(rejection) => rejection.code(),
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::AlreadyInvited
            | Self::Accepted
            | Self::Revoked
            | Self::Expired
            | Self::NotOver
            | Self::LinkReplaced => RejectionKind::Conflict,
            Self::Membership(rejection) => rejection.kind(),
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id in the list of invitations.",
            Self::AlreadyInvited => "Send it again, or invite somebody else.",
            Self::Accepted => "Look for the member in the list of members.",
            Self::Revoked | Self::Expired => "Invite the person again.",
            Self::NotOver => "Revoke it, or wait until it has expired.",
            Self::LinkReplaced => "Follow the link in the latest mail.",
            Self::Membership(rejection) => rejection.remedy(),
        }
    }
}
