//! Signing in: the address and the password, and the second factor where there is one.

use super::{Endpoint, takes};
use crate::access_log::{What, Whom};
use crate::call::Call;
use crate::door::Door;
use crate::factors::Shown;
use crate::password::Verdict;
use crate::problems::{Refusal, email_not_verified, second_factor_required, second_factor_wrong, sign_in_failed};
use crate::secret_text::SecretText;
use crate::session::{Delivery, Seat, Tokens};
use crate::throttle::{Admitted, ThrottleError, Try};
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use chrono::TimeDelta;
use domain::identity::user::{RecordSignInThrottled, User};
use domain::identity::{EmailAddress, UserId};
use kernel::{Actor, TenantId};
use platform::Problem;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// From how many wrong tries in a row on the owner of an account is told.
const TELL_FROM: i32 = 5;

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// The address of the account.
    email: EmailAddress,
    /// The password.
    password: SecretText,
    /// Six digits of the app, where the account asks for a second factor.
    totp_code: Option<SecretText>,
    /// A recovery code in its place.
    recovery_code: Option<SecretText>,
    /// For which tenant; the one of the last session where it is left out.
    tenant_id: Option<TenantId>,
    /// How the refresh token travels.
    #[serde(default)]
    delivery: Delivery,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::POST,
            "/v1/auth/login",
            "identity.sign_in",
            "Signs in. The answer carries an access token for one tenant and a refresh token that is good once.\n\n\
             A wrong address and a wrong password are told alike (`sign_in_failed`). An account with a second factor \
             answers `second_factor_required`: send the same again with a code. After a few wrong tries each has to wait \
             longer (`too_many_tries`, `Retry-After`); a device that has signed in before, shown by its cookie or by \
             `Sillage-Device`, has tries of its own.",
            |door, call| Box::pin(sign_in(door, call)),
        )
        .describe(|operation| {
            takes::<SignIn>(operation)
                .header_parameter::<String>("Sillage-Device", false, "What this device was given when it signed in first; for apps.")
                .response::<Tokens>(StatusCode::OK, "Signed in.")
                .problem(StatusCode::UNAUTHORIZED, "The address, the password or the second factor is wrong or missing.")
                .problem(StatusCode::FORBIDDEN, "The address is not proven yet.")
                .problem(StatusCode::NOT_FOUND, "The user is no member of this tenant.")
                .problem(StatusCode::TOO_MANY_REQUESTS, "Too many tries: wait.")
        }),
    ]
}

async fn sign_in(door: &Arc<Door>, call: &Arc<Call>) -> Result<Response<Body>, Refusal> {
    let body: SignIn = call.body()?;
    let user = door.user_of(&body.email).await?;
    let account = door.account_of(&body.email, user);
    let whom = Whom { account: Some(account), ..Whom::default() };
    let admitted = admit(door, call, account, whom).await?;
    let right = door.is_password(user, body.password.expose()).await?;
    let Some(user_id) = user.filter(|_| right) else {
        door.access_log.record(What::WrongPassword, whom, call).await;
        tell_owner(door, call, user, &admitted);
        return Err(sign_in_failed().into());
    };
    let as_of = door.log_place().await?;
    let user = door.load::<User>(TenantId::PLATFORM, user_id.0).await?;
    let Some(open) = user.account().filter(|account| account.active) else {
        door.access_log.record(What::Closed, whom, call).await;
        return Err(sign_in_failed().into());
    };
    if !open.email_verified {
        door.access_log.record(What::Unverified, whom, call).await;
        return Err(email_not_verified().into());
    }
    let second_factor = match second_factor(door, user_id, &body).await? {
        Ok(proven) => proven,
        Err(problem) => {
            if problem.code() == "second_factor_wrong" {
                door.access_log.record(What::WrongSecondFactor, whom, call).await;
                tell_owner(door, call, Some(user_id), &admitted);
            }
            return Err(problem.into());
        }
    };
    let seat = wanted_seat(door, user_id, body.tenant_id).await?;
    door.throttle.succeeded(&admitted).await?;
    door.begin_session(call, user_id, seat.as_ref(), body.delivery, second_factor, as_of).await
}

/// Counts the try before anything is looked at.
pub(super) async fn admit(door: &Door, call: &Call, account: Uuid, whom: Whom) -> Result<Admitted, Refusal> {
    let device = call.device_place();
    let wanted = Try { account, network: call.address.network(), device: device.as_ref() };
    match door.throttle.admit(&wanted).await {
        Ok(admitted) => Ok(admitted),
        Err(error) => {
            if matches!(error, ThrottleError::Wait { .. }) {
                door.access_log.record(What::Throttled, whom, call).await;
            }
            Err(error.into())
        }
    }
}

/// Tells the owner of an account that somebody tries. In a task of its own: the answer must not take longer because
/// there is an owner.
fn tell_owner(door: &Arc<Door>, call: &Arc<Call>, user: Option<UserId>, admitted: &Admitted) {
    let streak = admitted.streak;
    if streak != TELL_FROM && streak % (2 * TELL_FROM) != 0 {
        return;
    }
    let Some(user_id) = user else { return };
    let wait = TimeDelta::seconds(2_i64.pow(u32::try_from(streak - TELL_FROM + 1).unwrap_or(1).min(10)).min(900));
    let told = RecordSignInThrottled { failures: streak, until: Door::now() + wait };
    let (door, call) = (Arc::clone(door), Arc::clone(call));
    tokio::spawn(async move {
        // An account that is closed has nobody to be told.
        let _ = door.carry_out(&call, &told, TenantId::PLATFORM, Actor::SYSTEM, user_id.0).await;
    });
}

/// The tenant that was asked for, or the usual one.
pub(super) async fn wanted_seat(
    door: &Door,
    user_id: UserId,
    wanted: Option<TenantId>,
) -> Result<Option<Seat>, Refusal> {
    match wanted {
        None => door.usual_seat(user_id).await,
        Some(tenant_id) => match door.seat(user_id, tenant_id).await? {
            Some(seat) => Ok(Some(seat)),
            None => Err(Problem::not_found().into()),
        },
    }
}

/// Whether a second factor was proven, or what is missing.
async fn second_factor(door: &Door, user_id: UserId, body: &SignIn) -> Result<Result<bool, Problem>, Refusal> {
    if !door.factors.is_on(user_id.0).await? {
        return Ok(Ok(false));
    }
    let shown = match (&body.totp_code, &body.recovery_code) {
        (Some(code), _) => Shown::Code(code.expose()),
        (None, Some(code)) => Shown::Recovery(code.expose()),
        (None, None) => return Ok(Err(second_factor_required())),
    };
    let proven = door.factors.check(user_id.0, shown, Door::now_s()).await?;
    Ok(if proven { Ok(true) } else { Err(second_factor_wrong()) })
}

impl Door {
    /// Whether this is the user's password. Takes as long where there is no user. A hash that is weaker than hashes are
    /// made now is made anew.
    pub(crate) async fn is_password(&self, user: Option<UserId>, password: &str) -> Result<bool, Refusal> {
        let user_id = user.map_or_else(Uuid::nil, |user| user.0);
        let stored: Option<String> = sqlx::query_scalar("select hash from secrets.passwords where user_id = $1")
            .bind(user_id)
            .fetch_optional(&self.pool)
            .await?;
        let verdict = self.hasher.check(password, stored.as_deref()).await?;
        if verdict == Verdict::RightButWeak {
            let hash = self.hasher.hash(password).await?;
            sqlx::query("update secrets.passwords set hash = $2 where user_id = $1 and hash = $3")
                .bind(user_id)
                .bind(hash)
                .bind(stored)
                .execute(&self.pool)
                .await?;
        }
        Ok(verdict != Verdict::Wrong)
    }

    /// Unix seconds.
    pub(crate) fn now_s() -> u64 {
        Self::now().timestamp().unsigned_abs()
    }
}
