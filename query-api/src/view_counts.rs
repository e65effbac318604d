//! How often things were looked at: counted in memory, added up in Postgres once a second. No facts, so no events: a crash
//! loses what was counted in the second before.

use event_store::tenant;
use kernel::TenantId;
use sqlx::PgPool;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How long counts wait for each other.
const PAUSE: Duration = Duration::from_secs(1);
/// How many things may wait to be counted; beyond that, and while Postgres is away, counts are lost.
const MOST: usize = 50_000;

type Counts = HashMap<(TenantId, &'static str, Uuid), i64>;
/// Things, and how often each was looked at.
type Added = (Vec<Uuid>, Vec<i64>);

/// Counts that wait. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ViewCounts {
    waiting: Arc<Mutex<Counts>>,
    pool: PgPool,
}

impl ViewCounts {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { waiting: Arc::default(), pool }
    }

    /// Somebody looked at something.
    pub(crate) fn count(&self, tenant_id: TenantId, kind: &'static str, id: Uuid) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.is_empty();
        if waiting.len() < MOST || waiting.contains_key(&(tenant_id, kind, id)) {
            *waiting.entry((tenant_id, kind, id)).or_default() += 1;
        }
        drop(waiting);
        // Whoever finds nothing waiting sees to it that it does not wait long.
        if first {
            let counts = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(PAUSE).await;
                counts.write().await;
            });
        }
    }

    async fn write(&self) {
        let counts = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let mut by_tenant: HashMap<(TenantId, &'static str), Added> = HashMap::new();
        for ((tenant_id, kind, id), times) in counts {
            let (ids, more) = by_tenant.entry((tenant_id, kind)).or_default();
            ids.push(id);
            more.push(times);
        }
        for ((tenant_id, kind), (ids, more)) in by_tenant {
            let add = tenant::query(tenant_id, "select seen.add($2, $3, $4)").bind(kind).bind(ids).bind(more);
            if let Err(error) = add.execute(&self.pool).await {
                tracing::warn!(%tenant_id, kind, %error, "views were not counted");
            }
        }
    }
}
