//! The rows that a projection has lately touched, kept in memory so that the next batch need not load them.

use std::collections::HashMap;
use std::hash::Hash;

/// A bounded map that forgets what was not touched lately.
///
/// Two halves: what is touched goes to the young one; when that is full the old one is dropped and the young one becomes
/// old. No list to keep in order; the last `limit` rows that were touched are always here, and never more than twice
/// as many.
pub(crate) struct HotRows<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    limit: usize,
    /// Whether every row of the table is here, so that a key that is not here does not exist.
    whole: bool,
}

impl<K: Eq + Hash, V> HotRows<K, V> {
    /// The last `limit` rows. `whole` says that the table is empty now.
    pub(crate) fn new(limit: usize, whole: bool) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), limit: limit.max(1), whole }
    }

    /// Takes a row out; it comes back by [`HotRows::put`] when the batch is committed.
    pub(crate) fn take(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    /// Keeps a row that the table has.
    pub(crate) fn put(&mut self, key: K, row: V) {
        if self.young.len() >= self.limit {
            self.whole &= self.old.is_empty();
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, row);
    }

    /// A row of the table is not kept here.
    pub(crate) const fn miss(&mut self) {
        self.whole = false;
    }

    /// Whether a key that is not here is not in the table either.
    pub(crate) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Sets the bound; a smaller one takes effect as rows are put.
    pub(crate) fn bound(&mut self, limit: usize) {
        self.limit = limit.max(1);
        if self.young.len() > self.limit || self.old.len() > self.limit {
            *self = Self::new(limit, false);
        }
    }

    /// Forgets every row. `whole` says that the table is empty now.
    pub(crate) fn clear(&mut self, whole: bool) {
        *self = Self { young: HashMap::new(), old: HashMap::new(), limit: self.limit, whole };
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_knows_whether_it_is_whole() {
        let mut rows = HotRows::new(5, true);
        for key in 0..10 {
            rows.put(key, key);
        }
        assert!(rows.is_whole() && rows.len() == 10);
        rows.put(10, 10);
        assert!(!rows.is_whole(), "the oldest five are gone");
        assert_eq!((rows.take(&0), rows.take(&5), rows.take(&10)), (None, Some(5), Some(10)));
        for key in 0..1_000 {
            rows.put(key, key);
        }
        assert!(rows.len() <= 10);
    }

    #[test]
    fn what_is_touched_again_stays() {
        let mut rows = HotRows::new(5, false);
        rows.put(-1, 0);
        for key in 0..1_000 {
            rows.put(key, key);
            if key % 4 == 0 {
                let row = rows.take(&-1).expect("touched every four rows");
                rows.put(-1, row);
            }
        }
    }
}
