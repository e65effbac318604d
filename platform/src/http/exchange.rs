//! One request and its answer: everything that happens around a handler, in one function.

use super::Limits;
use super::body::{BoundedBody, too_large};
use super::browser;
use super::budget::{Budgets, Standing};
use super::client_address::ClientAddress;
use super::pace::Pace;
use crate::headers::CORRELATION_ID;
use crate::problem::{PROBLEM_JSON, Problem};
use crate::request_log::{CALLER_GONE, Outcome, RequestLog, RequestRecorder};
use crate::trace::Trace;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::MatchedPath;
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use axum::response::IntoResponse as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use std::any::Any;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;
use tower::{Layer, Service, ServiceExt as _};
use tower_http::cors::CorsLayer;

/// Longest text that becomes the detail of a problem.
const MAX_PLAIN_BYTES: usize = 2048;

/// What all exchanges of one server share.
pub(super) struct Exchanges {
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) recorder: RequestRecorder,
    pub(super) in_flight: AtomicUsize,
    pub(super) proxies: u8,
    pub(super) budgets: Option<Arc<Budgets>>,
    pub(super) cors: Option<CorsLayer>,
    pub(super) https_only: bool,
}

impl Exchanges {
    pub(super) async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: IpAddr,
        pace: &Arc<Pace>,
    ) -> Result<Response<Body>, Infallible> {
        pace.exchange_begins();
        let trace = Trace::of(request.headers());
        let mut exchange = Exchange {
            exchanges: self,
            log: RequestLog::new(trace, self.budgets.clone()),
            method: request.method().clone(),
            began: Instant::now(),
            ended: false,
        };
        let address = ClientAddress::of(peer, request.headers(), self.proxies);
        request.extensions_mut().insert(address);
        let busy = self.in_flight.fetch_add(1, Ordering::Relaxed);
        let work = async |request: Request<Incoming>| {
            let refusal = self.refusal(&request, busy, address, &exchange.log);
            Ok::<_, Infallible>(match refusal {
                Some(problem) => problem.into_response(),
                None => self.handle(request, exchange.log.clone()).await,
            })
        };
        let Ok(mut response) = match &self.cors {
            None => work(request).await,
            Some(cors) => cors.layer(tower::service_fn(work)).oneshot(request).await,
        };
        if response.status().is_client_error() || response.status().is_server_error() {
            response = as_problem(response, trace).await;
        }
        self.dress(&mut response, trace, &exchange.log);
        exchange.end(&response);
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response = returning_to_idle(response, pace);
        }
        Ok(response)
    }

    /// Why the request is not even looked at.
    fn refusal(
        &self,
        request: &Request<Incoming>,
        busy: usize,
        address: ClientAddress,
        log: &RequestLog,
    ) -> Option<Problem> {
        if let Err(problem) = log.address(address.network()) {
            return Some(problem);
        }
        if busy >= self.limits.in_flight {
            return Some(overloaded());
        }
        let limit = self.limits.of(request).body_bytes;
        declares_more_than(limit, request).then(|| too_large(limit))
    }

    fn dress(&self, response: &mut Response<Body>, trace: Trace, log: &RequestLog) {
        let headers = response.headers_mut();
        browser::dress(headers, self.https_only);
        for (name, value) in log.standing().into_iter().flat_map(Standing::fields) {
            if let Some(value) = value {
                headers.entry(name).or_insert(value);
            }
        }
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = trace.correlation_id.0.hyphenated().encode_lower(&mut buffer);
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(CORRELATION_ID, value);
        }
    }

    /// The handler's answer, or a problem when it panics or takes too long.
    async fn handle(&self, request: Request<Incoming>, log: RequestLog) -> Response<Body> {
        let limits = self.limits.of(&request);
        let mut request = request.map(|incoming| {
            if incoming.is_end_stream() { Body::empty() } else { Body::new(BoundedBody::new(incoming, &limits)) }
        });
        request.extensions_mut().insert(log);
        let mut future = pin!(self.router.clone().call(request));
        let guarded = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(polled) => polled.map(|Ok(response)| response),
            Err(panic) => Poll::Ready(panicked(&*panic).into_response()),
        });
        match tokio::time::timeout(limits.request_timeout, guarded).await {
            Ok(response) => response,
            Err(_) => timed_out().into_response(),
        }
    }
}

/// Records the request when it ends, also when the caller hangs up and the answer is dropped half-way.
struct Exchange<'a> {
    exchanges: &'a Exchanges,
    log: RequestLog,
    method: Method,
    began: Instant,
    ended: bool,
}

impl Exchange<'_> {
    fn end(&mut self, response: &Response<Body>) {
        self.ended = true;
        let problem = response.extensions().get::<Problem>();
        self.record(response.status().as_u16(), problem);
    }

    fn record(&self, status: u16, problem: Option<&Problem>) {
        let outcome = Outcome {
            method: &self.method,
            status,
            elapsed: self.began.elapsed(),
            code: problem.map(Problem::code),
            cause: problem.and_then(Problem::cause),
        };
        self.exchanges.recorder.record(&self.log, &outcome);
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.exchanges.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.ended {
            self.record(CALLER_GONE, None);
        }
    }
}

fn overloaded() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "The server is busy; try again shortly").retry_after(1)
}

fn timed_out() -> Problem {
    let title = "The request took too long and may still take effect; repeat it with the same Idempotency-Key";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", title).retry_after(1)
}

#[derive(Debug, thiserror::Error)]
#[error("the handler panicked: {0}")]
struct Panicked(String);

fn panicked(panic: &(dyn Any + Send)) -> Problem {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Problem::internal(&Panicked(text))
}

fn declares_more_than(limit: usize, request: &Request<Incoming>) -> bool {
    request.headers().contains_key(CONTENT_LENGTH)
        && request.body().size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX)
}

/// 405: the address is good, the method is not. `allowed` is what the router says: `GET,HEAD`.
fn not_allowed(allowed: &HeaderValue) -> Problem {
    let methods = allowed.to_str().unwrap_or_default().split(',').map(str::trim).collect::<Vec<_>>().join(", ");
    let problem = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).detail("this address does not take that method");
    problem.remedy(format!("Send {methods}, as the API document at /docs says."))
}

/// Any refusal as a problem with the trace id; headers such as `Allow` stay.
async fn as_problem(mut response: Response<Body>, trace: Trace) -> Response<Body> {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) if problem.lacks_trace_id() => problem,
        Some(problem) => {
            response.extensions_mut().insert(problem);
            return response;
        }
        None => {
            let media_type = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            let detail = match media_type {
                None => Bytes::new(),
                Some(media_type) if media_type.starts_with(b"text/plain") => {
                    let body = std::mem::take(response.body_mut());
                    axum::body::to_bytes(body, MAX_PLAIN_BYTES).await.unwrap_or_default()
                }
                // A handler's own document.
                Some(_) => return response,
            };
            let problem = match (status, response.headers().get(ALLOW)) {
                (StatusCode::METHOD_NOT_ALLOWED, Some(allowed)) => not_allowed(allowed),
                _ => Problem::of_status(status),
            };
            if detail.is_empty() { problem } else { problem.detail(String::from_utf8_lossy(&detail)) }
        }
    };
    let problem = problem.trace_id(trace.parent.trace_id());
    *response.body_mut() = Body::from(problem.to_bytes());
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
    response.extensions_mut().insert(problem);
    response
}

/// Tells the connection when the answer is complete: at once for a body that is all there, else when the
/// last byte of the stream has been taken.
fn returning_to_idle(response: Response<Body>, pace: &Arc<Pace>) -> Response<Body> {
    if response.body().size_hint().exact().is_some() {
        pace.exchange_ends();
        return response;
    }
    let pace = Arc::clone(pace);
    response.map(|body| Body::new(Streaming { body, pace }))
}

struct Streaming {
    body: Body,
    pace: Arc<Pace>,
}

impl HttpBody for Streaming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.pace.exchange_ends();
    }
}

/// The router, with every route telling the request's log its path.
pub(super) fn with_routes_recorded(router: Router) -> Router {
    if router.has_routes() { router.route_layer(RecordRoute) } else { router }
}

#[derive(Clone, Copy)]
struct RecordRoute;

impl<S> Layer<S> for RecordRoute {
    type Service = RecordingRoute<S>;

    fn layer(&self, inner: S) -> RecordingRoute<S> {
        RecordingRoute(inner)
    }
}

#[derive(Clone)]
struct RecordingRoute<S>(S);

impl<S: Service<Request<Body>>> Service<Request<Body>> for RecordingRoute<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let extensions = request.extensions();
        if let (Some(log), Some(route)) = (extensions.get::<RequestLog>(), extensions.get::<MatchedPath>()) {
            log.route(route);
        }
        self.0.call(request)
    }
}
