//! Whether a member may do anything in the tenant.

use super::{Event, Membership, Rejection};
use crate::identity::administrators::{self, Administrators};
use crate::identity::{MANAGE_MEMBERS, Reason};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Takes everything from a member: no token for this tenant is issued to him any more. His account and his other
/// tenants stay.
///
/// The last administrator of a tenant stays (`identity.member_last_administrator`). A member who is deactivated stays
/// so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeactivateMember {
    /// Why, for the record.
    pub reason: Option<Private<Reason>>,
}

impl Command for DeactivateMember {
    type Streams = (Membership, Administrators);
    const NAME: &'static str = "identity.deactivate_member";
    const SCOPE: Scope = MANAGE_MEMBERS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid) {
        (target, administrators::stream_id(cx.tenant_id))
    }

    fn decide(&self, (membership, administrators): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let member = membership.existing()?;
        if !member.active {
            return unchanged();
        }
        if !member.roles.may_be_granted_by(cx) {
            return Err(Rejection::RoleBeyondOwn);
        }
        let dismissed = administrators.with(member.user_id, false)?;
        let reason = self.reason.as_ref().map(|reason| reason.about(member.user_id));
        let deactivated = Event::Deactivated { user_id: member.user_id, reason };
        Ok(Decided::new((vec![deactivated], dismissed.into_iter().collect())))
    }
}

/// Gives a deactivated member back what he had. An active member changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReactivateMember {}

impl Command for ReactivateMember {
    type Streams = (Membership, Administrators);
    const NAME: &'static str = "identity.reactivate_member";
    const SCOPE: Scope = MANAGE_MEMBERS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid) {
        (target, administrators::stream_id(cx.tenant_id))
    }

    fn decide(&self, (membership, administrators): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let member = membership.existing()?;
        if member.active {
            return unchanged();
        }
        if !member.roles.may_be_granted_by(cx) {
            return Err(Rejection::RoleBeyondOwn);
        }
        let appointed = administrators.with(member.user_id, member.roles.administers())?;
        Ok(Decided::new((vec![Event::Reactivated { user_id: member.user_id }], appointed.into_iter().collect())))
    }
}
