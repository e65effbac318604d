//! How many may follow or export at once: long answers are few, so that short ones stay quick.

use axum::http::StatusCode;
use kernel::ActorId;
use platform::Problem;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Long answers of one process, and of one actor.
const ALL: usize = 256;
const EACH: usize = 10;

/// Who holds how many.
#[derive(Clone, Default)]
pub(crate) struct Seats(Arc<Mutex<HashMap<ActorId, usize>>>);

/// A place, held until it is dropped.
pub(super) struct Seat {
    seats: Seats,
    actor_id: ActorId,
}

impl Seats {
    /// Takes a place.
    pub(super) fn take(&self, actor_id: ActorId) -> Result<Seat, Problem> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (held.values().sum::<usize>(), held.get(&actor_id).copied().unwrap_or(0));
        if all >= ALL || own >= EACH {
            let most = if own >= EACH { format!("{EACH} for one actor") } else { format!("{ALL} on this server") };
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_streams",
                "Too many long answers at once",
            )
            .detail(format!("at most {most}"))
            .remedy("End one, or page with limit and cursor.")
            .retry_after(5));
        }
        *held.entry(actor_id).or_default() += 1;
        Ok(Seat { seats: self.clone(), actor_id })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut held = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = held.get(&self.actor_id).map_or(0, |held| held.saturating_sub(1));
        if left == 0 {
            held.remove(&self.actor_id);
        } else {
            held.insert(self.actor_id, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn one_actor_cannot_take_all_places_and_gives_them_back() {
        let seats = Seats::default();
        let (ada, bob) = (ActorId(Uuid::from_u128(1)), ActorId(Uuid::from_u128(2)));
        let held: Vec<Seat> = (0..EACH).map(|_| seats.take(ada).unwrap_or_else(|_| panic!("there is room"))).collect();
        assert!(seats.take(ada).is_err());
        assert!(seats.take(bob).is_ok());
        drop(held);
        assert!(seats.take(ada).is_ok());
    }
}
