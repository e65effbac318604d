//! A part of a generation: the rows whose keys fall to it, with a checkpoint and an owner of its own.
//!
//! Which part a row falls to follows from its key alone, the same in every process and every version of the program.

use kernel::TenantId;
use serde::Serialize;

/// The most parts that a generation can have.
pub const MOST: i32 = 64;

/// Which of how many parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// 0, 1, 2, …
    pub number: i32,
    /// How many there are; 1: it is the whole.
    pub of: i32,
}

impl Part {
    /// All rows.
    pub const WHOLE: Self = Self { number: 0, of: 1 };

    /// Whether it is all of it.
    pub const fn is_whole(self) -> bool {
        self.of == 1
    }

    /// Whether the row with this key falls to it.
    pub fn has<K: Serialize>(self, tenant_id: TenantId, key: &K) -> bool {
        self.is_whole() || u64::try_from(self.number) == Ok(place(tenant_id, key) % u64::try_from(self.of).unwrap_or(1))
    }
}

/// A number for a key: FNV-1a over the tenant and the key's JSON, with the bits mixed once more, since few of the low ones
/// are good. Stored checkpoints rely on it: it never changes.
fn place<K: Serialize>(tenant_id: TenantId, key: &K) -> u64 {
    let json = serde_json::to_vec(key).unwrap_or_default();
    let bytes = tenant_id.0.as_bytes().iter().chain(&json);
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn every_key_falls_to_one_part_and_to_the_same_for_ever() {
        let tenant = TenantId(Uuid::from_u128(7));
        let mut counts = [0; 5];
        for key in 0..5_000_u32 {
            let key = (key, format!("key {key}"));
            let parts: Vec<i32> = (0..5).filter(|number| Part { number: *number, of: 5 }.has(tenant, &key)).collect();
            assert_eq!(parts.len(), 1);
            counts[usize::try_from(parts[0]).unwrap()] += 1;
            assert!(Part::WHOLE.has(tenant, &key));
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        // What was stored by an earlier program is read by a later one.
        assert_eq!(place(tenant, &"a key") % 64, 7);
    }
}
