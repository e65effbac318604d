//! Creating a tenant.

use super::{Event, Plan, Rejection, Slug, Tenant, TenantName};
use crate::identity::{Locale, MANAGE_TENANTS, SLUG_RESERVATION, TimeZone, on_the_platform};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Creates a tenant. It has no members yet: invite its first administrator next.
///
/// For administrators of the platform, in the platform's tenant. Refused with `name_taken` where another tenant has
/// the slug.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTenant {
    /// How it is called in addresses; unique, cannot be changed later.
    pub slug: Slug,
    /// How it is called by people.
    pub name: TenantName,
    /// What it pays for.
    #[serde(default)]
    pub plan: Plan,
    /// In which language it is spoken to.
    #[serde(default)]
    pub locale: Locale,
    /// In which zone its days begin; `Europe/Paris` unless told otherwise.
    #[serde(default)]
    pub time_zone: TimeZone,
}

impl Command for CreateTenant {
    type Streams = Tenant;
    const NAME: &'static str = "identity.create_tenant";
    const SCOPE: Scope = MANAGE_TENANTS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, tenant: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if !on_the_platform(cx, MANAGE_TENANTS) {
            return Err(Rejection::PlatformOnly);
        }
        if tenant.profile.is_some() {
            return Err(Rejection::AlreadyCreated);
        }
        let created = Event::Created {
            slug: self.slug.clone(),
            name: self.name.clone(),
            plan: self.plan,
            locale: self.locale,
            time_zone: self.time_zone,
        };
        Ok(Decided::from(created).reserving(SLUG_RESERVATION, self.slug.as_str()))
    }
}
