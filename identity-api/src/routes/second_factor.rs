//! Turning a second factor on and off.

use super::{Endpoint, OWN, takes};
use crate::access_log::{What, Whom};
use crate::call::Call;
use crate::door::Door;
use crate::factors::Shown;
use crate::problems::{Refusal, second_factor_wrong};
use crate::secret_text::SecretText;
use crate::session::{empty, json};
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use domain::identity::user::{DisableTotp, EnableTotp, User};
use domain::identity::{OWN_ACCOUNT, UserId};
use kernel::{Actor, TenantId};
use platform::Problem;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The caller shows that it is he.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolTotp {
    /// The caller's password.
    password: SecretText,
}

/// What an authenticator app is set up with. Shown once.
#[derive(Serialize, ToSchema)]
pub(crate) struct TotpSecret {
    /// The secret in base32, for those who type it.
    secret: String,
    /// The same as a link, to be shown as a QR code.
    otpauth_url: String,
}

/// The app has it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmTotp {
    /// Six digits that the app shows.
    totp_code: SecretText,
}

/// For the day the app is lost. Shown once; each is good once.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// Keep them where the app is not.
    recovery_codes: Vec<String>,
}

/// The caller shows that it is he, with password and factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TurnOffTotp {
    /// The caller's password.
    password: SecretText,
    /// Six digits that the app shows.
    totp_code: Option<SecretText>,
    /// A recovery code in their place.
    recovery_code: Option<SecretText>,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::POST,
            "/v1/auth/totp/enrol",
            "identity.enrol_totp",
            "Sets up an authenticator app (RFC 6238: six digits, thirty seconds, SHA-1). It counts when it is confirmed.",
            |door, call| Box::pin(enrol(door, call)),
        )
        .describe(|operation| {
            takes::<EnrolTotp>(operation)
                .bearer(Some(OWN_ACCOUNT.as_str())).reach(OWN)
                .response::<TotpSecret>(StatusCode::OK, "Set the app up with this, then confirm.")
                .problem(StatusCode::UNAUTHORIZED, "The password is wrong.")
                .problem(StatusCode::CONFLICT, "There is a second factor already.")
                .problem(StatusCode::NOT_FOUND, "The access token is not that of a person with an account.")
                .problem(StatusCode::TOO_MANY_REQUESTS, "Too many tries: wait.")
        }),
        Endpoint::new(
            Method::POST,
            "/v1/auth/totp/confirm",
            "identity.confirm_totp",
            "Turns the second factor on: a code shows that the app has it. The answer has ten recovery codes.",
            |door, call| Box::pin(confirm(door, call)),
        )
        .describe(|operation| {
            takes::<ConfirmTotp>(operation)
                .bearer(Some(OWN_ACCOUNT.as_str())).reach(OWN)
                .response::<RecoveryCodes>(StatusCode::OK, "It is on. Keep the codes.")
                .problem(StatusCode::UNAUTHORIZED, "The code is wrong, or nothing was set up.")
        }),
        Endpoint::new(
            Method::POST,
            "/v1/auth/totp/disable",
            "identity.turn_off_totp",
            "Turns the second factor off; password and a code (or a recovery code) show that it is the owner.",
            |door, call| Box::pin(turn_off(door, call)),
        )
        .describe(|operation| {
            takes::<TurnOffTotp>(operation)
                .bearer(Some(OWN_ACCOUNT.as_str())).reach(OWN)
                .response_empty(StatusCode::NO_CONTENT, "It is off.")
                .problem(StatusCode::UNAUTHORIZED, "The password or the code is wrong.")
                .problem(StatusCode::TOO_MANY_REQUESTS, "Too many tries: wait.")
        }),
    ]
}

async fn enrol(door: &Arc<Door>, call: &Arc<Call>) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(OWN_ACCOUNT)?;
    let body: EnrolTotp = call.body()?;
    let user_id = UserId::from(identity.actor.id);
    door.prove_password(call, user_id, &body.password).await?;
    let user = door.load::<User>(TenantId::PLATFORM, user_id.0).await?;
    let account = user.account().ok_or_else(Problem::not_found)?;
    let email = door.clear(TenantId::PLATFORM, &account.email).await?;
    let enrolment = door.factors.enrol(user_id.0, email.as_str()).await?;
    let enrolment = enrolment.ok_or_else(|| {
        Problem::new(StatusCode::CONFLICT, "second_factor_is_on", "There is a second factor already")
            .detail("the account has a second factor")
            .remedy("Turn it off first, then set up the other one.")
    })?;
    Ok(json(StatusCode::OK, &TotpSecret { secret: enrolment.secret, otpauth_url: enrolment.url }))
}

async fn confirm(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(OWN_ACCOUNT)?;
    let body: ConfirmTotp = call.body()?;
    let id = identity.actor.id;
    let codes = door.factors.confirm(id.0, body.totp_code.expose(), Door::now_s()).await?;
    let recovery_codes = codes.ok_or_else(second_factor_wrong)?;
    door.carry_out(call, &EnableTotp {}, TenantId::PLATFORM, Actor::user(id), id.0).await?;
    let whom = Whom { account: Some(id.0), sid: identity.sid, tenant_id: None };
    door.access_log.record(What::SecondFactorOn, whom, call).await;
    Ok(json(StatusCode::OK, &RecoveryCodes { recovery_codes }))
}

async fn turn_off(door: &Arc<Door>, call: &Arc<Call>) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(OWN_ACCOUNT)?;
    let body: TurnOffTotp = call.body()?;
    let id = identity.actor.id;
    door.prove_password(call, id.into(), &body.password).await?;
    let shown = match (&body.totp_code, &body.recovery_code) {
        (Some(code), _) => Shown::Code(code.expose()),
        (None, Some(code)) => Shown::Recovery(code.expose()),
        (None, None) => return Err(second_factor_wrong().into()),
    };
    if door.factors.is_on(id.0).await? && !door.factors.check(id.0, shown, Door::now_s()).await? {
        return Err(second_factor_wrong().into());
    }
    // The fact first: as long as the factor is there it is asked for, and this can be done again.
    door.carry_out(call, &DisableTotp {}, TenantId::PLATFORM, Actor::user(id), id.0).await?;
    door.factors.remove(id.0).await?;
    let whom = Whom { account: Some(id.0), sid: identity.sid, tenant_id: None };
    door.access_log.record(What::SecondFactorOff, whom, call).await;
    Ok(empty(StatusCode::NO_CONTENT))
}
