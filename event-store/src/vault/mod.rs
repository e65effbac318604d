//! The vault: keys of personal data, one per subject, and what destroying one means.
//!
//! A root key (not in the database) wraps a key per tenant, that wraps a key per subject, that seals texts. Whoever appends
//! asks for the [`KeyRing`] of the subjects at hand before; whoever shows opens many sealed texts at once. A destroyed key
//! leaves a tombstone: it never comes back, and every process hears of it within two seconds.
//!
//! Deliberately absent: opening while folding; a key per text; clear text in any error.

mod cipher;
mod questions;
mod ring;
mod root_key;
mod rotation;
mod store;
mod watch;

pub use ring::{KeyRing, Opened};
pub use root_key::{RootKey, RootKeyError, RootKeys};
pub use rotation::Rotated;

use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use cipher::Cipher;
use kernel::{BlindIndexer, Personal, Sealed, SubjectId, TenantId};
use questions::{Place, Questions, Slots};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};
use ring::DataKey;
use sqlx::PgPool;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use uuid::Uuid;

/// Keys that a process keeps in memory.
const SUBJECTS: usize = 50_000;
const TENANTS: usize = 10_000;
/// Texts that are opened before others get their turn.
const TURN: usize = 2_000;

/// Why the vault does not help. Holds nothing of anybody.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Postgres does not answer.
    #[error("reading the keys of personal data")]
    Unavailable(#[from] sqlx::Error),
    /// The subject was erased: nothing can be kept about it any more.
    #[error("subject {0} was erased")]
    Erased(SubjectId),
    /// There never was such a key here: the schema `keys` was restored from before it was made.
    #[error("the key of subject {0} is missing: `keys` is older than the log. Restore a later backup of that schema")]
    Missing(SubjectId),
    /// A sealed text does not open: damaged, or of another tenant.
    #[error("a sealed text about subject {0} does not open: it was damaged or moved")]
    Damaged(SubjectId),
    /// Something is wrapped by a root key that this process does not have.
    #[error(
        "the keys are wrapped by root key {wanted}, and root key {given} was given. Give the right one in \
             SILLAGE_ROOT_KEY_FILE, or the one before in SILLAGE_PREVIOUS_ROOT_KEY_FILE"
    )]
    WrongRoot {
        /// The id of the key that is needed.
        wanted: String,
        /// The id of the key that is there.
        given: String,
    },
    /// A wrapped key does not open though it should.
    #[error("a wrapped key in the schema `keys` was altered")]
    Altered,
    /// The system's cryptography does not work.
    #[error("the system's cryptography does not work")]
    Cryptography,
    /// The root key.
    #[error(transparent)]
    Root(#[from] RootKeyError),
}

/// What is known of a subject's key.
#[derive(Clone)]
enum Slot {
    Live(Arc<DataKey>),
    Destroyed,
}

struct Inner {
    pool: PgPool,
    root: RootKeys,
    secret: [u8; 32],
    blind: BlindIndexer,
    tenants: Cache<(TenantId, i32), Arc<Cipher>>,
    /// The version of a tenant's key that wraps new subjects' keys.
    latest: Cache<TenantId, i32>,
    subjects: Cache<Place, Slot>,
    /// The erasures that this process has heard of.
    seen: AtomicI64,
    /// Raised before cached keys are dropped: what was read before must not be cached after.
    drops: AtomicU64,
    /// The latest life of the appender's connection in which a key was asked for.
    life: AtomicU64,
    questions: Questions,
}

/// Room for keys. Half of it is for people who were heard of once: unless told otherwise the cache keeps hardly any of them
/// once it is full, and each costs another question when he is heard of again.
fn room_for_subjects<T: Clone>(room: usize) -> Cache<Place, T> {
    let options =
        OptionsBuilder::new().estimated_items_capacity(room).weight_capacity(room as u64).hot_allocation(0.5).build();
    match options {
        Ok(options) => {
            Cache::with_options(options, UnitWeighter, DefaultHashBuilder::default(), DefaultLifecycle::default())
        }
        Err(_) => Cache::new(room),
    }
}

/// The vault. Cheap to clone; all clones share one cache.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(‹redacted›)")
    }
}

/// That a key was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destroyed {
    /// Its place in the order of erasures.
    pub seq: i64,
}

impl Vault {
    /// Opens the vault of a database, and makes one where there is none yet. `pool` works as the engine.
    ///
    /// From then on a task asks once a second whether keys were destroyed, for as long as the vault is in use.
    ///
    /// # Errors
    /// Postgres does not answer, or the root key is not the one that the vault was made with.
    pub async fn open(pool: PgPool, root: RootKeys) -> Result<Self, VaultError> {
        let secret = store::installation(&pool, &root).await?;
        let seen = store::head(&pool).await?;
        let blind = blind_indexer(&secret)?;
        let questions = Questions::of(&pool);
        let vault = Self(Arc::new(Inner {
            pool,
            root,
            secret,
            blind,
            tenants: Cache::new(TENANTS),
            latest: Cache::new(TENANTS),
            subjects: room_for_subjects(SUBJECTS),
            seen: AtomicI64::new(seen),
            drops: AtomicU64::new(0),
            life: AtomicU64::new(0),
            questions,
        }));
        watch::start(&vault.0);
        Ok(vault)
    }

    /// A key for one purpose, the same for ever in this installation, whatever the root key.
    ///
    /// # Errors
    /// The system's cryptography does not work.
    pub fn derive(&self, label: &str) -> Result<[u8; 32], VaultError> {
        Ok(root_key::derive(&self.0.secret, label)?)
    }

    /// A keyed hash: the same input has the same output, and nobody without the key can compute or guess either.
    ///
    /// # Errors
    /// The system's cryptography does not work.
    pub fn keyed(&self, label: &str) -> Result<KeyedHash, VaultError> {
        KeyedHash::of(&self.0.secret, label)
    }

    /// What private texts are found again by.
    pub fn blind_indexer(&self) -> BlindIndexer {
        self.0.blind.clone()
    }

    /// From now on only keys that were read in this life of the appender's connection: the server that is there now may
    /// never have got those from before, and what is sealed with them would open nowhere.
    pub(crate) fn enter(&self, life: u64) {
        if self.0.life.fetch_max(life, Ordering::AcqRel) < life {
            self.0.drop_all();
        }
    }

    /// The keys of these subjects, to seal with; those that are missing are made, durably, before this returns.
    ///
    /// # Errors
    /// [`VaultError::Erased`] where one of them was destroyed; else Postgres.
    pub async fn ring(&self, tenant_id: TenantId, subjects: &BTreeSet<SubjectId>) -> Result<Arc<KeyRing>, VaultError> {
        let wanted: Vec<_> = subjects.iter().map(|subject| (tenant_id, *subject)).collect();
        let mut found = self.0.slots(wanted, true).await?;
        let mut ring = KeyRing { tenant_id, keys: std::collections::BTreeMap::new() };
        for subject in subjects {
            match found.remove(&(tenant_id, *subject)) {
                Some(Slot::Live(key)) => ring.keys.insert(*subject, key),
                Some(Slot::Destroyed) => return Err(VaultError::Erased(*subject)),
                None => return Err(VaultError::Missing(*subject)),
            };
        }
        Ok(Arc::new(ring))
    }

    /// Opens many texts, in the given order; `None` is what was erased.
    ///
    /// # Errors
    /// A text is damaged, a key is missing, or Postgres does not answer. Erasure is no error.
    pub async fn open_all(&self, sealed: &[(TenantId, Sealed)]) -> Result<Vec<Option<Arc<str>>>, VaultError> {
        let wanted: BTreeSet<_> = sealed.iter().map(|(tenant_id, sealed)| (*tenant_id, sealed.subject())).collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        match open_with(&self.0.slots(wanted.clone(), false).await?, sealed).await {
            Err(VaultError::Damaged(_)) => {
                // A key in memory may be one that the database lost when another server took its place.
                self.0.drop_these(&wanted);
                open_with(&self.0.slots(wanted, false).await?, sealed).await
            }
            opened => opened,
        }
    }

    /// Opens texts of one tenant, to answer with.
    ///
    /// # Errors
    /// As [`Vault::open_all`].
    pub async fn opened(&self, tenant_id: TenantId, sealed: Vec<Sealed>) -> Result<Arc<Opened>, VaultError> {
        if sealed.is_empty() {
            return Ok(Arc::new(Opened::default()));
        }
        let sealed: Vec<_> = sealed.into_iter().map(|sealed| (tenant_id, sealed)).collect();
        let texts = self.open_all(&sealed).await?;
        let pairs = sealed.into_iter().zip(texts).filter_map(|((_, sealed), text)| Some((sealed, text?)));
        Ok(Arc::new(Opened(pairs.collect())))
    }

    /// The value; `None` where it was erased.
    ///
    /// # Errors
    /// As [`Vault::open_all`]; [`VaultError::Damaged`] also where it is no `T`.
    pub async fn reveal<T: FromStr + Clone>(
        &self,
        tenant_id: TenantId,
        personal: &Personal<T>,
    ) -> Result<Option<T>, VaultError> {
        let Some(sealed) = personal.sealed() else { return Ok(personal.fresh().cloned()) };
        let text = self.open_all(&[(tenant_id, sealed.clone())]).await?.pop().flatten();
        text.map(|text| text.parse().map_err(|_| VaultError::Damaged(sealed.subject()))).transpose()
    }

    /// Destroys a subject's key, for ever: what was sealed with it is erased. `reason` holds no personal data. A repeat
    /// changes nothing.
    ///
    /// # Errors
    /// Postgres does not answer; it may have been destroyed all the same, and a repeat tells.
    pub async fn destroy(
        &self,
        tenant_id: TenantId,
        subject: SubjectId,
        reason: &str,
    ) -> Result<Destroyed, VaultError> {
        let seq = store::destroy(&self.0.pool, tenant_id, subject, reason).await?;
        self.0.drop_these(&[(tenant_id, subject)]);
        Ok(Destroyed { seq })
    }

    /// Whether the subject was erased and its clear text was still in the read models at `since`.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn is_being_erased(
        &self,
        tenant_id: TenantId,
        subject: SubjectId,
        since: DateTime<Utc>,
    ) -> Result<bool, VaultError> {
        store::is_being_erased(&self.0.pool, tenant_id, subject, since).await
    }

    /// Hears now of the keys that were destroyed until now, as otherwise once a second. Answers the last one's place.
    ///
    /// # Errors
    /// Postgres does not answer. Nothing that was cached is used any more then.
    pub async fn refresh(&self) -> Result<i64, VaultError> {
        self.0.refresh().await
    }

    /// The place of the last erasure that this process has heard of.
    pub fn seen(&self) -> i64 {
        self.0.seen.load(Ordering::Acquire)
    }

    /// The pool that it reads through.
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }
}

async fn open_with(slots: &Slots, sealed: &[(TenantId, Sealed)]) -> Result<Vec<Option<Arc<str>>>, VaultError> {
    let mut opened = Vec::with_capacity(sealed.len());
    for turn in sealed.chunks(TURN) {
        for (tenant_id, sealed) in turn {
            let subject = sealed.subject();
            opened.push(match slots.get(&(*tenant_id, subject)) {
                Some(Slot::Live(key)) => Some(key.open(*tenant_id, sealed).ok_or(VaultError::Damaged(subject))?),
                Some(Slot::Destroyed) => None,
                None => return Err(VaultError::Missing(subject)),
            });
        }
        tokio::task::yield_now().await;
    }
    Ok(opened)
}

fn blind_indexer(secret: &[u8; 32]) -> Result<BlindIndexer, VaultError> {
    let keyed = KeyedHash::of(secret, "blind index v1")?;
    Ok(BlindIndexer::new(move |scope, text| keyed.hash(&[scope.as_bytes(), text.as_bytes()])))
}

/// A keyed hash over parts. See [`Vault::keyed`].
#[derive(Clone, Debug)]
pub struct KeyedHash(hmac::Key);

impl KeyedHash {
    fn of(secret: &[u8; 32], label: &str) -> Result<Self, VaultError> {
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &root_key::derive(secret, label)?)))
    }

    /// A UUIDv8 of the first bytes of HMAC-SHA256 over the parts, each with its length in front.
    pub fn hash(&self, parts: &[&[u8]]) -> Uuid {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&tag.as_ref()[..16]);
        Uuid::new_v8(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_heard_of_once_is_remembered_for_a_while() {
        let room = room_for_subjects::<()>(10_000);
        let place = |nth: u128| (TenantId(Uuid::from_u128(1)), SubjectId(Uuid::from_u128(nth)));
        for nth in 0..50_000 {
            room.insert(place(nth), ());
        }
        let kept = (47_000..50_000).filter(|nth| room.get(&place(*nth)).is_some()).count();
        assert!(kept > 2_700, "{kept} of the last 3,000");
    }
}
