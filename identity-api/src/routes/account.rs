//! One's own account.

use super::tenants::READ_ACCOUNT;
use super::{Endpoint, OWN, takes};
use crate::call::Call;
use crate::door::Door;
use crate::problems::Refusal;
use crate::secret_text::SecretText;
use crate::session::{empty, json};
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use domain::identity::user::{ChangeProfile, RequestEmailChange, User};
use domain::identity::{EmailAddress, Locale, OWN_ACCOUNT, UserId};
use kernel::{Actor, TenantId};
use platform::Problem;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// The caller's account, and the token that he calls with.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    /// Who.
    user_id: Uuid,
    /// The address.
    email: String,
    /// Given name.
    given_name: String,
    /// Family name.
    family_name: String,
    /// Phone number.
    phone: Option<String>,
    /// In which language.
    locale: Locale,
    /// Whether the address is proven.
    email_verified: bool,
    /// Whether signing in asks for a second factor.
    second_factor: bool,
    /// For which tenant the access token is; null for somebody who belongs to none.
    tenant_id: Option<Uuid>,
    /// As what.
    roles: Vec<String>,
    /// What it permits.
    scopes: Vec<String>,
}

/// Another address for the account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeEmail {
    /// The new address; a link is sent there.
    email: EmailAddress,
    /// The caller's password.
    password: SecretText,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::GET,
            "/v1/me",
            "identity.me",
            "The caller's account, and what his access token permits.",
            |door, call| Box::pin(me(door, call)),
        )
        .describe(|operation| {
            operation
                .bearer(Some(READ_ACCOUNT.as_str())).reach(OWN)
                .response::<Me>(StatusCode::OK, "It.")
                .problem(StatusCode::NOT_FOUND, "The access token is not that of a person with an account.")
        }),
        Endpoint::new(
            Method::PUT,
            "/v1/me/profile",
            "identity.change_my_profile",
            "Changes the caller's names, phone and language.",
            |door, call| Box::pin(change_profile(door, call)),
        )
        .describe(|operation| {
            takes::<ChangeProfile>(operation)
                .bearer(Some(OWN_ACCOUNT.as_str())).reach(OWN)
                .response_empty(StatusCode::NO_CONTENT, "It is so.")
                .problem(StatusCode::NOT_FOUND, "The access token is not that of a person with an account.")
        }),
        Endpoint::new(
            Method::POST,
            "/v1/auth/change-email",
            "identity.change_email",
            "Asks to move the caller's account to another address. A link goes there; until it is followed nothing changes. \
             Whether another account has the address shows only then.",
            |door, call| Box::pin(change_email(door, call)),
        )
        .describe(|operation| {
            takes::<ChangeEmail>(operation)
                .bearer(Some(OWN_ACCOUNT.as_str())).reach(OWN)
                .response_empty(StatusCode::NO_CONTENT, "The link is on its way.")
                .problem(StatusCode::UNAUTHORIZED, "The password is wrong.")
                .problem(StatusCode::NOT_FOUND, "The access token is not that of a person with an account.")
                .problem(StatusCode::TOO_MANY_REQUESTS, "Too many tries: wait.")
        }),
    ]
}

async fn me(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(READ_ACCOUNT)?;
    let user_id = UserId::from(identity.actor.id);
    let user = door.load::<User>(TenantId::PLATFORM, user_id.0).await?;
    let account = user.account().ok_or_else(Problem::not_found)?;
    let owner = door.owner_of(account).await?;
    let me = Me {
        user_id: user_id.0,
        email: owner.email.as_str().to_owned(),
        given_name: owner.given_name.as_str().to_owned(),
        family_name: owner.family_name.as_str().to_owned(),
        phone: owner.phone.as_ref().map(|phone| phone.as_str().to_owned()),
        locale: account.locale,
        email_verified: account.email_verified,
        second_factor: door.factors.is_on(user_id.0).await?,
        tenant_id: Some(identity.tenant_id.0).filter(|_| !identity.roles.is_empty()),
        roles: identity.roles.iter().map(ToString::to_string).collect(),
        scopes: identity.scopes.clone().into(),
    };
    Ok(json(StatusCode::OK, &me))
}

async fn change_profile(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(OWN_ACCOUNT)?;
    let command: ChangeProfile = call.body()?;
    let id = identity.actor.id;
    let user = door.load::<User>(TenantId::PLATFORM, id.0).await?;
    let owner = door.owner_of(user.account().ok_or_else(Problem::not_found)?).await?;
    let command = owner.news_in(command);
    door.carry_out(call, &command, TenantId::PLATFORM, Actor::user(id), id.0).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn change_email(door: &Arc<Door>, call: &Arc<Call>) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(OWN_ACCOUNT)?;
    let body: ChangeEmail = call.body()?;
    let id = identity.actor.id;
    door.prove_password(call, id.into(), &body.password).await?;
    let command = RequestEmailChange { email: body.email.into() };
    door.carry_out(call, &command, TenantId::PLATFORM, Actor::user(id), id.0).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
