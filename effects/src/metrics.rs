//! What operators watch.

use crate::outbox::Backlog;

/// Events of the log that a follower has not seen.
#[expect(clippy::cast_precision_loss, reason = "a gap beyond 2^52 events has other problems")]
pub(crate) fn gap(follower: &str, gap: i64) {
    metrics::gauge!("effects_follower_gap", "follower" => follower.to_owned()).set(gap.max(0) as f64);
}

/// A follower stands before an event that it cannot act on, or goes again (0).
pub(crate) fn stopped(follower: &str, stopped: bool) {
    metrics::gauge!("effects_follower_stopped", "follower" => follower.to_owned()).set(f64::from(u8::from(stopped)));
}

/// Commands of a reactor that were refused.
pub(crate) fn refused(follower: &str, refusals: usize) {
    if refusals > 0 {
        metrics::counter!("effects_refused_commands", "follower" => follower.to_owned()).increment(refusals as u64);
    }
}

/// How much is to be done, and how late it is.
#[expect(clippy::cast_precision_loss, reason = "a backlog beyond 2^52 jobs has other problems")]
pub(crate) fn backlog(kind: &'static str, backlog: Backlog) {
    metrics::gauge!("effects_open", "kind" => kind).set(backlog.open as f64);
    metrics::gauge!("effects_oldest_due_ms", "kind" => kind).set(backlog.oldest_due_s * 1e3);
    metrics::gauge!("effects_dead", "kind" => kind).set(backlog.dead as f64);
}

/// A try ended: `succeeded`, `failed`, `suppressed`, `later` or `away`.
pub(crate) fn tried(kind: &'static str, outcome: &'static str) {
    metrics::counter!("effects_tries", "kind" => kind, "outcome" => outcome).increment(1);
}

/// Something was done and its claim had been lost: it may be done twice.
pub(crate) fn overtaken(kind: &'static str) {
    metrics::counter!("effects_overtaken", "kind" => kind).increment(1);
}
