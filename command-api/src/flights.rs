//! Requests with the same key, at the same time: the first flies, the others wait and get its answer.

use event_store::Answer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use uuid::Uuid;

/// Answers that this process remembers at least, and at most twice as many. The ledger in Postgres knows all of them; this
/// spares the look-up.
const RECENT: usize = 50_000;
/// Streams are locked by stripe: two streams share one now and then, and wait for each other.
const STRIPES: usize = 4_096;

type Lane = Arc<AsyncMutex<()>>;

/// Answers by key, in two generations: when the young one is full, the old one is forgotten. Every command adds one, and a
/// cache that ranks its entries cost a tenth of a command.
#[derive(Default)]
struct Recent {
    young: HashMap<Uuid, (Uuid, Answer)>,
    old: HashMap<Uuid, (Uuid, Answer)>,
}

/// Who is in the air, and who has landed.
pub(crate) struct Flights {
    in_flight: Mutex<HashMap<Uuid, Lane>>,
    recent: Mutex<Recent>,
    stripes: Box<[AsyncMutex<()>]>,
}

impl Flights {
    pub(crate) fn new() -> Self {
        Self {
            in_flight: Mutex::default(),
            recent: Mutex::default(),
            stripes: (0..STRIPES).map(|_| AsyncMutex::new(())).collect(),
        }
    }

    /// The answer already given to this key, with the hash of what was asked.
    pub(crate) fn landed(&self, key: Uuid) -> Option<(Uuid, Answer)> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.young.get(&key).or_else(|| recent.old.get(&key)).copied()
    }

    pub(crate) fn land(&self, key: Uuid, request_hash: Uuid, answer: Answer) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.young.len() >= RECENT {
            recent.old = std::mem::replace(&mut recent.young, HashMap::with_capacity(RECENT));
        }
        recent.young.insert(key, (request_hash, answer));
    }

    /// Waits until no other request with this key is in flight, and keeps others waiting while it is held.
    pub(crate) async fn take_off(&self, key: Uuid) -> Flight<'_> {
        let lane = Arc::clone(self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let guard = lane.lock_owned().await;
        Flight { flights: self, key, guard: Some(guard) }
    }

    /// Commands on one stream take turns inside this process: they would only conflict and decide again.
    /// Between processes the expected version decides.
    pub(crate) async fn turn(&self, stream_id: Uuid) -> tokio::sync::MutexGuard<'_, ()> {
        // The low bits of every UUID version that is in use are random or hashed.
        let stripe = usize::try_from(stream_id.as_u64_pair().1 % STRIPES as u64).unwrap_or_default();
        self.stripes[stripe].lock().await
    }
}

/// The right to fly with a key.
pub(crate) struct Flight<'a> {
    flights: &'a Flights,
    key: Uuid,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        drop(self.guard.take());
        let mut in_flight = self.flights.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever still waits holds a clone; the last one tidies up.
        if in_flight.get(&self.key).is_some_and(|lane| Arc::strong_count(lane) == 1) {
            in_flight.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod specs {
    use super::*;
    use kernel::{Epoch, Position, Version};

    fn answer(position: i64) -> Answer {
        Answer {
            stream_id: Uuid::nil(),
            version: Version(1),
            position: Position(position),
            number: None,
            changed: true,
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            epoch: Epoch(1),
            repeated: false,
        }
    }

    #[test]
    fn the_latest_answers_are_remembered_and_memory_is_bounded() {
        let flights = Flights::new();
        let keys: Vec<Uuid> = (0..3 * RECENT as u128).map(Uuid::from_u128).collect();
        for (position, key) in (1..).zip(&keys) {
            flights.land(*key, Uuid::nil(), answer(position));
        }
        for key in &keys[keys.len() - RECENT..] {
            assert!(flights.landed(*key).is_some(), "{key} was answered lately");
        }
        assert!(flights.landed(keys[0]).is_none(), "what is old is forgotten");
        let recent = flights.recent.lock().unwrap();
        assert!(recent.young.len() + recent.old.len() <= 2 * RECENT);
    }
}
