//! States of aggregates, from the cache or folded from the log.

use crate::log::{Log, ReadError};
use crate::snapshots;
use kernel::{Aggregate, DecodeError, Loaded, Source, TenantId, Version};
use quick_cache::sync::Cache;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Events read at a time; a stream with more gets a snapshot.
const PAGE: i64 = 256;

/// Why a state could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The stream holds an event that this build does not understand. Never skipped.
    #[error("folding {category} {stream_id}")]
    Decode {
        /// The category.
        category: &'static str,
        /// The stream.
        stream_id: Uuid,
        /// What is wrong.
        #[source]
        source: DecodeError,
    },
}

type Key = (TenantId, Uuid, &'static str);

#[derive(Clone)]
struct Cached {
    version: Version,
    state: Arc<dyn Any + Send + Sync>,
    /// In which life of the appender's connection it was folded.
    life: u64,
}

/// The states that this process has folded lately. A stale one can only cause a conflict and another load,
/// never a wrong write: every append names the version it was decided on.
#[derive(Clone)]
pub struct States {
    log: Log,
    cache: Arc<Cache<Key, Cached>>,
    /// The life that the appender was last seen in; what was folded in an earlier one is not used any more.
    life: Arc<AtomicU64>,
}

impl States {
    /// Keeps at most `capacity` states.
    pub fn new(log: Log, capacity: usize) -> Self {
        Self { log, cache: Arc::new(Cache::new(capacity)), life: Arc::new(AtomicU64::new(0)) }
    }

    /// The log that they are folded from.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// The states of one tenant. `fresh` is an id that was made just now: no stream can have it yet.
    pub fn of(&self, tenant_id: TenantId, fresh: Option<Uuid>) -> Repository<'_> {
        Repository { states: self, tenant_id, fresh, life: self.life.load(Ordering::Acquire) }
    }

    /// From now on only what is folded in this life of the appender's connection: what is known from before may rest on
    /// events that a server which was put in another's place does not have.
    pub(crate) fn enter(&self, life: u64) {
        self.life.fetch_max(life, Ordering::AcqRel);
    }

    /// A state as the log has it now, not as it is remembered here: others write the same streams, and nothing here notices.
    /// Commands need none of it: their yes is checked by the append, and before a no the streams are read again.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub async fn current<A: Aggregate>(&self, tenant_id: TenantId, id: Uuid) -> Result<Arc<A>, LoadError> {
        Ok(self.load_again(tenant_id, id).await?.state)
    }

    /// The same with its version.
    ///
    /// # Errors
    /// As [`Source::load`].
    pub async fn load_again<A: Aggregate>(&self, tenant_id: TenantId, id: Uuid) -> Result<Loaded<A>, LoadError> {
        self.forget(tenant_id, A::CATEGORY, id);
        self.of(tenant_id, None).load(id).await
    }

    /// Forgets a stream's state, after a conflict.
    pub(crate) fn forget(&self, tenant_id: TenantId, category: &'static str, id: Uuid) {
        self.cache.remove(&(tenant_id, id, category));
    }
}

/// The states of one tenant.
pub struct Repository<'a> {
    states: &'a States,
    tenant_id: TenantId,
    fresh: Option<Uuid>,
    life: u64,
}

impl Source for Repository<'_> {
    type Error = LoadError;

    async fn load<A: Aggregate>(&self, id: Uuid) -> Result<Loaded<A>, LoadError> {
        if self.fresh == Some(id) {
            return Ok(Loaded { id, version: Version::ZERO, state: Arc::new(A::default()) });
        }
        if let Some(cached) = self.states.cache.get(&(self.tenant_id, id, A::CATEGORY))
            && cached.life == self.life
            && let Ok(state) = cached.state.downcast::<A>()
        {
            return Ok(Loaded { id, version: cached.version, state });
        }
        let (version, state) = fold::<A>(&self.states.log, self.tenant_id, id).await?;
        let loaded = Loaded { id, version, state: Arc::new(state) };
        if version > Version::ZERO {
            self.remember(loaded.clone());
        }
        Ok(loaded)
    }

    fn remember<A: Aggregate>(&self, loaded: Loaded<A>) {
        let key = (self.tenant_id, loaded.id, A::CATEGORY);
        let cached = Cached { version: loaded.version, state: loaded.state, life: self.life };
        // Two commands may finish in any order: what is newer stays. Should they meet right here, the next one loads again.
        let is_newer = |old: Cached| (old.life, old.version) > (cached.life, cached.version);
        if !self.states.cache.peek(&key).is_some_and(is_newer) {
            self.states.cache.insert(key, cached);
        }
    }
}

/// Folds a stream to its end, from its snapshot where it is long enough to have one.
async fn fold<A: Aggregate>(log: &Log, tenant_id: TenantId, id: Uuid) -> Result<(Version, A), LoadError> {
    let (mut version, mut state) = (Version::ZERO, A::default());
    let mut since_snapshot = 0;
    loop {
        let page = match log.stream(tenant_id, A::CATEGORY, id, version, None, PAGE).await {
            // The beginning is archived: the state still is to be had where a snapshot holds it.
            Err(error @ ReadError::Archived(_)) if version == Version::ZERO => {
                (version, state) = snapshots::load::<A>(log.pool(), tenant_id, id).await.ok_or(error)?;
                continue;
            }
            page => page?,
        };
        let full = i64::try_from(page.len()).is_ok_and(|length| length == PAGE);
        if full
            && version == Version::ZERO
            && let Some(snapshot) = snapshots::load::<A>(log.pool(), tenant_id, id).await
        {
            (version, state) = snapshot;
            continue;
        }
        for recorded in page {
            version = recorded.version;
            since_snapshot += 1;
            let decoded = recorded.decode::<A::Event>().map_err(|source| LoadError::Decode {
                category: A::CATEGORY,
                stream_id: id,
                source,
            })?;
            state = state.evolve(&decoded.event);
        }
        if !full {
            break;
        }
    }
    if since_snapshot >= PAGE {
        snapshots::save(log.pool(), tenant_id, id, version, &state);
    }
    Ok((version, state))
}
