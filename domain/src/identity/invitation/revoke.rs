//! Taking an invitation back.

use super::{Event, Invitation, InvitationStatus};
use crate::identity::{INVITATION_RESERVATION, MANAGE_INVITATIONS};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Takes an open invitation back; its link ends. One that was taken back stays so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeInvitation {}

impl Command for RevokeInvitation {
    type Streams = Invitation;
    const NAME: &'static str = "identity.revoke_invitation";
    const SCOPE: Scope = MANAGE_INVITATIONS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, invitation: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        if invitation.existing()?.status == InvitationStatus::Revoked {
            return unchanged();
        }
        let offer = invitation.open()?;
        Ok(Decided::from(Event::Revoked {}).releasing(INVITATION_RESERVATION, offer.email_index.to_string()))
    }
}
