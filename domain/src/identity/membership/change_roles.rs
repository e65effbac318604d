//! Changing what a member is.

use super::{Event, Membership, Rejection};
use crate::identity::MANAGE_MEMBERS;
use crate::identity::administrators::{self, Administrators};
use crate::identity::role_set::RoleSet;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Gives a member these roles and takes all others. They count in tokens that are issued from then on.
///
/// Whoever gives or takes a role must hold all that it permits (`identity.member_role_beyond_own`). The last
/// administrator of a tenant stays one (`identity.member_last_administrator`). The roles that he has change nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRoles {
    /// All roles that the member has from then on.
    pub roles: RoleSet,
}

impl Command for ChangeRoles {
    type Streams = (Membership, Administrators);
    const NAME: &'static str = "identity.change_roles";
    const SCOPE: Scope = MANAGE_MEMBERS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid) {
        (target, administrators::stream_id(cx.tenant_id))
    }

    fn decide(&self, (membership, administrators): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let member = membership.active()?;
        if member.roles == self.roles {
            return unchanged();
        }
        if member.roles.differing(&self.roles).any(|role| !role.may_be_granted_by(cx)) {
            return Err(Rejection::RoleBeyondOwn);
        }
        let appointed = administrators.with(member.user_id, self.roles.administers())?;
        let (roles, previous) = (self.roles.clone(), member.roles.clone());
        let changed = Event::RolesChanged { user_id: member.user_id, roles, previous };
        Ok(Decided::new((vec![changed], appointed.into_iter().collect())))
    }
}
