//! Keys by which other systems act.

use super::{Endpoint, takes};
use crate::access_log::{What, Whom};
use crate::call::Call;
use crate::door::{Act, Door};
use crate::problems::Refusal;
use crate::secret::{Sort, hash};
use crate::session::json;
use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use domain::identity::MANAGE_API_KEYS;
use domain::identity::api_key::IssueApiKey;
use kernel::Reach;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A key that was issued.
#[derive(Serialize, ToSchema)]
pub(crate) struct IssuedKey {
    /// The key, to be named when it is taken back.
    id: Uuid,
    /// Send it as `Authorization: Bearer slk_…`. Shown once.
    secret: String,
    /// Where in the log it stands.
    position: i64,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(
            Method::POST,
            "/v1/identity/api-keys",
            "identity.issue_api_key",
            "Issues a key by which another system acts in the caller's tenant. It permits no more than its issuer may do, \
             and its secret is shown once.",
            |door, call| Box::pin(issue(door, call)),
        )
        .describe(|operation| {
            takes::<IssueApiKey>(operation)
                .bearer(Some(MANAGE_API_KEYS.as_str()))
                .reach(Reach::All)
                .response::<IssuedKey>(StatusCode::CREATED, "Issued. Keep the secret.")
                .problem(StatusCode::FORBIDDEN, "A scope is beyond what the caller may do himself.")
        }),
    ]
}

async fn issue(door: &Door, call: &Call) -> Result<Response<Body>, Refusal> {
    let identity = door.caller(call).await?;
    identity.require(MANAGE_API_KEYS)?;
    door.verifier.may_change(&identity)?;
    let command: IssueApiKey = call.body()?;
    let (id, secret) = (Uuid::now_v7(), Sort::ApiKey.generate()?);
    // The hash before the fact: a crash in between leaves a hash of a key that was never issued, and is refused.
    sqlx::query("insert into secrets.api_keys (hash, tenant_id, api_key_id) values ($1, $2, $3)")
        .bind(hash(&secret))
        .bind(identity.tenant_id.0)
        .bind(id)
        .execute(&door.pool)
        .await?;
    let act = Act {
        tenant_id: identity.tenant_id,
        actor: identity.actor,
        scopes: identity.scopes.clone(),
        target: id,
        fresh: true,
        key: Uuid::now_v7(),
    };
    let answer = match door.act(call, &command, act).await {
        Ok(answer) => answer,
        Err(refused) => {
            let forget = sqlx::query("delete from secrets.api_keys where api_key_id = $1 and tenant_id = $2");
            let _ = forget.bind(id).bind(identity.tenant_id.0).execute(&door.pool).await;
            return Err(refused.into());
        }
    };
    let whom = Whom { account: Some(identity.actor.id.0), sid: identity.sid, tenant_id: Some(identity.tenant_id) };
    door.access_log.record(What::ApiKeyIssued, whom, call).await;
    Ok(json(StatusCode::CREATED, &IssuedKey { id, secret, position: answer.position.0 }))
}
