//! Signing out, here or everywhere.

use super::refresh::Refresh;
use super::{Endpoint, OWN};
use crate::access_log::{What, Whom};
use crate::call::Call;
use crate::door::Door;
use crate::problems::Refusal;
use crate::session::{empty, forget_refresh_token};
use axum::body::Body;
use axum::http::header::SET_COOKIE;
use axum::http::{Method, Response, StatusCode};
use domain::identity::session::EndReason;
use domain::identity::{OWN_ACCOUNT, UserId};
use uuid::Uuid;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::POST,
            "/v1/auth/logout",
            "identity.sign_out",
            "Signs out: the session's refresh token is good no more, its access tokens are refused within five seconds.\n\n\
             Which session is said by the access token, by the refresh token in the body, or by the cookie. Where none of \
             them is good there is nothing to end, and the answer is the same.",
            |door, call| Box::pin(sign_out(door, call)),
        )
        .describe(|operation| {
            operation
                .optional_body::<Refresh>()
                .response_empty(StatusCode::NO_CONTENT, "Signed out.")
                .problem(StatusCode::BAD_REQUEST, "The body is not the JSON that is expected.")
                .problem(StatusCode::UNPROCESSABLE_ENTITY, "A value is not valid.")
                .problem(StatusCode::FORBIDDEN, "A page of another site has sent the request.")
        }),
        Endpoint::new(
            Method::POST,
            "/v1/auth/logout-everywhere",
            "identity.sign_out_everywhere",
            "Ends all sessions of the caller, on all devices, this one included.",
            |door, call| Box::pin(sign_out_everywhere(door, call)),
        )
        .describe(|operation| {
            operation.response_empty(StatusCode::NO_CONTENT, "Signed out everywhere.").bearer(Some(OWN_ACCOUNT.as_str())).reach(OWN)
        }),
    ]
}

async fn sign_out(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let body: Refresh = call.body_or_default()?;
    let shown = [body.token(), call.refresh_cookie()].into_iter().flatten();
    let mut sessions: Vec<(Uuid, UserId)> = Vec::new();
    for token in shown {
        if let Some((sid, user_id)) = door.families.of_token(token).await? {
            sessions.push((sid, UserId(user_id)));
        }
    }
    // An access token that has ended names no session; who holds only that has nothing left to end.
    if let Ok(identity) = door.verifier.authenticate(&call.headers).await
        && let Some(sid) = identity.sid
    {
        call.log.caller(&identity)?;
        sessions.push((sid, identity.actor.id.into()));
    }
    sessions.dedup();
    for (sid, user_id) in sessions {
        if door.end_session(call, sid, user_id, EndReason::SignedOut).await? {
            let whom = Whom { account: Some(user_id.0), sid: Some(sid), tenant_id: None };
            door.access_log.record(What::SignedOut, whom, call).await;
        }
    }
    Ok(signed_out())
}

async fn sign_out_everywhere(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(OWN_ACCOUNT)?;
    let user_id = UserId::from(identity.actor.id);
    door.end_sessions(call, user_id, None, EndReason::SignedOutEverywhere).await?;
    let whom = Whom { account: Some(user_id.0), sid: identity.sid, tenant_id: None };
    door.access_log.record(What::SignedOut, whom, call).await;
    Ok(signed_out())
}

fn signed_out() -> Response<Body> {
    let mut response = empty(StatusCode::NO_CONTENT);
    response.headers_mut().append(SET_COOKIE, forget_refresh_token());
    response
}
