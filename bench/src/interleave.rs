//! Two sides measured in turns, so that whatever else the machine does meets both.

use crate::load::closed_loop::{Slice, histogram};
use crate::report::{Line, Quantiles};
use crate::{Failure, Plan};
use hdrhistogram::Histogram;
use serde_json::json;
use std::time::Duration;

/// The slices of both sides, in the order in which they were measured.
pub(crate) struct Rounds {
    pub(crate) subject: Vec<Slice>,
    pub(crate) baseline: Vec<Slice>,
    /// What was done while warming up, for whoever counts everything.
    warm_up: (u64, u64),
}

/// Warms both sides up, then measures them in turns: A B, B A, A B, …
pub(crate) async fn interleave(
    plan: Plan,
    mut subject: impl AsyncFnMut(Duration) -> Result<Slice, Failure>,
    mut baseline: impl AsyncFnMut(Duration) -> Result<Slice, Failure>,
) -> Result<Rounds, Failure> {
    let theirs = baseline(plan.warm_up).await?.done;
    let ours = subject(plan.warm_up).await?.done;
    let mut rounds = Rounds { subject: Vec::new(), baseline: Vec::new(), warm_up: (ours, theirs) };
    for round in 0..plan.rounds {
        if round % 2 == 0 {
            rounds.baseline.push(baseline(plan.slice).await?);
            rounds.subject.push(subject(plan.slice).await?);
        } else {
            rounds.subject.push(subject(plan.slice).await?);
            rounds.baseline.push(baseline(plan.slice).await?);
        }
    }
    Ok(rounds)
}

impl Rounds {
    /// Slices that were measured in turns otherwise.
    pub(crate) const fn of(subject: Vec<Slice>, baseline: Vec<Slice>) -> Self {
        Self { subject, baseline, warm_up: (0, 0) }
    }

    /// Everything that the subject and the baseline have done, warming up included.
    pub(crate) fn done(&self) -> (u64, u64) {
        let sum = |slices: &[Slice]| slices.iter().map(|slice| slice.done).sum::<u64>();
        (self.warm_up.0 + sum(&self.subject), self.warm_up.1 + sum(&self.baseline))
    }

    /// The medians of both sides' rates, the median of the rounds' ratios, and the latencies of all slices together.
    pub(crate) fn line(&self, name: String, unit: &'static str) -> Result<Line, Failure> {
        let rates = |slices: &[Slice]| slices.iter().map(Slice::per_second).collect::<Vec<f64>>();
        let (subject, baseline) = (rates(&self.subject), rates(&self.baseline));
        let ratios: Vec<f64> = subject.iter().zip(&baseline).map(|(subject, baseline)| subject / baseline).collect();
        let mut line = Line::new(name, unit, median(&subject), median(&baseline), median(&ratios));
        let (ours, theirs) = (together(&self.subject)?, together(&self.baseline)?);
        if !ours.is_empty() && !theirs.is_empty() {
            let theirs = Quantiles::of(&theirs);
            line.latency = Some(Quantiles::of(&ours));
            line.more.insert("baseline_p50_ms".into(), json!(theirs.p50_ms));
            line.more.insert("baseline_p99_ms".into(), json!(theirs.p99_ms));
        }
        line.more.insert("ratios".into(), ratios.iter().map(|ratio| (ratio * 100.0).round() / 100.0).collect());
        Ok(line)
    }
}

fn together(slices: &[Slice]) -> Result<Histogram<u64>, Failure> {
    let mut all = histogram();
    for slice in slices {
        all.add(&slice.latency)?;
    }
    Ok(all)
}

/// The middle one; of an even number the mean of the middle two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (length, middle) if length % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn slice(done: u64) -> Slice {
        Slice { done, elapsed: Duration::from_secs(1), latency: histogram() }
    }

    #[tokio::test]
    async fn the_sides_take_turns_and_neither_is_always_first() {
        let turns = RefCell::new(String::new());
        let plan = Plan { rounds: 3, ..Plan::new(true) };
        let side = async |name: char, done: u64| {
            turns.borrow_mut().push(name);
            Ok(slice(done))
        };
        let rounds = interleave(plan, async |_| side('s', 30).await, async |_| side('b', 10).await).await.unwrap();
        assert_eq!(*turns.borrow(), "bsbssbbs");
        assert_eq!(rounds.done(), (120, 40));
        let line = rounds.line("x".into(), "events/s").unwrap();
        assert!((line.ratio - 3.0).abs() < f64::EPSILON && line.latency.is_none());
    }

    #[test]
    fn the_median_is_not_moved_by_one_odd_round() {
        assert!((median(&[3.0, 100.0, 1.0]) - 3.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 100.0]) - 3.0).abs() < f64::EPSILON);
    }
}
