//! Creating a tenant.

use super::{Event, Plan, Rejection, Slug, Tenant, TenantName};
use crate::identity::{
    EmailAddress, InvitationId, Locale, MANAGE_TENANTS, Recipient, SLUG_RESERVATION, TimeZone, on_the_platform,
};
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Creates a tenant. Whoever is named as its first administrator is invited into it, in its language; the link in the mail
/// is good for seven days. Without one nobody belongs to it yet, and nobody in it can invite.
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
    /// To which address its first administrator is invited.
    pub administrator_email: Option<Private<EmailAddress>>,
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
        let named = self.administrator_email.as_ref().map(|email| {
            let invitation_id = InvitationId(cx.derived_id("identity.first_administrator"));
            let email = email.about(invitation_id);
            Event::AdministratorNamed { invitation_id, to: Recipient { email, given_name: None, locale: self.locale } }
        });
        let events = std::iter::once(created).chain(named).collect();
        Ok(Decided::new(events).reserving(SLUG_RESERVATION, self.slug.as_str()))
    }
}
