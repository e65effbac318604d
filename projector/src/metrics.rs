//! What operators watch.

use crate::projection::Written;
use std::time::Duration;

/// Events of the log that the projection has not folded.
#[expect(clippy::cast_precision_loss, reason = "a gap beyond 2^52 events has other problems")]
pub(crate) fn gap(name: &'static str, gap: i64) {
    metrics::gauge!("projection_gap", "projection" => name).set(gap.max(0) as f64);
}

/// How long ago the first event that the projection has not folded was recorded; 0 where there is none.
pub(crate) fn lag(name: &'static str, lag: Duration) {
    metrics::gauge!("projection_lag_ms", "projection" => name).set(lag.as_secs_f64() * 1e3);
}

/// A batch that was committed.
#[expect(clippy::cast_precision_loss, reason = "a batch has some thousand events")]
pub(crate) fn batch(name: &'static str, events: usize, took: Duration, written: Written) {
    metrics::histogram!("projection_batch_events", "projection" => name).record(events as f64);
    metrics::histogram!("projection_batch_ms", "projection" => name).record(took.as_secs_f64() * 1e3);
    metrics::counter!("projection_rows_written", "projection" => name)
        .increment((written.rows + written.deleted) as u64);
}

/// A projection stopped before an event that it cannot fold, or was started again (0).
pub(crate) fn stopped(name: &'static str, stopped: bool) {
    metrics::gauge!("projection_stopped", "projection" => name).set(f64::from(u8::from(stopped)));
}

/// Streams that the projection cannot go on with.
#[expect(clippy::cast_precision_loss, reason = "parked streams are few")]
pub(crate) fn parked(name: &'static str, streams: usize) {
    metrics::gauge!("projection_parked_streams", "projection" => name).set(streams as f64);
}

/// This process no longer owns its projections, and found out.
pub(crate) fn fenced() {
    metrics::counter!("projection_fenced").increment(1);
}

/// Readers were switched to a generation.
pub(crate) fn switched(name: &str) {
    metrics::counter!("projection_switches", "projection" => name.to_owned()).increment(1);
}

/// How fast a build goes, and the seconds that are left at that pace; -1 where that is not known.
pub(crate) fn build_pace(name: &'static str, events_per_second: f64, left: i64) {
    metrics::gauge!("projection_build_events_per_second", "projection" => name).set(events_per_second);
    #[expect(clippy::cast_precision_loss, reason = "a log beyond 2^52 events has other problems")]
    let left_s = if events_per_second > 0.0 { left.max(0) as f64 / events_per_second } else { -1.0 };
    metrics::gauge!("projection_build_eta_s", "projection" => name).set(left_s);
}

/// How far a build has come.
#[expect(clippy::cast_precision_loss, reason = "a log beyond 2^52 events has other problems")]
pub(crate) fn build(name: &'static str, position: kernel::Position, head: kernel::Position) {
    metrics::gauge!("projection_build_position", "projection" => name).set(position.0 as f64);
    metrics::gauge!("projection_build_gap", "projection" => name).set((head.0 - position.0).max(0) as f64);
}
