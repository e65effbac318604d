//! What requests lay hands on: two that cannot share a commit are told apart by their claims.

use super::Append;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use uuid::Uuid;

/// A stream of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamKey {
    pub(super) tenant: Uuid,
    pub(super) id: Uuid,
    pub(super) category: &'static str,
}

impl StreamKey {
    pub(super) const fn of(append: &Append, change: &kernel::Change) -> Self {
        Self { tenant: append.tenant_id.0, id: change.stream_id, category: change.category }
    }
}

impl Hash for StreamKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.id.as_u64_pair().1);
    }
}

/// The low half of a UUID in use is random or a hash already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

type Set<T> = HashSet<T, BuildHasherDefault<AsItIs>>;

/// Versions by stream.
pub(super) type Versions = HashMap<StreamKey, i32, BuildHasherDefault<AsItIs>>;

/// The streams and keys of some requests.
#[derive(Default)]
pub(super) struct Claims {
    written: Set<StreamKey>,
    looked_at: Set<StreamKey>,
    keys: Set<(Uuid, Uuid)>,
}

impl Claims {
    /// Whether the request must not be in one commit with these, nor overtake them.
    pub(super) fn clash(&self, append: &Append) -> bool {
        append.changes.iter().any(|change| {
            let key = StreamKey::of(append, change);
            self.written.contains(&key) || (!change.events.is_empty() && self.looked_at.contains(&key))
        }) || self.keys.contains(&(append.tenant_id.0, append.idempotency.key))
    }

    pub(super) fn add(&mut self, append: &Append) {
        for change in &append.changes {
            let claimed = if change.events.is_empty() { &mut self.looked_at } else { &mut self.written };
            claimed.insert(StreamKey::of(append, change));
        }
        self.keys.insert((append.tenant_id.0, append.idempotency.key));
    }
}
