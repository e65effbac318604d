//! How the demo speaks to the command API: through its own router, as over HTTP, but without a socket. Nothing of it stands in
//! the log of requests, and it works wherever the node takes its tokens from.

use crate::failure::Failure;
use crate::keys::LocalKey;
use crate::node::Node;
use crate::process::{appender, command_services};
use crate::tokens::Audience;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Request, StatusCode};
use chrono::{DateTime, Utc};
use event_store::{Log, Role};
use platform::auth::Verifier;
use platform::headers::{IDEMPOTENCY_KEY, OCCURRED_AT};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt as _;
use uuid::Uuid;

/// How often something is said where the log is away or too busy.
const TRIES: u32 = 5;

/// As many as speak at the same time find their states at once.
const CONNECTIONS: u32 = 6;
/// How long somebody waits for one of them.
const PATIENCE: Duration = Duration::from_secs(30);

/// Speaks with tokens of the local key, whatever the node itself trusts.
pub(super) struct Voice {
    router: Router,
}

/// One command: as whom, where, under which key, and what.
pub(super) struct Said<'a> {
    pub(super) token: &'a str,
    pub(super) path: &'a str,
    pub(super) key: &'a str,
    /// When it happened, where it is told late.
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) body: &'a Value,
}

#[derive(Deserialize)]
struct Answer {
    id: Uuid,
}

impl Voice {
    pub(super) fn new(node: &Node, key: &LocalKey, audience: &Audience) -> Result<Self, Failure> {
        let pool = node.database().pool("sillage-demo", Role::Engine, CONNECTIONS, PATIENCE);
        let verifier = Verifier::new(key.key_set()?, &audience.issuer, &audience.audience);
        let (appender, log) = (appender(&node.database().url, pool.clone())?, Log::new(pool));
        let services = command_services(verifier, &appender, &log, node.vault().clone())?;
        Ok(Self { router: command_api::router(Arc::new(services)) })
    }

    /// Says it; gives the id of what it is about.
    pub(super) async fn say(&self, said: &Said<'_>) -> Result<Uuid, Failure> {
        let refused = |why: String| Failure::failed(format!("the demo tenant cannot be loaded: {}: {why}", said.path));
        let mut tried = 1;
        loop {
            let (status, text) = self.once(said).await.map_err(refused)?;
            if status.is_success() {
                let answer = serde_json::from_slice::<Answer>(&text).map_err(|error| refused(error.to_string()))?;
                return Ok(answer.id);
            }
            if status != StatusCode::SERVICE_UNAVAILABLE || tried == TRIES {
                return Err(refused(format!("{status}: {}", String::from_utf8_lossy(&text))));
            }
            tried += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn once(&self, said: &Said<'_>) -> Result<(StatusCode, Vec<u8>), String> {
        let mut request = Request::post(said.path)
            .header(AUTHORIZATION, format!("Bearer {}", said.token))
            .header(CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_KEY, said.key);
        if let Some(at) = said.at {
            request = request.header(OCCURRED_AT, at.to_rfc3339());
        }
        let request = request.body(Body::from(said.body.to_string())).map_err(|error| error.to_string())?;
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status();
        let text = to_bytes(response.into_body(), 1 << 20).await.map_err(|error| error.to_string())?;
        Ok((status, text.to_vec()))
    }
}
