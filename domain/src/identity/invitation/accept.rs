//! Accepting an invitation.

use super::{Event, Invitation, InvitationStatus, Rejection};
use crate::identity::administrators::{self, Administrators};
use crate::identity::membership::{Joining, Membership, Person, membership_id};
use crate::identity::{INVITATION_RESERVATION, RequestId, SIGN_IN, UserId};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that the link was followed by this user; he becomes a member in the same append.
///
/// The address of the account may be another one than the invitation's: whoever can read the mail may join. The same
/// user accepting again changes nothing. A member who was deactivated comes back with the roles of the invitation; one
/// who is active with others keeps them, and the invitation is refused (`identity.member_already`).
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInvitation {
    /// What the link answers to.
    pub request_id: RequestId,
    /// Who joins.
    pub user_id: UserId,
    /// How he is called and reached: what his account says.
    pub person: Person,
}

impl Command for AcceptInvitation {
    type Streams = (Invitation, Membership, Administrators);
    const NAME: &'static str = "identity.accept_invitation";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid, Uuid) {
        (target, membership_id(cx.tenant_id, self.user_id).0, administrators::stream_id(cx.tenant_id))
    }

    fn decide(&self, (invitation, membership, administrators): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let offer = invitation.existing()?;
        if offer.status == InvitationStatus::Accepted && offer.accepted_by == Some(self.user_id) {
            return unchanged();
        }
        let offer = invitation.open()?;
        if offer.request_id != self.request_id {
            return Err(Rejection::LinkReplaced);
        }
        if cx.now > offer.expires_at {
            return Err(Rejection::Expired);
        }
        let joining = Joining {
            user_id: self.user_id,
            person: &self.person,
            roles: &offer.roles,
            supervisor_id: offer.supervisor_id,
            invitation_id: Some(crate::identity::InvitationId(cx.target)),
        };
        let (joined, appointed) = joining.events(membership, administrators)?;
        let accepted = Event::Accepted { user_id: self.user_id };
        Ok(Decided::new((vec![accepted], joined, appointed))
            .releasing(INVITATION_RESERVATION, offer.email_index.to_string()))
    }
}
