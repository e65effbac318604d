//! The caller's sessions: where he is signed in, and ending one of them.

use super::tenants::READ_ACCOUNT;
use super::{Endpoint, OWN};
use crate::call::Call;
use crate::door::Door;
use crate::problems::Refusal;
use crate::session::{empty, json};
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use chrono::{DateTime, Utc};
use domain::identity::session::EndReason;
use domain::identity::{OWN_ACCOUNT, UserId};
use platform::Problem;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// One place where the caller is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct MySession {
    /// Which one.
    id: Uuid,
    /// For which tenant it was used last.
    tenant_id: Option<Uuid>,
    /// The network address that it was used from last.
    network: String,
    /// What the browser or app calls itself.
    user_agent: String,
    /// When the sign-in was.
    began_at: DateTime<Utc>,
    /// When it was refreshed last.
    used_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    current: bool,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::GET,
            "/v1/me/sessions",
            "identity.my_sessions",
            "Where the caller is signed in, the one that was used last first.",
            |door, call| Box::pin(mine(door, call)),
        )
        .describe(|operation| {
            operation.bearer(Some(READ_ACCOUNT.as_str())).reach(OWN).response::<Vec<MySession>>(StatusCode::OK, "They.")
        }),
        Endpoint::new(
            Method::DELETE,
            "/v1/me/sessions/{session_id}",
            "identity.end_my_session",
            "Ends a session of the caller: its tokens are refused within five seconds. One that is over stays so.",
            |door, call| Box::pin(end(door, call)),
        )
        .describe(|operation| {
            operation
                .bearer(Some(OWN_ACCOUNT.as_str()))
                .reach(OWN)
                .response_empty(StatusCode::NO_CONTENT, "It is over.")
                .problem(StatusCode::NOT_FOUND, "The caller has no such session.")
        }),
    ]
}

async fn mine(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(READ_ACCOUNT)?;
    let families = door.families.of_user(identity.actor.id.0).await?;
    let sessions: Vec<MySession> = families
        .into_iter()
        .map(|family| MySession {
            id: family.sid,
            tenant_id: family.tenant_id.map(|tenant_id| tenant_id.0),
            network: family.network,
            user_agent: family.user_agent,
            began_at: family.began_at,
            used_at: family.used_at,
            current: identity.sid == Some(family.sid),
        })
        .collect();
    Ok(json(StatusCode::OK, &sessions))
}

async fn end(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(OWN_ACCOUNT)?;
    let sid = call.target.ok_or_else(Problem::not_found)?;
    let user_id = UserId::from(identity.actor.id);
    if !door.families.belongs(sid, user_id.0).await? {
        return Err(Problem::not_found().into());
    }
    door.end_session(call, sid, user_id, EndReason::SignedOut).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
