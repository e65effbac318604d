//! Ending an invitation that nobody accepted.

use super::{Event, Invitation, InvitationStatus, Rejection};
use crate::identity::{INVITATION_RESERVATION, SIGN_IN};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Ends an invitation whose time is over, so that the address can be invited again. A timer does this; an invitation
/// that is over is not accepted before it either.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpireInvitation {}

impl Command for ExpireInvitation {
    type Streams = Invitation;
    const NAME: &'static str = "identity.expire_invitation";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, invitation: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let offer = invitation.existing()?;
        if offer.status != InvitationStatus::Open {
            return unchanged();
        }
        if cx.now <= offer.expires_at {
            return Err(Rejection::NotOver);
        }
        Ok(Decided::from(Event::Expired {}).releasing(INVITATION_RESERVATION, offer.email_index.to_string()))
    }
}
