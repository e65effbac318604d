//! Changing the settings of a tenant.

use super::{Event, Plan, Tenant, TenantName};
use crate::identity::{Locale, MANAGE_TENANTS, TimeZone};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Changes the settings of a tenant; what is left out stays. The slug never changes.
///
/// For administrators of the platform, in the platform's tenant. Settings that are so already change nothing.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTenant {
    /// How it is called by people.
    pub name: Option<TenantName>,
    /// What it pays for.
    pub plan: Option<Plan>,
    /// In which language it is spoken to.
    pub locale: Option<Locale>,
    /// In which zone its days begin.
    pub time_zone: Option<TimeZone>,
}

impl Command for ChangeTenant {
    type Streams = Tenant;
    const NAME: &'static str = "identity.change_tenant";
    const SCOPE: Scope = MANAGE_TENANTS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, tenant: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let now = tenant.administered(cx)?;
        let name = self.name.as_ref().unwrap_or(&now.name);
        let plan = self.plan.unwrap_or(now.plan);
        let locale = self.locale.unwrap_or(now.locale);
        let time_zone = self.time_zone.unwrap_or(now.time_zone);
        if (name, plan, locale, time_zone) == (&now.name, now.plan, now.locale, now.time_zone) {
            return unchanged();
        }
        Ok(Decided::from(Event::Changed { name: name.clone(), plan, locale, time_zone }))
    }
}
