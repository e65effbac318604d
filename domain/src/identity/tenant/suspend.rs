//! Suspending a tenant.

use super::{Event, Tenant};
use crate::identity::{MANAGE_TENANTS, Reason};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Suspends a tenant: its commands are refused with `tenant_suspended` within five seconds, its people go on reading.
///
/// For administrators of the platform, in the platform's tenant. A tenant that is suspended stays so, and its first
/// reason with it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuspendTenant {
    /// Why; the tenant's administrators may read it.
    pub reason: Private<Reason>,
}

impl Command for SuspendTenant {
    type Streams = Tenant;
    const NAME: &'static str = "identity.suspend_tenant";
    const SCOPE: Scope = MANAGE_TENANTS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, tenant: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if tenant.administered(cx)?.suspended {
            return unchanged();
        }
        Ok(Decided::from(Event::Suspended { reason: self.reason.about(cx.target) }))
    }
}
