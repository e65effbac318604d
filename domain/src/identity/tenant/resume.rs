//! Letting a suspended tenant work again.

use super::{Event, Tenant};
use crate::identity::MANAGE_TENANTS;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Lets a suspended tenant work again.
///
/// For administrators of the platform, in the platform's tenant. A tenant that works goes on.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeTenant {}

impl Command for ResumeTenant {
    type Streams = Tenant;
    const NAME: &'static str = "identity.resume_tenant";
    const SCOPE: Scope = MANAGE_TENANTS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, tenant: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if !tenant.administered(cx)?.suspended {
            return unchanged();
        }
        Ok(Decided::from(Event::Resumed {}))
    }
}
