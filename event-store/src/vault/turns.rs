//! Who may ask the database for keys when: a thousand requests about one subject are one question, and those about many
//! wait for a turn instead of for a connection.

use super::VaultError;
use kernel::SubjectId;
use sqlx::PgPool;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Subjects share so many turns.
const STRIPES: usize = 64;

#[derive(Debug)]
pub(super) struct Turns {
    reading: Semaphore,
    subjects: Vec<Mutex<()>>,
    /// The longest wait: as long as for a connection.
    patience: Duration,
}

impl Turns {
    pub(super) fn of(pool: &PgPool) -> Self {
        let connections = usize::try_from(pool.options().get_max_connections()).unwrap_or(1).max(1);
        Self {
            reading: Semaphore::new(connections),
            subjects: (0..STRIPES).map(|_| Mutex::new(())).collect(),
            patience: pool.options().get_acquire_timeout(),
        }
    }

    /// A turn to read.
    pub(super) async fn to_read(&self) -> Result<SemaphorePermit<'_>, VaultError> {
        match timeout(self.patience, self.reading.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(VaultError::Unavailable(sqlx::Error::PoolTimedOut)),
        }
    }

    /// A turn to make what is missing about these subjects.
    pub(super) async fn about(&self, subjects: &BTreeSet<SubjectId>) -> Result<Option<MutexGuard<'_, ()>>, VaultError> {
        let stripe = subjects.first().map_or(0, |subject| usize::from(subject.0.as_bytes()[15]) % STRIPES);
        let Some(stripe) = self.subjects.get(stripe) else { return Ok(None) };
        let turn = timeout(self.patience, stripe.lock()).await;
        turn.map(Some).map_err(|_| VaultError::Unavailable(sqlx::Error::PoolTimedOut))
    }
}
