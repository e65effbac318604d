//! The next pair of tokens.

use super::{Endpoint, takes};
use crate::access_log::{What, Whom};
use crate::call::Call;
use crate::door::Door;
use crate::families::RefreshError;
use crate::problems::{Refusal, refresh_token_invalid};
use crate::secret_text::{self, SecretText};
use crate::session::{Delivery, Given, Tokens, forget_refresh_token};
use axum::body::Body;
use axum::http::header::SET_COOKIE;
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse as _;
use domain::identity::UserId;
use domain::identity::session::{EndReason, ReportTokenReuse};
use domain::identity::user::User;
use kernel::{Actor, TenantId};
use platform::Problem;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The refresh token of an app; a browser sends its cookie and no body, or an empty object.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    /// The refresh token, where it is not in the cookie.
    #[serde(default, deserialize_with = "secret_text::bounded")]
    refresh_token: Option<SecretText>,
}

impl Refresh {
    /// The token in the body.
    pub(super) fn token(&self) -> Option<&str> {
        self.refresh_token.as_ref().map(SecretText::expose)
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::POST,
            "/v1/auth/refresh",
            "identity.refresh",
            "Gives the next access token and the next refresh token. The token that is sent is good once.\n\n\
             Who does not get the answer may ask again with the same token: within ten seconds the same client gets the \
             same successor. A second use after that, or by another client, ends the session: the token was copied.",
            |door, call| Box::pin(refresh(door, call)),
        )
        .describe(|operation| {
            takes::<Refresh>(operation)
                .optional_body::<Refresh>()
                .header_parameter::<String>("Sillage-Device", false, "What this device was given when it signed in; for apps.")
                .response::<Tokens>(StatusCode::OK, "The next tokens.")
                .problem(StatusCode::UNAUTHORIZED, "The refresh token is not good: sign in again.")
        }),
    ]
}

async fn refresh(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let body: Refresh = call.body_or_default()?;
    let (token, delivery) = match (body.token(), call.refresh_cookie()) {
        (Some(token), _) => (token, Delivery::Body),
        (None, Some(token)) => (token, Delivery::Cookie),
        (None, None) => return Ok(refused(Delivery::Cookie)),
    };
    let spent = door.families.refresh(token, &call.bindings(&door.places), call.address.network()).await;
    let refreshed = match spent {
        Ok(refreshed) => refreshed,
        Err(RefreshError::Reused { sid, user_id }) => {
            reused(door, call, sid, UserId(user_id)).await;
            return Ok(refused(delivery));
        }
        Err(RefreshError::Unknown | RefreshError::Over { .. }) => return Ok(refused(delivery)),
        Err(error) => return Err(error.into()),
    };
    let user_id = UserId(refreshed.user_id);
    let as_of = door.log_place().await?;
    let user = door.load::<User>(TenantId::PLATFORM, user_id.0).await?;
    if !user.account().is_some_and(|account| account.active) {
        door.end_session(call, refreshed.sid, user_id, EndReason::AccountClosed).await?;
        return Ok(refused(delivery));
    }
    let seat = match refreshed.tenant_id {
        Some(tenant_id) => door.seat(user_id, tenant_id).await?,
        None => None,
    };
    // Who is no member any more, or became one after he had signed in.
    let seat = match seat {
        Some(seat) => Some(seat),
        None => door.usual_seat(user_id).await?,
    };
    if let Some(seat) = seat.as_ref().filter(|seat| refreshed.tenant_id != Some(seat.tenant_id)) {
        door.families.switch(refreshed.sid, user_id.0, seat.tenant_id).await?;
    }
    let refresh_token = Some(refreshed.refresh_token);
    let (sid, seat) = (refreshed.sid, seat.as_ref());
    door.give(Given { sid, user_id, seat, as_of, delivery, refresh_token, device: None })
}

/// The family is ended in the tables already; the log, the operators and this process are told.
async fn reused(door: &Door, call: &Call, sid: Uuid, user_id: UserId) {
    door.verifier.trust().revoke_family(sid);
    let whom = Whom { account: Some(user_id.0), sid: Some(sid), tenant_id: None };
    door.access_log.record(What::TokenReused, whom, call).await;
    let told = door.carry_out(call, &ReportTokenReuse {}, TenantId::PLATFORM, Actor::SYSTEM, sid).await;
    if let Err(refused) = told {
        let problem = Problem::from(Refusal::from(refused));
        tracing::error!(%sid, cause = problem.cause(), "that a refresh token was used twice could not be recorded");
    }
}

/// A browser is told to forget the token as well.
fn refused(delivery: Delivery) -> Response<Body> {
    let mut response = refresh_token_invalid().into_response();
    if delivery == Delivery::Cookie {
        response.headers_mut().append(SET_COOKIE, forget_refresh_token());
    }
    response
}
