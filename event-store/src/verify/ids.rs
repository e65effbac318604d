//! Whether an event's id was met before, in bounded memory.

use std::collections::HashSet;
use uuid::Uuid;

/// The ids of one slice of all ids, by a hash: a log with more ids than fit is looked at in several passes.
pub(crate) struct Ids {
    seen: HashSet<u64>,
    slice: u64,
    slices: u64,
}

impl Ids {
    pub(crate) fn new(slice: u64, slices: u64) -> Self {
        Self { seen: HashSet::new(), slice, slices: slices.max(1) }
    }

    /// Whether the id may have been met before; whoever is told so must look.
    pub(crate) fn may_repeat(&mut self, id: Uuid) -> bool {
        let hash = mix(id);
        hash % self.slices == self.slice && !self.seen.insert(hash / self.slices)
    }
}

/// Sixty-four bits of the id's hundred and twenty-eight, all of them in each.
fn mix(id: Uuid) -> u64 {
    let (high, low) = id.as_u64_pair();
    let mut z = high.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ low;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_is_looked_at_in_exactly_one_slice() {
        let all: Vec<Uuid> = (0..1_000).map(|n| Uuid::from_u128(n * 7)).collect();
        let mut repeated = 0;
        for slice in 0..3 {
            let mut ids = Ids::new(slice, 3);
            assert!(!all.iter().any(|id| ids.may_repeat(*id)), "none is there twice");
            repeated += all.iter().filter(|id| ids.may_repeat(**id)).count();
        }
        assert_eq!(repeated, all.len());
    }
}
