//! How fast a build may go: its own budget, and what live traffic leaves.
//!
//! A build works a little and pauses a little, so that whoever shares the disk and the cores waits for a few milliseconds
//! and not for minutes. Live traffic comes first: while readers see old rows the build yields, by half each second, and
//! comes back by degrees. Yet it leaves the log behind it faster than the log grows, or it would never end.

use crate::report::Held;
use crate::roster::Budget;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Serving read models that are so far behind are in need. Without NATS half a second is usual.
const LATE_MS: i64 = 1_000;
/// The least that live traffic leaves to builds, in percent of the time: they must end some day.
const LEAST: u32 = 20;
/// With so many events to go, a build does not yield to live traffic any more.
pub(crate) const NEARLY: i64 = 10_000;
/// A build passes at least so many events for each that is appended meanwhile.
const FASTER: i64 = 2;
/// What is given back per second when all is well.
const BACK: u32 = 10;
/// So many events that are appended per second are live traffic.
const TRAFFIC: i64 = 20;
/// A pause is at most so long at a time, so that orders are heard.
const LONGEST: Duration = Duration::from_millis(250);
/// What was not used is not saved up for longer than this.
const SAVED: Duration = Duration::from_millis(100);

/// What live traffic leaves to all builds of a process; looked at once a second.
#[derive(Debug)]
pub(crate) struct Live {
    /// Percent of the time.
    left: AtomicU32,
    head: AtomicI64,
    /// Events that were appended within the last second.
    growth: AtomicI64,
    /// The most that is left while commands come in.
    under_load: u32,
}

impl Live {
    pub(crate) const fn new(under_load: u32) -> Self {
        Self { left: AtomicU32::new(100), head: AtomicI64::new(-1), growth: AtomicI64::new(0), under_load }
    }

    /// A second has passed: so far behind is the serving read model that is furthest behind, and there is the end of the log.
    ///
    /// To be called also while nothing is built: a build that begins is to know what goes on.
    pub(crate) fn look(&self, lag_ms: i64, head: i64) {
        let before = self.head.swap(head, Ordering::Relaxed);
        let growth = if before >= 0 { head - before } else { 0 };
        self.growth.store(growth, Ordering::Relaxed);
        let busy = growth > TRAFFIC;
        let most = if busy { self.under_load } else { 100 };
        let left = self.left.load(Ordering::Relaxed);
        let left = if lag_ms > LATE_MS { left / 2 } else { left + BACK };
        self.left.store(left.clamp(LEAST, most.max(LEAST)), Ordering::Relaxed);
    }

    /// Percent of the time.
    pub(crate) fn left(&self) -> u32 {
        self.left.load(Ordering::Relaxed)
    }
}

/// The pace of one build.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When the events that were folded so far are paid for.
    paid_at: Instant,
    /// Since when it has been working.
    since: Instant,
    /// What others worked for it since then.
    beside: Duration,
    /// Positions of the log that it left behind in a second of work, when that was last seen.
    speed: Option<i64>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self { paid_at: now, since: now, beside: Duration::ZERO, speed: None }
    }

    /// So many more positions of the log are behind it: to be called before [`Pace::left`].
    pub(crate) fn passed(&mut self, positions: i64) {
        let worked = i64::try_from(self.worked().as_micros()).unwrap_or(i64::MAX);
        if positions > 0 {
            self.speed = Some(positions.saturating_mul(1_000_000) / worked.max(1));
        }
    }

    /// What it may take with so many events to go, in percent of the time.
    pub(crate) fn left(&self, live: &Live, gap: i64) -> u32 {
        // What is nearly done is done soonest at full speed.
        if gap <= NEARLY {
            return 100;
        }
        let growth = live.growth.load(Ordering::Relaxed);
        let least = self.speed.map_or(0, |speed| 100 * FASTER * growth / speed.max(1)).clamp(0, 100);
        live.left().max(u32::try_from(least).unwrap_or(100))
    }

    /// So many events were folded since the last call, or since [`Pace::go_on`]: how long to pause, and because of what.
    pub(crate) fn pause(&mut self, events: usize, budget: Budget, live: u32) -> Option<(Duration, Held)> {
        let now = Instant::now();
        self.paid_at = self.paid_at.max(now.checked_sub(SAVED).unwrap_or(now));
        let mut longest = (Duration::ZERO, Held::Budget);
        if let Some(rate) = budget.events_per_second {
            self.paid_at += Duration::from_secs(1).mul_f64(count(events) / f64::from(rate.max(1)));
            longest.0 = self.paid_at.saturating_duration_since(now);
        }
        let worked = self.worked();
        let share = budget.share(live);
        let held = budget.holder(live).unwrap_or(Held::Budget);
        let rest = worked.mul_f64(f64::from(100 - share) / f64::from(share));
        if rest > longest.0 {
            longest = (rest, held);
        }
        (!longest.0.is_zero()).then_some(longest)
    }

    fn worked(&self) -> Duration {
        self.since.elapsed() + self.beside
    }

    /// Somebody else worked for the same build meanwhile.
    pub(crate) fn beside(&mut self, worked: Duration) {
        self.beside += worked;
    }

    /// The pause is over, or there was none: work begins.
    pub(crate) fn go_on(&mut self) {
        self.since = Instant::now();
        self.beside = Duration::ZERO;
    }

    /// The next part of a pause, and what is left of it then.
    pub(crate) fn part(pause: Duration) -> (Duration, Duration) {
        let part = pause.min(LONGEST);
        (part, pause.saturating_sub(part))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a chunk has some thousand events")]
const fn count(events: usize) -> f64 {
    events as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_paid_for_one_after_the_other() {
        let budget = Budget { events_per_second: Some(1_000), percent: None };
        let mut pace = Pace::new();
        let (first, held) = pace.pause(500, budget, 100).unwrap();
        assert!(first > Duration::from_millis(300) && first <= Duration::from_millis(500), "{first:?}");
        assert_eq!(held, Held::Budget);
        let (second, _) = pace.pause(500, budget, 100).unwrap();
        assert!(second > first + Duration::from_millis(450), "what is not yet paid for adds up: {second:?}");
    }

    #[test]
    fn a_share_of_the_time_is_a_pause_in_proportion() {
        let mut pace = Pace::new();
        pace.since = Instant::now().checked_sub(Duration::from_millis(100)).unwrap();
        let (pause, held) = pace.pause(1, Budget { events_per_second: None, percent: Some(25) }, 100).unwrap();
        assert!(pause >= Duration::from_millis(300) && pause < Duration::from_millis(400), "{pause:?}");
        assert_eq!(held, Held::Budget);
        let (_, held) = pace.pause(1, Budget::default(), 50).unwrap();
        assert_eq!(held, Held::Live);
        assert_eq!(pace.pause(1, Budget::default(), 100), None);
    }

    #[test]
    fn what_others_worked_is_paused_for_too() {
        let half = Budget { events_per_second: None, percent: Some(50) };
        let mut pace = Pace::new();
        pace.beside(Duration::from_millis(300));
        let (pause, _) = pace.pause(1, half, 100).unwrap();
        assert!(pause >= Duration::from_millis(300) && pause < Duration::from_millis(400), "{pause:?}");
        pace.go_on();
        let (pause, _) = pace.pause(1, half, 100).unwrap();
        assert!(pause < Duration::from_millis(100), "it is paid for: {pause:?}");
    }

    /// One that reads 100,000 events per second of work, at 25 % of the time, is faster than 10,000 that are appended
    /// meanwhile; for 20,000 it needs 40 %, and for 90,000 all of its time.
    #[test]
    fn a_build_passes_more_events_than_are_appended() {
        let live = Live::new(25);
        let mut pace = Pace::new();
        let mut head = 0;
        for (growth, least, most) in [(10_000, 25, 25), (20_000, 40, 45), (90_000, 100, 100), (100, 25, 25)] {
            live.look(0, head);
            head += growth;
            live.look(0, head);
            pace.since = Instant::now().checked_sub(Duration::from_millis(60)).unwrap();
            pace.beside(Duration::from_millis(40));
            pace.passed(10_000);
            let left = pace.left(&live, NEARLY + 1);
            assert!((least..=most).contains(&left), "{left} percent while {growth} are appended");
            assert_eq!(pace.left(&live, NEARLY), 100);
            pace.go_on();
        }
    }

    #[test]
    fn live_traffic_comes_first_and_gives_back_by_degrees() {
        let live = Live::new(60);
        live.look(0, 1_000);
        assert_eq!(live.left(), 100);
        live.look(2_000, 1_001);
        assert_eq!(live.left(), 50);
        for _ in 0..10 {
            live.look(2_000, 1_001);
        }
        assert_eq!(live.left(), LEAST);
        live.look(0, 1_002);
        assert_eq!(live.left(), LEAST + BACK);
        for head in 0..20 {
            live.look(0, 2_000 + head * 100);
        }
        assert_eq!(live.left(), 60, "while commands come in, a part is kept for them");
    }
}
