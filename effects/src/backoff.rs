//! How long to wait before a job is tried again.

use backon::{BackoffBuilder, ExponentialBuilder};
use std::time::Duration;

/// Longer and longer pauses, each drawn from its length to twice its length: jobs that failed together come back apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Backoff {
    /// The pause after so many tries.
    pub(crate) fn after(self, attempts: i32) -> Duration {
        let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or_default();
        ExponentialBuilder::default()
            .with_min_delay(self.first)
            .with_factor(2.0)
            .with_max_delay(self.longest)
            .without_max_times()
            .with_jitter()
            .build()
            .nth(step)
            .unwrap_or(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_drawn() {
        let backoff = Backoff { first: Duration::from_secs(5), longest: Duration::from_hours(1) };
        for (attempts, least) in [(0, 5), (1, 5), (2, 10), (3, 20), (4, 40), (11, 3600), (500, 3600)] {
            for _ in 0..50 {
                let pause = backoff.after(attempts).as_secs_f64();
                assert!((f64::from(least)..=f64::from(2 * least)).contains(&pause), "{attempts}: {pause}");
            }
        }
        assert!((0..50).map(|_| backoff.after(3)).any(|pause| pause != backoff.after(3)), "never the same for all");
    }
}
