//! Keys of services at the doors: who a key acts as, and what it permits.

use crate::secret::{Sort, hash};
use chrono::{DateTime, TimeDelta, Utc};
use domain::identity::api_key::ApiKey;
use event_store::States;
use kernel::{Actor, ActorId, ActorKind, TenantId};
use platform::auth::{AuthError, Identity, OpaqueTokens, Proving};
use quick_cache::sync::Cache;
use sqlx::{PgPool, Row};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long an answer is kept. What is revoked meanwhile is refused by the verifier, which looks each time.
const KEPT: Duration = Duration::from_secs(5);
/// Keys that are kept.
const CACHED_KEYS: usize = 10_000;

/// Looks API keys up.
pub struct ApiKeys {
    pool: PgPool,
    states: States,
    /// Each with when it was looked up.
    known: Cache<Vec<u8>, (Instant, Arc<Identity>)>,
}

impl ApiKeys {
    /// Finds keys through `pool`, which may work on behalf of tenants, and what they permit through `states`.
    pub fn new(pool: PgPool, states: States) -> Self {
        Self { pool, states, known: Cache::new(CACHED_KEYS) }
    }

    async fn look_up(&self, token: &str) -> Result<Arc<Identity>, AuthError> {
        let hash = hash(token);
        let now = Instant::now();
        let identity = match self.known.get(&hash) {
            Some((looked_up, identity)) if now.duration_since(looked_up) < KEPT => identity,
            Some(_) | None => {
                let identity = Arc::new(self.find(&hash).await?);
                self.known.insert(hash, (now, Arc::clone(&identity)));
                identity
            }
        };
        if identity.expires_at <= Utc::now() { Err(AuthError::Expired) } else { Ok(identity) }
    }

    async fn find(&self, hash: &[u8]) -> Result<Identity, AuthError> {
        let row = sqlx::query("select tenant_id, api_key_id from secrets.find_api_key($1)")
            .bind(hash)
            .fetch_optional(&self.pool)
            .await
            .map_err(|_| AuthError::Unknowable)?;
        let row = row.ok_or(AuthError::UnknownKey)?;
        let (tenant_id, id): (TenantId, Uuid) = (TenantId(row.get(0)), row.get(1));
        let api_key = self.states.current::<ApiKey>(tenant_id, id).await.map_err(|_| AuthError::Unknowable)?;
        let key = api_key.key().filter(|key| !key.revoked).ok_or(AuthError::Revoked)?;
        Ok(Identity {
            tenant_id,
            actor: Actor { kind: ActorKind::Service, id: ActorId(id), on_behalf_of: None },
            sid: Some(id),
            roles: Arc::new([]),
            scopes: key.scopes.names().iter().cloned().collect(),
            expires_at: key.expires_at.unwrap_or_else(for_long),
            token_id: id.to_string().into(),
        })
    }
}

/// The end of a key that has none: open connections look again after a day.
fn for_long() -> DateTime<Utc> {
    Utc::now() + TimeDelta::days(1)
}

impl OpaqueTokens for ApiKeys {
    fn fits(&self, token: &str) -> bool {
        Sort::ApiKey.fits(token)
    }

    fn prove<'a>(&'a self, token: &'a str) -> Proving<'a> {
        Box::pin(self.look_up(token))
    }
}
