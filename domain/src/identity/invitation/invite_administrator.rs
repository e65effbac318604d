//! Inviting the first administrator of a tenant.

use super::{Invitation, InviteMember};
use crate::identity::{EmailAddress, GRANT_ANY_ROLE, Locale, Role, RoleSet};
use kernel::{Command, Context, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Invites somebody to administer the tenant. It follows from the creation of a tenant, and nobody sends it: whoever makes
/// tenants has nothing to say in them.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteAdministrator {
    /// To which address.
    pub email: Private<EmailAddress>,
    /// In which language the mail is.
    #[serde(default)]
    pub locale: Locale,
}

impl Command for InviteAdministrator {
    type Streams = Invitation;
    const NAME: &'static str = "identity.invite_administrator";
    const SCOPE: Scope = GRANT_ANY_ROLE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, invitation: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let roles = RoleSet::new([Role::TenantAdmin]).expect("one role is enough");
        let invite = InviteMember { email: self.email.clone(), roles, supervisor_id: None, locale: self.locale };
        invite.decide(invitation, cx)
    }
}
