//! Rotating keys: what they wrap is wrapped anew, and no sealed text is touched.

use super::cipher::Bound;
use super::store::{unwrap_root, wrap_root};
use super::{Vault, VaultError};
use kernel::{SubjectId, TenantId};
use sqlx::{Row, query};
use uuid::Uuid;

/// Subjects' keys that are wrapped anew at a time.
const CHUNK: i64 = 1_000;

/// What a rotation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Keys that were wrapped anew.
    pub keys: u64,
}

impl Vault {
    /// Wraps everything that another root key wraps by the current one. Stopped half way, a repeat goes on. Afterwards the
    /// previous root key opens nothing any more and can be destroyed.
    ///
    /// # Errors
    /// Postgres does not answer, or something is wrapped by a root key that is not here.
    pub async fn rotate_root(&self) -> Result<Rotated, VaultError> {
        let inner = &self.0;
        let current = inner.root.current();
        let id = current.id()?;
        let mut rotated = Rotated::default();
        let row = query("select root_id, wrapped from keys.installation").fetch_one(&inner.pool).await?;
        let known: &str = row.try_get(0)?;
        if known != id {
            unwrap_root(&inner.root, known, Bound::Installation, row.try_get(1)?)?;
            let done = query("update keys.installation set root_id = $1, wrapped = $2 where root_id = $3")
                .bind(&id)
                .bind(wrap_root(&current, Bound::Installation, &inner.secret)?)
                .bind(known)
                .execute(&inner.pool)
                .await?;
            rotated.keys += done.rows_affected();
        }
        loop {
            let rows = query(
                "select tenant_id, version, root_id, wrapped from keys.tenants where root_id <> $1 \
                 order by tenant_id, version limit $2",
            )
            .bind(&id)
            .bind(CHUNK)
            .fetch_all(&inner.pool)
            .await?;
            if rows.is_empty() {
                return Ok(rotated);
            }
            for row in &rows {
                let (tenant_id, version) = (TenantId(row.try_get(0)?), row.try_get(1)?);
                let bound = Bound::TenantKey(tenant_id, version);
                let key = unwrap_root(&inner.root, row.try_get(2)?, bound, row.try_get(3)?)?;
                let key = key.try_into().map_err(|_| VaultError::Altered)?;
                let done = query(
                    "update keys.tenants set root_id = $1, wrapped = $2 where tenant_id = $3 and version = $4 \
                     and root_id = $5",
                )
                .bind(&id)
                .bind(wrap_root(&current, bound, &key)?)
                .bind(tenant_id.0)
                .bind(version)
                .bind(row.try_get::<&str, _>(2)?)
                .execute(&inner.pool)
                .await?;
                rotated.keys += done.rows_affected();
            }
        }
    }

    /// Gives a tenant a new key, wraps its subjects' keys by it and drops the ones before. Stopped half way, a repeat goes
    /// on: the tenant then has one key more for a while.
    ///
    /// # Errors
    /// Postgres does not answer, or a key was altered.
    pub async fn rotate_tenant(&self, tenant_id: TenantId) -> Result<Rotated, VaultError> {
        let inner = &self.0;
        inner.latest.remove(&tenant_id);
        let (before, _) = inner.latest_tenant_key(tenant_id).await?;
        inner.add_tenant_key(tenant_id, before + 1).await?;
        inner.latest.remove(&tenant_id);
        let (by, tenant_key) = inner.latest_tenant_key(tenant_id).await?;
        let mut rotated = Rotated::default();
        loop {
            let rows = query(
                "select s.subject_id, s.version, s.wrapped, t.version, t.root_id, t.wrapped from keys.subjects s \
                 join keys.tenants t on t.tenant_id = s.tenant_id and t.version = s.tenant_key_version \
                 where s.tenant_id = $1 and s.tenant_key_version <> $2 limit $3",
            )
            .bind(tenant_id.0)
            .bind(by)
            .bind(CHUNK)
            .fetch_all(&inner.pool)
            .await?;
            if rows.is_empty() {
                break;
            }
            let (mut subjects, mut olds, mut wrapped) = (Vec::new(), Vec::<i32>::new(), Vec::new());
            for row in &rows {
                let (subject, version, old): (Uuid, i32, i32) = (row.try_get(0)?, row.try_get(1)?, row.try_get(3)?);
                let old_key = inner.tenant_key(tenant_id, old, row.try_get(4)?, row.try_get(5)?)?;
                let bound = |by| Bound::SubjectKey(tenant_id, SubjectId(subject), version, by).bytes();
                let key = old_key.open(&bound(old), row.try_get(2)?).ok_or(VaultError::Altered)?;
                wrapped.push(tenant_key.seal(&bound(by), &key)?);
                subjects.push(subject);
                olds.push(old);
            }
            // A key that was destroyed meanwhile stays destroyed.
            let done = query(
                "update keys.subjects s set wrapped = w, tenant_key_version = $2 \
                 from unnest($3::uuid[], $4::integer[], $5::bytea[]) as u(subject, old, w) \
                 where s.tenant_id = $1 and s.subject_id = subject and s.tenant_key_version = old",
            )
            .bind(tenant_id.0)
            .bind(by)
            .bind(subjects)
            .bind(olds)
            .bind(wrapped)
            .execute(&inner.pool)
            .await?;
            rotated.keys += done.rows_affected();
        }
        // Another process may have wrapped one by the old key just now: then that key stays until the next rotation.
        query(
            "delete from keys.tenants t where tenant_id = $1 and version < $2 and not exists (select from keys.subjects s \
             where s.tenant_id = t.tenant_id and s.tenant_key_version = t.version)",
        )
        .bind(tenant_id.0)
        .bind(by)
        .execute(&inner.pool)
        .await?;
        Ok(rotated)
    }
}
