//! Proving an address, and asking for the link once more.

use super::register::{MOST_MAILS, answered_by_mail, taken};
use super::{Endpoint, takes};
use crate::call::Call;
use crate::door::Door;
use crate::problems::Refusal;
use crate::secret_text::SecretText;
use crate::session::empty;
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use domain::identity::user::{ConfirmEmailChange, RequestEmailVerification, VerifyEmail};
use domain::identity::{EmailAddress, RequestId};
use kernel::{Actor, ActorId, TenantId};
use platform::auth::Purpose;
use serde::Deserialize;
use utoipa::ToSchema;

/// Mails asked for from one network within 15 minutes.
pub(super) const MOST_FROM_A_NETWORK: i32 = 30;

/// The token of a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkToken {
    /// As it stands in the link.
    pub(super) token: SecretText,
}

/// Whose account it is about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Address {
    /// The address of the account.
    pub(super) email: EmailAddress,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::POST,
            "/v1/auth/verify-email",
            "identity.prove_email",
            "Proves the address of an account, with the token of the link in the mail. It can be used once.",
            |door, call| Box::pin(verify(door, call)),
        )
        .describe(|operation| {
            takes::<LinkToken>(operation)
                .response_empty(StatusCode::NO_CONTENT, "Proven.")
                .problem(StatusCode::CONFLICT, "The link was used, replaced by a newer one, or has ended.")
        }),
        Endpoint::new(
            Method::POST,
            "/v1/auth/verify-email/resend",
            "identity.resend_verification",
            "Sends the link to prove an address once more; earlier links end. The answer is the same where there is no \
             such account, or nothing to prove.",
            |door, call| Box::pin(resend(door, call)),
        )
        .describe(answered_by_mail::<Address>),
        Endpoint::new(
            Method::POST,
            "/v1/auth/confirm-email-change",
            "identity.prove_new_email",
            "Moves an account to another address, with the token of the link that was sent there.",
            |door, call| Box::pin(confirm_change(door, call)),
        )
        .describe(|operation| {
            takes::<LinkToken>(operation)
                .response_empty(StatusCode::NO_CONTENT, "The account has the new address.")
                .problem(StatusCode::FORBIDDEN, "The account is closed.")
                .problem(StatusCode::CONFLICT, "The link was used or has ended, or another account has the address.")
        }),
    ]
}

async fn verify(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let body: LinkToken = call.body()?;
    let link = door.links.open(Purpose::VERIFY_EMAIL, body.token.expose(), Door::now())?;
    let verify = VerifyEmail { request_id: RequestId(link.cause_id) };
    let actor = Actor::user(ActorId(link.subject_id));
    door.carry_out(call, &verify, TenantId::PLATFORM, actor, link.subject_id).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn resend(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let body: Address = call.body()?;
    door.throttle.admit_request("mail from", call.address.network(), MOST_FROM_A_NETWORK).await?;
    door.evenly(async {
        if let Some(user_id) = door.user_of(&body.email).await?
            && door.throttle.admit_mail(user_id.0, MOST_MAILS).await?
        {
            let request = RequestEmailVerification {};
            match door.carry_out(call, &request, TenantId::PLATFORM, Actor::SYSTEM, user_id.0).await {
                // A closed account gets no mail, and nobody is told.
                Ok(_) | Err(event_store::Refused::Rejected(_)) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Ok(taken())
    })
    .await
}

async fn confirm_change(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let body: LinkToken = call.body()?;
    let link = door.links.open(Purpose::CHANGE_EMAIL, body.token.expose(), Door::now())?;
    let confirm = ConfirmEmailChange { request_id: RequestId(link.cause_id) };
    let actor = Actor::user(ActorId(link.subject_id));
    door.carry_out(call, &confirm, TenantId::PLATFORM, actor, link.subject_id).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
