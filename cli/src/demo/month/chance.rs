//! Chance that is the same for the same seed, on every machine: `SplitMix64`.

/// A stream of numbers that follows from its seed.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream, which follows from this one's seed and a number.
    pub(super) fn of(&self, number: usize) -> Self {
        let mut other = Self(self.0 ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        other.next();
        other
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of 0, 1, …, below `end`, which is not 0.
    pub(super) fn below(&mut self, end: i64) -> i64 {
        i64::try_from(self.next() % end.unsigned_abs()).unwrap_or_default()
    }

    /// The place of one of so many.
    pub(super) fn place(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap_or_default()
    }

    /// One of these.
    pub(super) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.place(of.len())]
    }

    /// True so many times in a hundred.
    pub(super) fn percent(&mut self, chance: i64) -> bool {
        self.below(100) < chance
    }

    /// One of these, each as often as its weight says.
    pub(super) fn weighed<'a, T>(&mut self, of: &'a [(T, usize)]) -> &'a T {
        let mut left = self.place(of.iter().map(|(_, weight)| weight).sum::<usize>().max(1));
        for (one, weight) in of {
            if left < *weight {
                return one;
            }
            left -= weight;
        }
        &of[of.len() - 1].0
    }

    /// Something around this number, from a third to thrice as much, the middle most often.
    pub(super) fn around(&mut self, middle: i64) -> i64 {
        let dice: usize = (0..4).map(|_| self.place(26)).sum();
        let percent = [34, 40, 47, 55, 64, 74, 86, 100, 117, 136, 158, 184, 215, 300][dice * 13 / 100];
        (middle * percent / 100).max(1)
    }
}
