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
}

/// Warms both sides up, then measures them in turns: A B, B A, A B, …
pub(crate) async fn interleave(
    plan: Plan,
    mut subject: impl AsyncFnMut(Duration) -> Result<Slice, Failure>,
    mut baseline: impl AsyncFnMut(Duration) -> Result<Slice, Failure>,
) -> Result<Rounds, Failure> {
    baseline(plan.warm_up).await?;
    subject(plan.warm_up).await?;
    let mut rounds = Rounds { subject: Vec::new(), baseline: Vec::new() };
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

    #[test]
    fn the_median_is_not_moved_by_one_odd_round() {
        assert!((median(&[3.0, 100.0, 1.0]) - 3.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 100.0]) - 3.0).abs() < f64::EPSILON);
    }
}
