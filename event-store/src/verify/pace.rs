//! How fast a verification may go.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Behind its budget by more than this, a verification does not hurry afterwards to make up for it.
const GRACE: Duration = Duration::from_secs(1);

/// The most events that are read in one go.
const LONGEST_WINDOW: i64 = 100_000;

/// Events per second that may be looked at; without a limit, as many as the machine gives.
#[derive(Debug)]
pub struct Pace {
    per_second: Option<u32>,
    due: Instant,
}

impl Pace {
    /// At most so many events per second.
    pub fn new(per_second: Option<u32>) -> Self {
        Self { per_second, due: Instant::now() }
    }

    /// Events that may be read in one go, so that no statement takes longer than some seconds.
    pub fn window(&self) -> i64 {
        self.per_second
            .map_or(LONGEST_WINDOW, |per_second| i64::from(per_second).saturating_mul(5).clamp(100, LONGEST_WINDOW))
    }

    /// Waits until what was just looked at fits the budget.
    pub async fn spend(&mut self, events: usize) {
        let Some(per_second) = self.per_second else { return };
        let took = Duration::from_secs(1)
            .mul_f64(f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / f64::from(per_second.max(1)));
        self.due = self.due.max(Instant::now().checked_sub(GRACE).unwrap_or(self.due)) + took;
        sleep_until(self.due).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_kept_on_average() {
        let begun = Instant::now();
        let mut pace = Pace::new(Some(1_000));
        for _ in 0..50 {
            pace.spend(100).await;
        }
        assert_eq!(begun.elapsed().as_millis() / 100, 50);
        tokio::time::advance(Duration::from_mins(1)).await;
        let rested = Instant::now();
        for _ in 0..50 {
            pace.spend(100).await;
        }
        assert!(rested.elapsed() >= Duration::from_secs(4), "{:?}", rested.elapsed());
        let free = Instant::now();
        Pace::new(None).spend(1_000_000).await;
        assert_eq!(free.elapsed(), Duration::ZERO);
    }
}
