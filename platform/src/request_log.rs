//! One line and two metrics per request, written when it ends.

use crate::auth::Identity;
use crate::http::Network;
use crate::http::budget::{Budgets, Standing};
use crate::problem::Problem;
use crate::trace::Trace;
use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use clap::ValueEnum;
use kernel::{Actor, CorrelationId, Position, TenantId, TraceParent};
use metrics::{Counter, Histogram};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tracing::Level;

/// The target of the lines, for `--log request=off`.
pub const TARGET: &str = "request";

/// What machines ask every few seconds: a line of each would bury the others.
const PROBES: [&str; 4] = ["/livez", "/readyz", "/healthz", "/metrics"];

/// The status of a request whose caller hung up before the answer; never sent, only counted.
pub const CALLER_GONE: u16 = 499;

/// Which requests get a line. Metrics count all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogRequests {
    /// Every one.
    #[default]
    All,
    /// Those that take long, and those that fail by our fault.
    Slow,
    /// Only those that fail by our fault (5xx).
    Errors,
}

/// What the line of one request will say; the handler fills it in while it works.
///
/// A handle: clones are the same request. As an extractor it is always there.
#[derive(Clone, Debug)]
pub struct RequestLog(Arc<Entry>);

#[derive(Debug)]
struct Entry {
    trace: Trace,
    route: OnceLock<MatchedPath>,
    caller: OnceLock<(TenantId, Actor)>,
    operation: OnceLock<&'static str>,
    position: AtomicI64,
    database_us: AtomicU64,
    queries: AtomicU32,
    budgets: Option<Arc<Budgets>>,
    standing: Mutex<Option<Standing>>,
}

impl RequestLog {
    /// The log of a request that belongs to this trace, and is counted by these budgets.
    pub(crate) fn new(trace: Trace, budgets: Option<Arc<Budgets>>) -> Self {
        Self(Arc::new(Entry {
            budgets,
            standing: Mutex::new(None),
            trace,
            route: OnceLock::new(),
            caller: OnceLock::new(),
            operation: OnceLock::new(),
            position: AtomicI64::new(0),
            database_us: AtomicU64::new(0),
            queries: AtomicU32::new(0),
        }))
    }

    /// The trace of the request, with its own span as parent for what it causes.
    pub fn trace_parent(&self) -> TraceParent {
        self.0.trace.parent
    }

    /// The story that the request belongs to.
    pub fn correlation_id(&self) -> CorrelationId {
        self.0.trace.correlation_id
    }

    /// Who calls. The first answer stays, and is counted: whoever says so must heed the answer.
    ///
    /// # Errors
    /// 429 `rate_limited`: the user, or his whole tenant, asks too often.
    pub fn caller(&self, identity: &Identity) -> Result<(), Problem> {
        if self.0.caller.set((identity.tenant_id, identity.actor)).is_err() {
            return Ok(());
        }
        self.count(|budgets| budgets.caller(identity))
    }

    /// From where somebody calls.
    pub(crate) fn address(&self, network: Network) -> Result<(), Problem> {
        self.count(|budgets| budgets.address(network))
    }

    fn count(&self, spend: impl FnOnce(&Budgets) -> Result<Option<Standing>, Problem>) -> Result<(), Problem> {
        let Some(budgets) = &self.0.budgets else { return Ok(()) };
        let Some(new) = spend(budgets)? else { return Ok(()) };
        let mut standing = self.0.standing.lock().unwrap_or_else(PoisonError::into_inner);
        *standing = Some(standing.map_or(new, |old| old.tighter(new)));
        Ok(())
    }

    /// Where the caller stands with the tightest of his budgets.
    pub(crate) fn standing(&self) -> Option<Standing> {
        *self.0.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which command or query runs: `support.assign_ticket`. The first answer stays.
    pub fn operation(&self, name: &'static str) {
        let _ = self.0.operation.set(name);
    }

    /// Where in the log the answer stands.
    pub fn position(&self, position: Position) {
        self.0.position.store(position.0, Ordering::Relaxed);
    }

    /// One more database round trip, which took this long.
    pub fn query(&self, took: Duration) {
        self.0.queries.fetch_add(1, Ordering::Relaxed);
        self.0.database_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn route(&self, route: &MatchedPath) {
        let _ = self.0.route.set(route.clone());
    }

    fn route_name(&self) -> &str {
        self.0.route.get().map_or("unmatched", MatchedPath::as_str)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestLog {
    type Rejection = Infallible;

    /// A router that is called without the server, as in a test, gets a fresh one.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self::new(Trace::of(&parts.headers), None)))
    }
}

/// How a request ended.
pub(crate) struct Outcome<'a> {
    pub(crate) method: &'a Method,
    pub(crate) status: u16,
    pub(crate) elapsed: Duration,
    pub(crate) code: Option<&'a str>,
    pub(crate) cause: Option<&'a str>,
}

/// Writes the lines and keeps the metrics of one server.
#[derive(Debug)]
pub(crate) struct RequestRecorder {
    which: LogRequests,
    slow: Duration,
    routes: RwLock<HashMap<Box<str>, Vec<RouteMetrics>>>,
}

#[derive(Clone)]
struct RouteMetrics {
    method: &'static str,
    status: u16,
    requests: Counter,
    seconds: Histogram,
}

impl std::fmt::Debug for RouteMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.status)
    }
}

impl RequestRecorder {
    pub(crate) fn new(which: LogRequests, slow: Duration) -> Self {
        Self { which, slow, routes: RwLock::default() }
    }

    pub(crate) fn record(&self, log: &RequestLog, outcome: &Outcome<'_>) {
        self.count(log.route_name(), outcome);
        if self.wants(outcome) {
            write_line(log, outcome);
        }
    }

    fn wants(&self, outcome: &Outcome<'_>) -> bool {
        let failed = outcome.status >= 500;
        match self.which {
            LogRequests::All => true,
            LogRequests::Slow => failed || outcome.elapsed >= self.slow,
            LogRequests::Errors => failed,
        }
    }

    /// Metric handles are kept per route, method and status: looking one up in the recorder costs
    /// several allocations, here it costs one hash. Their number is bounded by the router.
    fn count(&self, route: &str, outcome: &Outcome<'_>) {
        let method = method_label(outcome.method);
        let matches = |kept: &&RouteMetrics| kept.method == method && kept.status == outcome.status;
        {
            let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(kept) = routes.get(route).and_then(|all| all.iter().find(matches)) {
                kept.add(outcome.elapsed);
                return;
            }
        }
        let fresh = RouteMetrics::new(method, route, outcome.status);
        fresh.add(outcome.elapsed);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let all = routes.entry(route.into()).or_default();
        if !all.iter().any(|kept| matches(&kept)) {
            all.push(fresh);
        }
    }
}

impl RouteMetrics {
    fn new(method: &'static str, route: &str, status: u16) -> Self {
        let labels = [("method", method.to_owned()), ("route", route.to_owned())];
        Self {
            method,
            status,
            requests: metrics::counter!(
                "http_requests_total",
                "method" => method, "route" => route.to_owned(), "status" => status.to_string()
            ),
            seconds: metrics::histogram!("http_request_duration_seconds", &labels),
        }
    }

    fn add(&self, elapsed: Duration) {
        self.requests.increment(1);
        self.seconds.record(elapsed.as_secs_f64());
    }
}

/// Callers can invent methods; labels must not grow with them.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

macro_rules! line {
    ($level:ident, $log:ident, $outcome:ident) => {{
        let entry = &*$log.0;
        let caller = entry.caller.get();
        let position = entry.position.load(Ordering::Relaxed);
        let queries = entry.queries.load(Ordering::Relaxed);
        let database_us = entry.database_us.load(Ordering::Relaxed);
        let (method, route, status) = (method_label($outcome.method), $log.route_name(), $outcome.status);
        tracing::event!(
            target: TARGET,
            tracing::Level::$level,
            method,
            route,
            status,
            code = $outcome.code,
            error = $outcome.cause,
            tenant = caller.map(|(tenant, _)| display(tenant)),
            actor = caller.map(|(_, actor)| display(actor.id)),
            actor_kind = caller.map(|(_, actor)| actor.kind.as_str()),
            on_behalf_of = caller.and_then(|(_, actor)| actor.on_behalf_of).map(display),
            command = entry.operation.get(),
            position = (position > 0).then_some(position),
            db_ms = (queries > 0).then_some(milliseconds(Duration::from_micros(database_us))),
            queries = (queries > 0).then_some(queries),
            elapsed_ms = milliseconds($outcome.elapsed),
            correlation_id = display(entry.trace.correlation_id),
            trace_id = format_args!("{:032x}", entry.trace.parent.trace_id()),
            "{method} {route} {status}"
        );
    }};
}

fn write_line(log: &RequestLog, outcome: &Outcome<'_>) {
    match level(log.route_name(), outcome.status) {
        Level::ERROR => line!(ERROR, log, outcome),
        Level::DEBUG => line!(DEBUG, log, outcome),
        _ => line!(INFO, log, outcome),
    }
}

/// How loud a request is.
fn level(route: &str, status: u16) -> Level {
    if status >= StatusCode::INTERNAL_SERVER_ERROR.as_u16() {
        Level::ERROR
    } else if PROBES.contains(&route) {
        Level::DEBUG
    } else {
        Level::INFO
    }
}

/// To a microsecond: more digits say nothing.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ActorId;
    use std::io::Write;
    use std::sync::Mutex;
    use uuid::Uuid;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(
        which: LogRequests,
        status: u16,
        elapsed: Duration,
        fill: impl FnOnce(&RequestLog),
    ) -> Vec<serde_json::Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let log = RequestLog::new(Trace::start(), None);
            fill(&log);
            let outcome = Outcome {
                method: &Method::POST,
                status,
                elapsed,
                code: None,
                cause: (status >= 500).then_some("disk"),
            };
            RequestRecorder::new(which, Duration::from_millis(500)).record(&log, &outcome);
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_says_everything_that_is_known() {
        let lines = logged(LogRequests::All, 201, Duration::from_micros(1500), |log| {
            log.operation("test.open_thing");
            log.position(Position(42));
            log.query(Duration::from_micros(700));
            log.query(Duration::from_micros(300));
            let _ = log.caller(&Identity {
                tenant_id: TenantId(Uuid::from_u128(1)),
                actor: Actor::user(ActorId(Uuid::from_u128(2))),
                sid: None,
                roles: Arc::new([]),
                scopes: kernel::Scopes::default(),
                expires_at: chrono::Utc::now(),
                token_id: "t".into(),
            });
        });
        let fields = &lines[0]["fields"];
        assert_eq!(fields["message"], "POST unmatched 201");
        assert_eq!(fields["command"], "test.open_thing");
        assert_eq!((fields["position"].as_i64(), fields["queries"].as_i64()), (Some(42), Some(2)));
        assert_eq!((fields["db_ms"].as_f64(), fields["elapsed_ms"].as_f64()), (Some(1.0), Some(1.5)));
        assert_eq!(fields["tenant"], "00000000-0000-0000-0000-000000000001");
        assert_eq!(fields["trace_id"].as_str().unwrap().len(), 32);
        assert!(fields.get("error").is_none() && fields.get("on_behalf_of").is_none());
    }

    #[test]
    fn probes_that_succeed_are_for_whoever_looks_closely() {
        for probe in PROBES {
            assert_eq!((level(probe, 200), level(probe, 503)), (Level::DEBUG, Level::ERROR), "{probe}");
        }
        assert_eq!((level("/v1/labels", 200), level("unmatched", 404)), (Level::INFO, Level::INFO));
    }

    #[test]
    fn the_operator_chooses_which_requests_get_a_line() {
        let (quick, slow) = (Duration::from_millis(1), Duration::from_millis(501));
        for (which, status, elapsed, lines) in [
            (LogRequests::All, 200, quick, 1),
            (LogRequests::Slow, 200, quick, 0),
            (LogRequests::Slow, 200, slow, 1),
            (LogRequests::Slow, 503, quick, 1),
            (LogRequests::Errors, 200, slow, 0),
            (LogRequests::Errors, 409, slow, 0),
            (LogRequests::Errors, 500, quick, 1),
        ] {
            assert_eq!(logged(which, status, elapsed, |_| {}).len(), lines, "{which:?} {status} {elapsed:?}");
        }
        let failed = &logged(LogRequests::Errors, 500, quick, |_| {})[0];
        assert_eq!((failed["level"].as_str(), failed["fields"]["error"].as_str()), (Some("ERROR"), Some("disk")));
    }
}
