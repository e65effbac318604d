//! What is asked of the database about keys: whoever comes while others are being answered is answered with the next lot.
//! So thousands of new people at once cost a few statements, and a thousand requests about one of them cost one key.

use super::{Inner, Slot, VaultError};
use kernel::{SubjectId, TenantId};
use sqlx::PgPool;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

/// Keys that are asked for at a time, unless one question alone is about more.
const LOT: usize = 2_000;

/// Whose key.
pub(super) type Place = (TenantId, SubjectId);
/// What is known of some keys.
pub(super) type Slots = HashMap<Place, Slot>;

/// Some keys that somebody waits for.
struct Question {
    wanted: Vec<Place>,
    /// Whether those that are missing are made.
    make: bool,
    answer: oneshot::Sender<Result<Slots, VaultError>>,
}

/// The questions that wait, and who may ask them.
pub(super) struct Questions {
    /// Each with somebody who wants to hear when it is asked.
    waiting: Mutex<VecDeque<(oneshot::Sender<()>, Question)>>,
    /// As many as there are connections.
    askers: Arc<Semaphore>,
    /// The longest wait to be asked: as long as for a connection.
    patience: Duration,
}

impl Questions {
    pub(super) fn of(pool: &PgPool) -> Self {
        let connections = usize::try_from(pool.options().get_max_connections()).unwrap_or(1).max(1);
        Self {
            waiting: Mutex::default(),
            askers: Arc::new(Semaphore::new(connections)),
            patience: pool.options().get_acquire_timeout(),
        }
    }

    /// The next ones. Those that nobody waits for any more are forgotten.
    fn lot(&self) -> Vec<Question> {
        let mut waiting = self.waiting();
        let (mut lot, mut size) = (Vec::new(), 0);
        while waiting.front().is_some_and(|(_, next)| size == 0 || size + next.wanted.len() <= LOT) {
            let Some((begun, question)) = waiting.pop_front() else { break };
            if begun.send(()).is_ok() {
                size += question.wanted.len();
                lot.push(question);
            }
        }
        lot
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(oneshot::Sender<()>, Question)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What is known of these keys, from memory or else from the database; those that do not exist are made, durably, or
    /// left out.
    pub(super) async fn slots(self: &Arc<Self>, wanted: Vec<Place>, make: bool) -> Result<Slots, VaultError> {
        let found = self.cached(&wanted);
        if found.len() == wanted.len() {
            return Ok(found);
        }
        let ((begun, has_begun), (answer, answered)) = (oneshot::channel(), oneshot::channel());
        self.questions.waiting().push_back((begun, Question { wanted, make, answer }));
        if let Ok(turn) = Arc::clone(&self.questions.askers).try_acquire_owned() {
            // A task of its own: whoever hangs up must not take the answers of others with him.
            tokio::spawn(Arc::clone(self).answer_all(turn));
        }
        match timeout(self.questions.patience, has_begun).await {
            Ok(Ok(())) => answered.await.unwrap_or(Err(VaultError::Unavailable(sqlx::Error::WorkerCrashed))),
            Ok(Err(_)) | Err(_) => Err(VaultError::Unavailable(sqlx::Error::PoolTimedOut)),
        }
    }

    /// Until nothing waits.
    async fn answer_all(self: Arc<Self>, mut turn: OwnedSemaphorePermit) {
        loop {
            loop {
                let lot = self.questions.lot();
                if lot.is_empty() {
                    break;
                }
                self.answer(lot).await;
            }
            drop(turn);
            // One may have come since, when nobody seemed to be free.
            if self.questions.waiting().is_empty() {
                return;
            }
            turn = match Arc::clone(&self.questions.askers).try_acquire_owned() {
                Ok(turn) => turn,
                Err(_) => return,
            };
        }
    }

    async fn answer(&self, lot: Vec<Question>) {
        match self.found(&lot).await {
            Ok(found) => {
                for question in lot {
                    let of_it = question.wanted.iter().filter_map(|place| Some((*place, found.get(place)?.clone())));
                    let of_it = of_it.collect();
                    question.answer.send(Ok(of_it)).ok();
                }
            }
            Err(VaultError::Unavailable(error)) => {
                for question in lot {
                    question.answer.send(Err(VaultError::Unavailable(alike(&error)))).ok();
                }
            }
            Err(_) => {
                // Something is wrong with one key: the affair of those who asked for it.
                for question in lot {
                    let alone = [question];
                    let found = self.found(&alone).await;
                    let [question] = alone;
                    question.answer.send(found).ok();
                }
            }
        }
    }

    async fn found(&self, lot: &[Question]) -> Result<Slots, VaultError> {
        let (to_make, to_read): (Vec<_>, Vec<_>) = lot.iter().partition(|question| question.make);
        let wanted = |of: Vec<&Question>| of.into_iter().flat_map(|question| question.wanted.clone()).collect();
        let (to_make, to_read): (BTreeSet<Place>, BTreeSet<Place>) = (wanted(to_make), wanted(to_read));
        // Some may have been answered with the lot before.
        let mut found = self.cached(to_make.union(&to_read));
        self.look(&to_make, &mut found, true).await?;
        self.look(&to_read, &mut found, false).await?;
        Ok(found)
    }

    /// Has what is not found yet from the database, and remembers it.
    async fn look(&self, wanted: &BTreeSet<Place>, found: &mut Slots, make: bool) -> Result<(), VaultError> {
        let missing: Vec<Place> = wanted.iter().copied().filter(|place| !found.contains_key(place)).collect();
        while !missing.is_empty() {
            let before = self.drops.load(Ordering::Acquire);
            let read = if make { self.read_or_make(&missing).await? } else { self.read(&missing).await? };
            for (place, slot) in &read {
                self.subjects.insert(*place, slot.clone());
            }
            if self.drops.load(Ordering::Acquire) == before {
                found.extend(read);
                break;
            }
            // A key may have been destroyed between being read and being cached: read again.
            self.invalidate(read.keys());
        }
        Ok(())
    }

    /// What this process has in memory of these keys.
    pub(super) fn cached<'a>(&self, wanted: impl IntoIterator<Item = &'a Place>) -> Slots {
        wanted.into_iter().filter_map(|place| Some((*place, self.subjects.get(place)?))).collect()
    }
}

/// The same once more, as far as anybody acts upon it: whether it passes.
fn alike(error: &sqlx::Error) -> sqlx::Error {
    match error {
        sqlx::Error::PoolTimedOut => sqlx::Error::PoolTimedOut,
        sqlx::Error::PoolClosed => sqlx::Error::PoolClosed,
        sqlx::Error::Io(io) => sqlx::Error::Io(std::io::Error::new(io.kind(), io.to_string())),
        other => sqlx::Error::Protocol(other.to_string()),
    }
}
