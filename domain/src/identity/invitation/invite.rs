//! Inviting somebody.

use super::{Event, Invitation, LIFETIME, Rejection};
use crate::identity::role_set::RoleSet;
use crate::identity::{
    EmailAddress, INVITATION_RESERVATION, Locale, MANAGE_INVITATIONS, Recipient, UserId, after, membership, request_id,
};
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Invites somebody by e-mail to join the tenant with these roles. The link in the mail is good for seven days.
///
/// Whoever invites must hold all that the roles permit (`identity.member_role_beyond_own`). An address has one open
/// invitation at a time: refused with `name_taken`, send that one again. Whether the address has an account or belongs
/// to a member shows only when the link is followed.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteMember {
    /// To which address.
    pub email: Private<EmailAddress>,
    /// As what he joins.
    pub roles: RoleSet,
    /// Who will lead him: the user id of a member. Taken as given; set it again where it turns out wrong.
    pub supervisor_id: Option<UserId>,
    /// In which language the mail is.
    #[serde(default)]
    pub locale: Locale,
}

impl Command for InviteMember {
    type Streams = Invitation;
    const NAME: &'static str = "identity.invite_member";
    const SCOPE: Scope = MANAGE_INVITATIONS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, invitation: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if invitation.offer.is_some() {
            return Err(Rejection::AlreadyInvited);
        }
        if !self.roles.may_be_granted_by(cx) {
            return Err(membership::Rejection::RoleBeyondOwn.into());
        }
        let email_index = cx.blind_index(INVITATION_RESERVATION, self.email.value().as_str());
        let invited = Event::Invited {
            request_id: request_id(cx),
            to: Recipient { email: self.email.about(cx.target), given_name: None, locale: self.locale },
            email_index,
            roles: self.roles.clone(),
            supervisor_id: self.supervisor_id,
            expires_at: after(cx, LIFETIME),
        };
        Ok(Decided::from(invited).reserving(INVITATION_RESERVATION, email_index.to_string()))
    }
}
