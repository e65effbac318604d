//! States of long streams, kept so that reading them need not begin at the first event.
//!
//! A snapshot is a cache: it holds for the build that wrote it and no other, so a changed `evolve` can never
//! meet an old state; deleting the table at any time only costs time.

use crate::tenant;
use aws_lc_rs::digest;
use kernel::{Aggregate, TenantId, Version};
use sqlx::{PgPool, Row};
use std::sync::LazyLock;
use uuid::Uuid;

/// What tells this build from every other: a hash of the program itself.
static BUILD: LazyLock<Option<Uuid>> = LazyLock::new(|| {
    let program = std::fs::read(std::env::current_exe().ok()?).ok()?;
    let hash = digest::digest(&digest::SHA256, &program);
    Uuid::from_slice(&hash.as_ref()[..16]).ok()
});

pub(crate) async fn load<A: Aggregate>(pool: &PgPool, tenant_id: TenantId, id: Uuid) -> Option<(Version, A)> {
    let row = tenant::query(
        tenant_id,
        "select version, state from log.snapshots \
         where tenant_id = caller.tenant_id and stream_id = $2 and category = $3 and build = $4",
    )
    .bind(id)
    .bind(A::CATEGORY)
    .bind((*BUILD)?)
    .fetch_optional(pool)
    .await
    .ok()??;
    let state = serde_json::from_slice(row.try_get(1).ok()?).ok()?;
    Some((Version(row.try_get(0).ok()?), state))
}

/// Keeps a snapshot, in the background; a failure costs nothing but time later.
pub(crate) fn save<A: Aggregate>(pool: &PgPool, tenant_id: TenantId, id: Uuid, version: Version, state: &A) {
    let (Some(build), Ok(state)) = (*BUILD, serde_json::to_vec(state)) else { return };
    let pool = pool.clone();
    tokio::spawn(async move {
        // A statement that writes cannot be a body of `tenant::query`; this is the same by hand.
        let saved = sqlx::query(
            "insert into log.snapshots (tenant_id, stream_id, category, version, build, state) \
             select set_config('app.tenant', $1::uuid::text, true)::uuid, $2, $3, $4, $5, $6 \
             on conflict (tenant_id, stream_id, category) do update \
             set version = excluded.version, build = excluded.build, state = excluded.state",
        )
        .bind(tenant_id.0)
        .bind(id)
        .bind(A::CATEGORY)
        .bind(version.0)
        .bind(build)
        .bind(state)
        .execute(&pool)
        .await;
        if let Err(error) = saved {
            tracing::debug!(error = %error, category = A::CATEGORY, "a snapshot could not be kept");
        }
    });
}
