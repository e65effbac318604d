//! Load by workers of which each asks again as soon as it is answered.

use crate::Failure;
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long what is under way at the end may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One client of the thing that is measured.
pub(crate) trait Worker: Sized + Send + 'static {
    /// Does one unit of work and waits until it is acknowledged.
    fn once(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What some workers got done in a stretch of time.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) done: u64,
    pub(crate) elapsed: Duration,
    /// Microseconds.
    pub(crate) latency: Histogram<u64>,
}

impl Slice {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub(crate) fn per_second(&self) -> f64 {
        self.done as f64 / self.elapsed.as_secs_f64()
    }
}

/// An empty histogram of microseconds, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are allowed")
}

/// Microseconds for a histogram.
pub(crate) fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Lets all workers work for `length`; what is under way then is awaited and counts, with its time.
pub(crate) async fn run<W: Worker>(workers: &mut Vec<W>, length: Duration) -> Result<Slice, Failure> {
    let begun = Instant::now();
    let until = begun + length;
    let mut tasks = JoinSet::new();
    for worker in workers.drain(..) {
        tasks.spawn(work(worker, until));
    }
    let mut slice = Slice { done: 0, elapsed: Duration::ZERO, latency: histogram() };
    let gather = async {
        while let Some(finished) = tasks.join_next().await {
            let (worker, latency) = finished??;
            slice.done += latency.len();
            slice.latency.add(&latency)?;
            workers.push(worker);
        }
        Ok::<_, Failure>(())
    };
    tokio::time::timeout(length + PATIENCE, gather).await.map_err(|_| "the load has not come to its end")??;
    slice.elapsed = begun.elapsed();
    Ok(slice)
}

async fn work<W: Worker>(mut worker: W, until: Instant) -> Result<(W, Histogram<u64>), Failure> {
    let mut latency = histogram();
    let mut asked = Instant::now();
    while asked < until {
        worker.once().await?;
        let answered = Instant::now();
        latency.record(microseconds(answered - asked))?;
        asked = answered;
    }
    Ok((worker, latency))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sleeper;

    impl Worker for Sleeper {
        async fn once(&mut self) -> Result<(), Failure> {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(())
        }
    }

    #[tokio::test]
    async fn everything_done_is_counted_and_the_workers_come_back() {
        let mut workers = vec![Sleeper, Sleeper, Sleeper];
        let slice = run(&mut workers, Duration::from_millis(50)).await.unwrap();
        assert_eq!((workers.len(), slice.done), (3, slice.latency.len()));
        assert!((3..=36).contains(&slice.done), "{}", slice.done);
        assert!(slice.latency.value_at_quantile(0.5) >= 5_000);
    }
}
