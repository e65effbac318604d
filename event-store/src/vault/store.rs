//! Keys in Postgres, wrapped.

use super::cipher::{Bound, Cipher, fresh};
use super::questions::{Place, Slots};
use super::ring::DataKey;
use super::{Inner, RootKey, RootKeys, Slot, VaultError};
use chrono::{DateTime, Utc};
use kernel::{SubjectId, TenantId};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row, query, query_scalar};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use uuid::Uuid;

/// Keys that are asked for in one statement.
const CHUNK: usize = 10_000;

/// The installation's secret; made where there is none.
pub(super) async fn installation(pool: &PgPool, root: &RootKeys) -> Result<[u8; 32], VaultError> {
    let current = root.current();
    let wrapped = wrap_root(&current, Bound::Installation, &fresh()?)?;
    query("insert into keys.installation (root_id, wrapped) values ($1, $2) on conflict do nothing")
        .bind(current.id()?)
        .bind(wrapped)
        .execute(pool)
        .await?;
    let row = query("select root_id, wrapped from keys.installation").fetch_one(pool).await?;
    let secret = unwrap_root(root, row.try_get(0)?, Bound::Installation, row.try_get(1)?)?;
    secret.try_into().map_err(|_| VaultError::Altered)
}

/// The place of the last erasure.
pub(super) async fn head(pool: &PgPool) -> Result<i64, VaultError> {
    Ok(query_scalar("select seq from keys.head").fetch_one(pool).await?)
}

pub(super) async fn destroy(
    pool: &PgPool,
    tenant_id: TenantId,
    subject: SubjectId,
    reason: &str,
) -> Result<i64, VaultError> {
    let destroyed = query_scalar("select keys.destroy($1, $2, $3)").bind(tenant_id.0).bind(subject.0).bind(reason);
    Ok(destroyed.fetch_one(pool).await?)
}

/// Whether its clear text has not been taken out, or only after `since`.
pub(super) async fn is_being_erased(
    pool: &PgPool,
    tenant: TenantId,
    subject: SubjectId,
    since: DateTime<Utc>,
) -> Result<bool, VaultError> {
    let recent = "select coalesce(bool_or(scrubbed_at is null or scrubbed_at > $3), false) \
                  from keys.erasures where tenant_id = $1 and subject_id = $2";
    Ok(query_scalar(recent).bind(tenant.0).bind(subject.0).bind(since).fetch_one(pool).await?)
}

pub(super) fn wrap_root(root: &RootKey, bound: Bound, key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
    Cipher::new(&root.wrapping()?)?.seal(&bound.bytes(), key)
}

pub(super) fn unwrap_root(root: &RootKeys, id: &str, bound: Bound, wrapped: &[u8]) -> Result<Vec<u8>, VaultError> {
    let Some(key) = root.find(id) else {
        return Err(VaultError::WrongRoot { wanted: id.to_owned(), given: root.current().id()? });
    };
    Cipher::new(&key.wrapping()?)?.open(&bound.bytes(), wrapped).ok_or(VaultError::Altered)
}

impl Inner {
    /// What the database has of these keys.
    pub(super) async fn read(&self, wanted: &[Place]) -> Result<Slots, VaultError> {
        let mut found = Slots::with_capacity(wanted.len());
        for chunk in wanted.chunks(CHUNK) {
            let (tenants, subjects): (Vec<Uuid>, Vec<Uuid>) = chunk.iter().map(|(t, s)| (t.0, s.0)).unzip();
            let rows = query(
                "select s.tenant_id, s.subject_id, s.version, s.wrapped, s.tenant_key_version, t.root_id, t.wrapped \
                 from unnest($1::uuid[], $2::uuid[]) as w(tenant, subject) \
                 join keys.subjects s on s.tenant_id = w.tenant and s.subject_id = w.subject \
                 left join keys.tenants t on t.tenant_id = s.tenant_id and t.version = s.tenant_key_version",
            )
            .bind(tenants)
            .bind(subjects)
            .fetch_all(&self.pool)
            .await?;
            for row in &rows {
                found.insert((TenantId(row.try_get(0)?), SubjectId(row.try_get(1)?)), self.slot(row)?);
            }
        }
        Ok(found)
    }

    /// From a row as [`Self::read`] selects it.
    fn slot(&self, row: &PgRow) -> Result<Slot, VaultError> {
        let (tenant_id, subject, version) = (TenantId(row.try_get(0)?), SubjectId(row.try_get(1)?), row.try_get(2)?);
        let (Some(wrapped), Some(by)) = (row.try_get::<Option<&[u8]>, _>(3)?, row.try_get::<Option<i32>, _>(4)?) else {
            return Ok(Slot::Destroyed);
        };
        let tenant_key = self.tenant_key(tenant_id, by, row.try_get(5)?, row.try_get(6)?)?;
        let bound = Bound::SubjectKey(tenant_id, subject, version, by).bytes();
        live(version, &tenant_key.open(&bound, wrapped).ok_or(VaultError::Altered)?)
    }

    /// A tenant's key, from memory or unwrapped.
    pub(super) fn tenant_key(
        &self,
        tenant_id: TenantId,
        version: i32,
        root_id: &str,
        wrapped: &[u8],
    ) -> Result<Arc<Cipher>, VaultError> {
        if let Some(key) = self.tenants.get(&(tenant_id, version)) {
            return Ok(key);
        }
        let key = unwrap_root(&self.root, root_id, Bound::TenantKey(tenant_id, version), wrapped)?;
        let key = Arc::new(Cipher::new(&key)?);
        self.tenants.insert((tenant_id, version), Arc::clone(&key));
        Ok(key)
    }

    /// The key that wraps new subjects' keys, with its version; made where the tenant has none.
    pub(super) async fn latest_tenant_key(&self, tenant_id: TenantId) -> Result<(i32, Arc<Cipher>), VaultError> {
        if let Some(version) = self.latest.get(&tenant_id)
            && let Some(key) = self.tenants.get(&(tenant_id, version))
        {
            return Ok((version, key));
        }
        let latest = async || {
            let row = "select version, root_id, wrapped from keys.tenants where tenant_id = $1 \
                       order by version desc limit 1";
            query(row).bind(tenant_id.0).fetch_optional(&self.pool).await
        };
        let mut row = latest().await?;
        if row.is_none() {
            self.add_tenant_key(tenant_id, 1).await?;
            row = latest().await?;
        }
        let row = row.ok_or(VaultError::Altered)?;
        let version = row.try_get(0)?;
        let key = self.tenant_key(tenant_id, version, row.try_get(1)?, row.try_get(2)?)?;
        self.latest.insert(tenant_id, version);
        Ok((version, key))
    }

    /// Adds a version of a tenant's key, unless somebody else has done so.
    pub(super) async fn add_tenant_key(&self, tenant_id: TenantId, version: i32) -> Result<(), VaultError> {
        let root = self.root.current();
        let wrapped = wrap_root(&root, Bound::TenantKey(tenant_id, version), &fresh()?)?;
        query(
            "insert into keys.tenants (tenant_id, version, root_id, wrapped) values ($1, $2, $3, $4) \
             on conflict do nothing",
        )
        .bind(tenant_id.0)
        .bind(version)
        .bind(root.id()?)
        .bind(wrapped)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What the database has of these keys, and new ones where it has none. Where another process was faster, or the
    /// subject was destroyed, that stays.
    pub(super) async fn read_or_make(&self, wanted: &[Place]) -> Result<Slots, VaultError> {
        let mut found = Slots::with_capacity(wanted.len());
        for chunk in wanted.chunks(CHUNK) {
            let mut fresh = self.fresh_keys(chunk).await?;
            let asked = loop {
                match fresh.ask(&self.pool).await {
                    // A tenant's key was replaced meanwhile, or the database lost it.
                    Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                        self.forget_tenants();
                        fresh = self.fresh_keys(chunk).await?;
                    }
                    asked => break asked?,
                }
            };
            for row in &asked {
                let place = (TenantId(row.try_get(0)?), SubjectId(row.try_get(1)?));
                let slot = match row.try_get::<Option<i64>, _>(7)? {
                    Some(nth) => {
                        let nth = usize::try_from(nth - 1).map_err(|_| VaultError::Altered)?;
                        live(1, fresh.keys.get(nth).ok_or(VaultError::Altered)?)?
                    }
                    None => self.slot(row)?,
                };
                found.insert(place, slot);
            }
        }
        let at_the_same_time: Vec<Place> = wanted.iter().copied().filter(|place| !found.contains_key(place)).collect();
        if !at_the_same_time.is_empty() {
            found.extend(self.read(&at_the_same_time).await?);
        }
        Ok(found)
    }

    /// A new key for each, wrapped.
    async fn fresh_keys(&self, places: &[Place]) -> Result<FreshKeys, VaultError> {
        let mut latest: BTreeMap<TenantId, (i32, Arc<Cipher>)> = BTreeMap::new();
        let mut made = FreshKeys::default();
        for (tenant_id, subject) in places {
            let (version, tenant_key) = match latest.entry(*tenant_id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.latest_tenant_key(*tenant_id).await?),
            };
            let key = fresh()?;
            let bound = Bound::SubjectKey(*tenant_id, *subject, 1, *version).bytes();
            made.wrapped.push(tenant_key.seal(&bound, &key)?);
            made.tenants.push(tenant_id.0);
            made.subjects.push(subject.0);
            made.by.push(*version);
            made.keys.push(key);
        }
        Ok(made)
    }
}

/// Keys that no subject has yet, and the columns that they would be stored as.
#[derive(Default)]
struct FreshKeys {
    keys: Vec<[u8; 32]>,
    tenants: Vec<Uuid>,
    subjects: Vec<Uuid>,
    by: Vec<i32>,
    wrapped: Vec<Vec<u8>>,
}

impl FreshKeys {
    /// Stores those that are missing. The last column is the place of a key that was stored, from 1; it is null for one
    /// that was there before. What others store at the same moment is in no row.
    async fn ask(&self, pool: &PgPool) -> Result<Vec<PgRow>, sqlx::Error> {
        // In one order everywhere: two processes that make the same ones do not wait for each other.
        let asked = "with wanted as materialized \
                     (select * from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bytea[]) \
                      with ordinality as u(tenant, subject, by, wrapped, nth)), \
                     known as materialized \
                     (select w.nth, s.tenant_id, s.subject_id, s.version, s.wrapped, s.tenant_key_version from wanted w \
                      join keys.subjects s on s.tenant_id = w.tenant and s.subject_id = w.subject), \
                     made as (insert into keys.subjects (tenant_id, subject_id, version, tenant_key_version, wrapped) \
                      select w.tenant, w.subject, 1, w.by, w.wrapped from wanted w \
                      where w.nth not in (select k.nth from known k) order by w.tenant, w.subject \
                      on conflict do nothing returning tenant_id, subject_id) \
                     select k.tenant_id, k.subject_id, k.version, k.wrapped, k.tenant_key_version, t.root_id, t.wrapped, \
                      null::bigint from known k \
                      left join keys.tenants t on t.tenant_id = k.tenant_id and t.version = k.tenant_key_version \
                     union all select m.tenant_id, m.subject_id, null, null, null, null, null, w.nth from made m \
                      join wanted w on w.tenant = m.tenant_id and w.subject = m.subject_id";
        query(asked).bind(&self.tenants).bind(&self.subjects).bind(&self.by).bind(&self.wrapped).fetch_all(pool).await
    }
}

fn live(version: i32, key: &[u8]) -> Result<Slot, VaultError> {
    let version = u32::try_from(version).map_err(|_| VaultError::Altered)?;
    Ok(Slot::Live(Arc::new(DataKey { version, cipher: Cipher::new(key)? })))
}
