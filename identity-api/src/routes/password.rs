//! Forgotten and changed passwords.

use super::email::{Address, MOST_FROM_A_NETWORK};
use super::register::{MOST_MAILS, answered_by_mail, hints, taken};
use super::{Endpoint, OWN, takes};
use crate::access_log::{What, Whom};
use crate::call::Call;
use crate::door::{Act, Door};
use crate::owner::Owner;
use crate::problems::{Refusal, link_invalid, sign_in_failed};
use crate::secret_text::SecretText;
use crate::session::empty;
use crate::throttle::Try;
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use domain::identity::session::EndReason;
use domain::identity::user::{CompletePasswordReset, RecordPasswordChange, Rejection, RequestPasswordReset, User};
use domain::identity::{OWN_ACCOUNT, RequestId, UserId};
use event_store::Refused;
use kernel::{Actor, ActorId, Scopes, TenantId};
use platform::Problem;
use platform::auth::Purpose;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A new password, by the link in a mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetPassword {
    /// As it stands in the link.
    token: SecretText,
    /// The new password.
    password: SecretText,
}

/// A new password in place of the old one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePassword {
    /// The password until now.
    current_password: SecretText,
    /// The new one.
    new_password: SecretText,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::POST,
            "/v1/auth/forgot-password",
            "identity.forgot_password",
            "Sends a link by which a new password can be chosen within the hour; earlier links end. The answer is the same \
             where there is no such account.",
            |door, call| Box::pin(forgot(door, call)),
        )
        .describe(answered_by_mail::<Address>),
        Endpoint::new(
            Method::POST,
            "/v1/auth/reset-password",
            "identity.reset_password",
            "Sets a new password with the token of the link. It can be used once, and all sessions end. A second factor \
             stays.",
            |door, call| Box::pin(reset(door, call)),
        )
        .describe(|operation| {
            takes::<ResetPassword>(operation)
                .response_empty(StatusCode::NO_CONTENT, "The new password counts.")
                .problem(StatusCode::CONFLICT, "The link was used, replaced by a newer one, or has ended.")
        }),
        Endpoint::new(
            Method::POST,
            "/v1/auth/change-password",
            "identity.change_password",
            "Changes the caller's password. His other sessions end.",
            |door, call| Box::pin(change(door, call)),
        )
        .describe(|operation| {
            takes::<ChangePassword>(operation)
                .bearer(Some(OWN_ACCOUNT.as_str())).reach(OWN)
                .response_empty(StatusCode::NO_CONTENT, "The new password counts.")
                .problem(StatusCode::UNAUTHORIZED, "The current password is wrong.")
                .problem(StatusCode::TOO_MANY_REQUESTS, "Too many tries: wait.")
        }),
    ]
}

async fn forgot(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let body: Address = call.body()?;
    door.throttle.admit_request("mail from", call.address.network(), MOST_FROM_A_NETWORK).await?;
    door.evenly(async {
        let user = door.user_of(&body.email).await?;
        let account = door.account_of(&body.email, user);
        let admitted = door.throttle.admit_mail(account, MOST_MAILS).await?;
        if let Some(user_id) = user.filter(|_| admitted) {
            let request = RequestPasswordReset {};
            match door.carry_out(call, &request, TenantId::PLATFORM, Actor::SYSTEM, user_id.0).await {
                // A closed account gets no mail, and nobody is told.
                Ok(_) | Err(Refused::Rejected(_)) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        let whom = Whom { account: Some(account), ..Whom::default() };
        door.access_log.record(What::ResetAsked, whom, call).await;
        Ok(taken())
    })
    .await
}

/// The fact comes first: it makes the link good once. A crash before the password is set is mended by the repeat of the
/// same request, which gets the first answer and sets the password unless it was set since.
async fn reset(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let body: ResetPassword = call.body()?;
    let link = door.links.open(Purpose::RESET_PASSWORD, body.token.expose(), Door::now())?;
    let user_id = UserId(link.subject_id);
    let user = door.load::<User>(TenantId::PLATFORM, user_id.0).await?;
    let account = user.account().ok_or_else(link_invalid)?;
    check(&body.password, &door.owner_of(account).await?)?;
    let hash = door.hasher.hash(body.password.expose()).await?;
    let act = Act {
        tenant_id: TenantId::PLATFORM,
        actor: Actor::user(ActorId(user_id.0)),
        scopes: Scopes::default(),
        target: user_id.0,
        fresh: false,
        // The same for every use of this link.
        key: kernel::ids::derived(link.cause_id, "identity.complete_password_reset"),
    };
    let answer = door.act(call, &CompletePasswordReset { request_id: RequestId(link.cause_id) }, act).await?;
    let set = sqlx::query(
        "insert into secrets.passwords as p (user_id, hash) values ($1, $2) \
         on conflict (user_id) do update set hash = excluded.hash, set_at = clock_timestamp() where p.set_at < $3",
    )
    .bind(user_id.0)
    .bind(hash)
    .bind(answer.recorded_at)
    .execute(&door.pool)
    .await?;
    if set.rows_affected() == 0 {
        return Err(Problem::rejected(&Rejection::LinkUsed).into());
    }
    door.end_sessions(call, user_id, None, EndReason::PasswordChanged).await?;
    // He reads his mail here: whatever strangers have tried, he gets in from this place.
    door.throttle.remember(user_id.0, call.address.network(), call.device_place().as_ref()).await?;
    let whom = Whom { account: Some(user_id.0), ..Whom::default() };
    door.access_log.record(What::PasswordReset, whom, call).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn change(door: &Arc<Door>, call: &Arc<Call>) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(OWN_ACCOUNT)?;
    let body: ChangePassword = call.body()?;
    let user_id = UserId::from(identity.actor.id);
    door.prove_password(call, user_id, &body.current_password).await?;
    let user = door.load::<User>(TenantId::PLATFORM, user_id.0).await?;
    let account = user.account().ok_or_else(sign_in_failed)?;
    check(&body.new_password, &door.owner_of(account).await?)?;
    let before: Option<String> = sqlx::query_scalar("select hash from secrets.passwords where user_id = $1")
        .bind(user_id.0)
        .fetch_optional(&door.pool)
        .await?;
    let hash = door.hasher.hash(body.new_password.expose()).await?;
    door.set_password(user_id.0, &hash).await?;
    let recorded = door
        .carry_out(call, &RecordPasswordChange {}, TenantId::PLATFORM, Actor::user(user_id.into()), user_id.0)
        .await;
    if let Err(refused) = recorded {
        // Without the fact nothing has changed; the caller tries again with the password that he knows.
        if let Some(before) = before {
            door.set_password(user_id.0, &before).await?;
        }
        return Err(refused.into());
    }
    door.end_sessions(call, user_id, identity.sid, EndReason::PasswordChanged).await?;
    let whom = Whom { account: Some(user_id.0), sid: identity.sid, tenant_id: None };
    door.access_log.record(What::PasswordChanged, whom, call).await;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Whether the owner may have this password.
pub(super) fn check(password: &SecretText, owner: &Owner) -> Result<(), Refusal> {
    let hints = hints(&owner.email, &owner.given_name, &owner.family_name);
    Ok(crate::password::check(password.expose(), &hints)?)
}

impl Door {
    /// Whoever holds an access token shows that he also knows the password; tries are counted as for signing in.
    pub(crate) async fn prove_password(
        &self,
        call: &Call,
        user_id: UserId,
        password: &SecretText,
    ) -> Result<(), Refusal> {
        let device = call.device_place();
        let wanted = Try { account: user_id.0, network: call.address.network(), device: device.as_ref() };
        let admitted = self.throttle.admit(&wanted).await?;
        if self.is_password(Some(user_id), password.expose()).await? {
            self.throttle.succeeded(&admitted).await?;
            return Ok(());
        }
        let whom = Whom { account: Some(user_id.0), ..Whom::default() };
        self.access_log.record(What::WrongPassword, whom, call).await;
        Err(Problem::new(StatusCode::UNAUTHORIZED, "password_wrong", "The password is wrong")
            .detail("the current password is another one")
            .remedy("Check it, or sign out and ask for a link to choose a new one.")
            .into())
    }
}
