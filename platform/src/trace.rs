//! One id through the whole story: the caller's W3C trace, or a new one.

use crate::headers::CORRELATION_ID;
use axum::http::{HeaderMap, HeaderName};
use kernel::{CorrelationId, TraceParent};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// The W3C header.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where a request stands among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace, with the span of this request as the parent of whatever it causes.
    pub parent: TraceParent,
    /// The story: `x-correlation-id` where the caller sent a UUID, else the trace id as a UUID.
    pub correlation_id: CorrelationId,
}

impl Trace {
    /// A new trace that nobody sent.
    pub fn start() -> Self {
        let parent = new_parent();
        Self { parent, correlation_id: correlation_of(parent) }
    }

    /// Continues the caller's trace. A header that cannot be read counts as absent, as W3C asks.
    pub fn of(headers: &HeaderMap) -> Self {
        let sent: Option<TraceParent> =
            headers.get(&TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
        let parent = sent.map_or_else(new_parent, |parent| parent.with_span(next_span_id()));
        let correlation_id = headers
            .get(&CORRELATION_ID)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| Uuid::try_parse(text).ok())
            .filter(|id| !id.is_nil())
            .map_or_else(|| correlation_of(parent), CorrelationId);
        Self { parent, correlation_id }
    }
}

fn correlation_of(parent: TraceParent) -> CorrelationId {
    CorrelationId(Uuid::from_u128(parent.trace_id()))
}

fn new_parent() -> TraceParent {
    // Version and variant bits make a v4 UUID non-zero, and a span id is never zero.
    loop {
        if let Some(parent) = TraceParent::new(Uuid::new_v4().as_u128(), next_span_id(), 1) {
            return parent;
        }
    }
}

/// A span id that this process has not used: a counter from a random start, mixed by a bijection
/// (splitmix64), so it costs no system call and cannot repeat within 2^64 requests.
fn next_span_id() -> u64 {
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(RandomState::new().build_hasher().finish()));
    loop {
        let mut mixed = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        if mixed != 0 {
            return mixed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use std::collections::HashSet;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_callers_trace_goes_on_with_a_span_of_ours() {
        let trace = Trace::of(&headers(&[(TRACEPARENT, SENT)]));
        let text = trace.parent.to_string();
        assert!(text.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && text.ends_with("-01") && text != SENT);
        assert_eq!(trace.correlation_id.to_string(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
    }

    #[test]
    fn a_correlation_id_is_kept_and_nonsense_is_not() {
        let id = "0190b6d2-1111-7000-8000-000000000001";
        assert_eq!(Trace::of(&headers(&[(CORRELATION_ID, id)])).correlation_id.to_string(), id);
        for nonsense in ["", "x", "00000000-0000-0000-0000-000000000000"] {
            let trace = Trace::of(&headers(&[(CORRELATION_ID, nonsense), (TRACEPARENT, "00-0-0-01")]));
            assert_eq!(trace.correlation_id.0.as_u128(), trace.parent.trace_id());
        }
    }

    #[test]
    fn new_traces_and_spans_differ() {
        let traces: HashSet<u128> = (0..1000).map(|_| Trace::start().parent.trace_id()).collect();
        let spans: HashSet<u64> = (0..10_000).map(|_| next_span_id()).collect();
        assert_eq!((traces.len(), spans.len()), (1000, 10_000));
    }
}
