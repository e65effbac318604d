//! Sending an invitation again.

use super::{Event, Invitation, LIFETIME};
use crate::identity::{MANAGE_INVITATIONS, Recipient, after, membership, request_id};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Sends an open invitation again, with a new link that is good for seven days; earlier links end.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendInvitation {}

impl Command for ResendInvitation {
    type Streams = Invitation;
    const NAME: &'static str = "identity.resend_invitation";
    const SCOPE: Scope = MANAGE_INVITATIONS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, invitation: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let offer = invitation.open()?;
        if !offer.roles.may_be_granted_by(cx) {
            return Err(membership::Rejection::RoleBeyondOwn.into());
        }
        Ok(Decided::from(Event::Resent {
            request_id: request_id(cx),
            to: Recipient { email: offer.email.clone(), given_name: None, locale: offer.locale },
            roles: offer.roles.clone(),
            expires_at: after(cx, LIFETIME),
        }))
    }
}
