//! Going on in another tenant.

use super::{Endpoint, OWN, takes};
use crate::call::Call;
use crate::door::Door;
use crate::problems::{Refusal, refresh_token_invalid, session_needed};
use crate::session::{Delivery, Given, Tokens, json};
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use domain::identity::session::SwitchTenant as SwitchSession;
use domain::identity::tenant::Tenant;
use domain::identity::{OWN_ACCOUNT, UserId};
use kernel::{Actor, Labelled, Scope, TenantId};
use platform::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What everybody may read of his own account.
pub(super) const READ_ACCOUNT: Scope = Scope::new("identity.account:read");

/// Where to go on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwitchTenant {
    /// A tenant that the caller is an active member of.
    tenant_id: TenantId,
}

/// A tenant that the caller belongs to.
#[derive(Serialize, ToSchema)]
pub(crate) struct MyTenant {
    /// Which one.
    id: Uuid,
    /// How it is called in addresses.
    slug: Option<String>,
    /// How it is called by people.
    name: Option<String>,
    /// As what the caller belongs to it.
    roles: Vec<&'static str>,
    /// Whether it may change nothing.
    suspended: bool,
    /// Whether the access token is for it.
    current: bool,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::GET,
            "/v1/me/tenants",
            "identity.my_tenants",
            "The tenants that the caller is an active member of, with his roles there.",
            |door, call| Box::pin(mine(door, call)),
        )
        .describe(|operation| {
            operation.bearer(Some(READ_ACCOUNT.as_str())).reach(OWN).response::<Vec<MyTenant>>(StatusCode::OK, "They.")
        }),
        Endpoint::new(
            Method::POST,
            "/v1/auth/switch-tenant",
            "identity.switch",
            "Goes on in another tenant of the caller: gives an access token for it. The session stays the same, and its \
             next refreshes are for that tenant.",
            |door, call| Box::pin(switch(door, call)),
        )
        .describe(|operation| {
            takes::<SwitchTenant>(operation)
                .bearer(Some(OWN_ACCOUNT.as_str())).reach(OWN)
                .response::<Tokens>(StatusCode::OK, "The access token; the refresh token stays as it is.")
                .problem(StatusCode::FORBIDDEN, "The access token belongs to no session.")
                .problem(StatusCode::NOT_FOUND, "There is no such tenant, or the caller is no active member.")
        }),
    ]
}

async fn mine(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(READ_ACCOUNT)?;
    let user_id = UserId::from(identity.actor.id);
    let mut tenants = Vec::new();
    for tenant_id in door.tenants_of(user_id).await? {
        let Some(seat) = door.seat(user_id, tenant_id).await? else { continue };
        let tenant = door.load::<Tenant>(TenantId::PLATFORM, tenant_id.0).await?;
        let profile = tenant.profile();
        tenants.push(MyTenant {
            id: tenant_id.0,
            slug: profile.map(|profile| profile.slug.as_str().to_owned()),
            name: profile.map(|profile| profile.name.as_str().to_owned()),
            roles: seat.roles.iter().map(|role| role.as_str()).collect(),
            suspended: profile.is_some_and(|profile| profile.suspended),
            current: tenant_id == identity.tenant_id,
        });
    }
    Ok(json(StatusCode::OK, &tenants))
}

async fn switch(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(OWN_ACCOUNT)?;
    let sid = identity.sid.ok_or_else(session_needed)?;
    let body: SwitchTenant = call.body()?;
    let user_id = UserId::from(identity.actor.id);
    let as_of = door.log_place().await?;
    let seat = door.seat(user_id, body.tenant_id).await?.ok_or_else(Problem::not_found)?;
    if !door.families.switch(sid, user_id.0, body.tenant_id).await? {
        return Err(refresh_token_invalid().into());
    }
    let command = SwitchSession { switched_to: body.tenant_id };
    door.carry_out(call, &command, TenantId::PLATFORM, Actor::user(user_id.into()), sid).await?;
    let delivery = Delivery::Body;
    door.give(Given { sid, user_id, seat: Some(&seat), as_of, delivery, refresh_token: None, device: None })
}
