//! The rows of a whole read model in memory, folded from the beginning of the log: no row is ever loaded, and each is
//! written once.

use crate::poison::{Poison, PoisonCause};
use crate::projection::{Decoded, Touching, panicked};
use crate::row::{Arrays, RowError};
use foldhash::fast::RandomState;
use kernel::{Keys, Position, ReadModel, Recorded, TenantId};
use std::collections::{HashMap, hash_map};
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Parts of the rows, so that none is large when it has to grow.
const PARTS: usize = 64;
/// Rows whose size is looked at, to know what all of them take.
const SAMPLE: usize = 256;
/// Events between two such looks.
const LOOK: usize = 50_000;
/// What the heap takes for a row beyond its bytes: pieces are rounded up, and strings keep room.
const SLACK: f64 = 1.6;

/// The rows of a read model, while its types are forgotten.
pub trait Bulk: Send {
    /// Folds events, which come in the order of the log. After an error nothing here is of use.
    ///
    /// # Errors
    /// The read model panicked.
    fn fold(&mut self, events: Decoded) -> Result<(), Poison>;
    /// How many rows there are.
    fn rows(&self) -> usize;
    /// What they take in memory, about.
    fn bytes(&self) -> usize;
    /// Takes rows out and adds them to `arrays`, until it has so many or none are left.
    ///
    /// # Errors
    /// A row does not fit its table.
    fn drain(&mut self, count: usize, arrays: &mut Arrays) -> Result<(), Poison>;
}

type Part<M> = HashMap<(TenantId, <M as ReadModel>::Key), Slot<<M as ReadModel>::Row>, RandomState>;

struct Slot<R> {
    row: Option<R>,
    /// The last event that touched it.
    at: i64,
}

/// [`Bulk`] for one read model.
pub(crate) struct Rows<M: ReadModel> {
    parts: Vec<Part<M>>,
    /// The part that is being taken out.
    draining: hash_map::IntoIter<(TenantId, M::Key), Slot<M::Row>>,
    hasher: RandomState,
    /// How many slots have a row.
    count: usize,
    /// Bytes per row on the heap, when that was last looked at, and the events since.
    row_bytes: usize,
    since: usize,
    arrays: Arrays,
}

impl<M: ReadModel> Default for Rows<M> {
    fn default() -> Self {
        let parts = (0..PARTS).map(|_| Part::<M>::default()).collect();
        let arrays = Arrays::of_rows(&M::TABLE);
        Self {
            parts,
            draining: Part::<M>::default().into_iter(),
            hasher: RandomState::default(),
            count: 0,
            row_bytes: 0,
            since: usize::MAX,
            arrays,
        }
    }
}

impl<M: ReadModel> Bulk for Rows<M> {
    fn fold(&mut self, events: Decoded) -> Result<(), Poison> {
        let Ok(events) = events.events.downcast::<Vec<Touching<M>>>() else {
            unreachable!("a projection folds what its own decoder read")
        };
        self.since = self.since.saturating_add(events.len());
        for Touching { event, keys } in *events {
            match keys {
                Keys::None => {}
                Keys::One(key) => self.touch(key, &event)?,
                Keys::Many(keys) => {
                    for key in keys {
                        self.touch(key, &event)?;
                    }
                }
            }
        }
        if self.since >= LOOK {
            self.row_bytes = self.look();
            self.since = 0;
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        self.count
    }

    fn bytes(&self) -> usize {
        let slot = size_of::<((TenantId, M::Key), Slot<M::Row>)>() + 1;
        let slots: usize = self.parts.iter().map(HashMap::capacity).sum();
        slots * slot * 8 / 7 + self.count * self.row_bytes
    }

    fn drain(&mut self, count: usize, arrays: &mut Arrays) -> Result<(), Poison> {
        let before = arrays.len();
        while arrays.len() < count {
            let Some(((tenant_id, _), Slot { row, at })) = self.draining.next() else {
                let Some(part) = self.parts.pop() else { break };
                self.draining = part.into_iter();
                continue;
            };
            let Some(row) = row else { continue };
            let pushed = catch_unwind(AssertUnwindSafe(|| arrays.push_row(tenant_id, &row, at)));
            let wrong = match pushed {
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => PoisonCause::Row(error),
                Err(panic) => PoisonCause::Panic(crate::poison::panic_message(&*panic)),
            };
            return Err(Poison { position: Position(at), event_id: None, cause: wrong });
        }
        self.count = self.count.saturating_sub(arrays.len() - before);
        Ok(())
    }
}

impl<M: ReadModel> Rows<M> {
    fn touch(&mut self, key: M::Key, event: &Recorded<M::Event>) -> Result<(), Poison> {
        let place = (M::home(event.tenant_id), key);
        // The high bits: the low ones say where in its part the row is.
        let part = usize::try_from(self.hasher.hash_one(&place) >> 58).unwrap_or(0) % PARTS;
        let part = &mut self.parts[part];
        let key = place.1.clone();
        let slot = part.entry(place).or_insert(Slot { row: None, at: 0 });
        let before = slot.row.take();
        let was_there = before.is_some();
        let after = catch_unwind(AssertUnwindSafe(|| M::apply(before, &key, event)));
        slot.row = after.map_err(|panic| panicked(event, &*panic))?;
        slot.at = event.position.0;
        match (was_there, slot.row.is_some()) {
            (false, true) => self.count += 1,
            (true, false) => self.count -= 1,
            _ => {}
        }
        Ok(())
    }

    /// How many bytes a row has on the heap, about: as many as it is sent as, and what the heap adds.
    fn look(&mut self) -> usize {
        self.arrays.clear();
        let rows = self.parts.iter().flat_map(|part| part.values().take(SAMPLE / PARTS));
        let rows = rows.filter_map(|slot| slot.row.as_ref());
        for row in rows {
            // What does not fit is found when it is written.
            let pushed: Result<bool, RowError> =
                catch_unwind(AssertUnwindSafe(|| self.arrays.push_row(TenantId(uuid::Uuid::nil()), row, 0)))
                    .unwrap_or(Ok(true));
            if pushed.is_err() {
                break;
            }
        }
        let bytes = self.arrays.bytes().checked_div(self.arrays.len()).unwrap_or(self.row_bytes);
        self.arrays.clear();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "about"
        )]
        let about = (bytes as f64 * SLACK) as usize;
        about
    }
}
