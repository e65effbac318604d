//! The server against callers that behave, that do not, and that never finish.

use super::*;
use crate::problem::Problem;
use crate::request_log::RequestLog;
use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const TRACE: &str = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";

pub(super) struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<Drained>,
}

async fn start(router: Router, limits: Limits) -> Running {
    Running::start(router, Settings { limits, ..Settings::default() }).await
}

impl Running {
    pub(super) async fn start(router: Router, settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve(listener, router, settings, shutdown.clone()));
        Self { address, shutdown, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends one request on a connection of its own and reads until the server closes.
    pub(super) async fn send(&self, head: &str, body: &str) -> Answer {
        let mut stream = self.connect().await;
        let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        Answer::read(&mut stream).await
    }

    pub(super) async fn stop(self) -> Drained {
        self.shutdown.cancel();
        self.server.await.unwrap()
    }
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(super) fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line == header)
    }
}

/// Reads the head of one answer on a connection that stays open.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let length = stream.read(&mut bytes).await.unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

pub(super) fn quick() -> Limits {
    Limits {
        header_timeout: Duration::from_millis(300),
        keep_alive: Duration::from_millis(900),
        body_timeout: Duration::from_millis(300),
        write_timeout: Duration::from_millis(300),
        request_timeout: Duration::from_millis(600),
        drain_timeout: Duration::from_millis(800),
        body_bytes: 1000,
        ..Limits::default()
    }
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_the_trace() {
    let router = Router::new()
        .route("/things/{id}", get(|Path(id): Path<u32>| async move { id.to_string() }))
        .route("/own", get(|| async { Problem::new(StatusCode::CONFLICT, "own", "Own").detail("why") }))
        .route("/bare", get(|| async { StatusCode::BAD_GATEWAY }));
    let running = start(router, quick()).await;
    for (head, status, code) in [
        ("GET /nothing", 404, "not_found"),
        ("POST /things/1", 405, "method_not_allowed"),
        ("GET /things/x", 400, "bad_request"),
        ("GET /own", 409, "own"),
        ("GET /bare", 502, "bad_gateway"),
    ] {
        let answer = running.send(&format!("{head}\r\n{TRACE}"), "").await;
        let problem = answer.json();
        assert_eq!((answer.status, problem["code"].as_str()), (status, Some(code)), "{answer:?}");
        assert_eq!(problem["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(answer.has("content-type: application/problem+json"), "{answer:?}");
        assert!(answer.has("x-content-type-options: nosniff") && answer.has("cache-control: no-store"));
    }
    let wrong_method = running.send("POST /things/1", "").await;
    assert!(wrong_method.has("allow: get,head"), "{wrong_method:?}");
    assert!(wrong_method.json()["remedy"].as_str().unwrap().starts_with("Send GET, HEAD,"), "{wrong_method:?}");
    assert!(running.send("GET /things/x", "").await.json()["detail"].as_str().unwrap().contains("Invalid URL"));
}

#[tokio::test]
async fn an_answer_carries_safe_defaults_that_a_handler_may_change() {
    let router = Router::new()
        .route("/plain", get(|| async { "plain" }))
        .route("/kept", get(|| async { ([("cache-control", "max-age=60")], "kept") }));
    let running = start(router, quick()).await;
    let id = "0190b6d2-1111-7000-8000-000000000001";
    let plain = running.send(&format!("GET /plain\r\nx-correlation-id: {id}\r\n"), "").await;
    assert_eq!((plain.status, plain.body.as_str()), (200, "plain"));
    for header in [
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
        &format!("x-correlation-id: {id}"),
    ] {
        assert!(plain.has(header), "{header} in {plain:?}");
    }
    assert!(!plain.head.contains("\r\nserver:"));
    assert!(running.send("GET /kept", "").await.has("cache-control: max-age=60"));
}

#[tokio::test]
async fn headers_that_never_end_are_cut_and_quiet_connections_are_not() {
    let running = start(Router::new().route("/", get(|| async { "ok" })), quick()).await;
    let mut slow = running.connect().await;
    let began = Instant::now();
    slow.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    // One byte now and then does not buy more time.
    while slow.write_all(b"a").await.is_ok() && began.elapsed() < Duration::from_secs(3) {
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());

    let mut silent = running.connect().await;
    let began = Instant::now();
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap_or(0), 0);
    assert!(began.elapsed() < Duration::from_millis(900));

    let mut quiet = running.connect().await;
    for _ in 0..3 {
        quiet.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(read_head(&mut quiet).await.starts_with("HTTP/1.1 200"));
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    // After a good request as well, a second one must come to its end.
    quiet.write_all(b"GET / HT").await.unwrap();
    let began = Instant::now();
    assert_eq!(quiet.read(&mut [0; 8]).await.unwrap_or(0), 0);
    assert!(began.elapsed() < Duration::from_millis(600), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_quiet_connection_ends_after_its_keep_alive() {
    let running = start(Router::new().route("/", get(|| async { "ok" })), quick()).await;
    let mut quiet = running.connect().await;
    quiet.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_head(&mut quiet).await;
    let began = Instant::now();
    assert_eq!(quiet.read(&mut [0; 8]).await.unwrap_or(0), 0);
    let elapsed = began.elapsed();
    assert!(elapsed > Duration::from_millis(800) && elapsed < Duration::from_millis(1500), "{elapsed:?}");
}

#[tokio::test]
async fn bodies_are_bounded_in_length_and_time() {
    let router = Router::new()
        .route("/", post(|Payload(body): Payload| async move { body.len().to_string() }))
        .route("/bytes", post(|body: Bytes| async move { body.len().to_string() }));
    let running = start(router, quick()).await;
    let long = "a".repeat(1001);
    let fits = running.send("POST /\r\ncontent-length: 1000\r\n", &long[..1000]).await;
    assert_eq!((fits.status, fits.body.as_str()), (200, "1000"));
    let declared = running.send("POST /\r\ncontent-length: 1001\r\n", &long).await;
    assert_eq!((declared.status, declared.json()["limit_bytes"].as_u64()), (413, Some(1000)));
    let chunked = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    for path in ["/", "/bytes"] {
        let answer = running.send(&format!("POST {path}\r\ntransfer-encoding: chunked\r\n"), &chunked).await;
        assert!(matches!(answer.status, 413 | 400) && answer.json()["code"].is_string(), "{answer:?}");
    }
    let slow = running.send("POST /\r\ncontent-length: 10\r\n", "abc").await;
    assert_eq!((slow.status, slow.json()["code"].as_str()), (408, Some("body_too_slow")));
}

#[tokio::test]
async fn a_panic_or_a_slow_handler_harms_nobody_else() {
    let router = Router::new()
        .route("/panic", get(|| async { if true { panic!("secret") } else { "" } }))
        .route("/slow", get(|| tokio::time::sleep(Duration::from_secs(5))))
        .route("/", get(|| async { "ok" }));
    let running = start(router, quick()).await;
    let panicked = running.send("GET /panic", "").await;
    assert_eq!((panicked.status, panicked.json()["code"].as_str()), (500, Some("internal")));
    assert!(!panicked.body.contains("secret"));
    let slow = running.send("GET /slow", "").await;
    assert_eq!((slow.status, slow.json()["code"].as_str()), (503, Some("timeout")));
    assert_eq!(running.send("GET /", "").await.status, 200);
}

#[tokio::test]
async fn too_many_requests_at_once_are_answered_at_once() {
    let router = Router::new().route("/", get(|| tokio::time::sleep(Duration::from_millis(400))));
    let running = start(router, Limits { in_flight: 1, ..quick() }).await;
    let (first, second) = tokio::join!(running.send("GET /", ""), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        let answer = running.send("GET /", "").await;
        (answer, began.elapsed())
    });
    assert_eq!(first.status, 200);
    assert_eq!((second.0.status, second.0.json()["code"].as_str()), (503, Some("overloaded")));
    assert!(second.0.has("retry-after: 1") && second.1 < Duration::from_millis(100));
    assert_eq!(running.send("GET /", "").await.status, 200);
}

#[tokio::test]
async fn a_stop_finishes_what_runs_and_refuses_what_comes() {
    let router = Router::new()
        .route("/", get(|| async { tokio::time::sleep(Duration::from_millis(300)).await }))
        .route("/quick", get(|| async { "ok" }));
    let running = start(router, quick()).await;
    let address = running.address;
    let mut idle = running.connect().await;
    idle.write_all(b"GET /quick HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_head(&mut idle).await;
    let mut working = running.connect().await;
    working.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.shutdown.cancel();
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0, "an idle connection is closed at once");
    assert!(TcpStream::connect(address).await.is_err());
    let answer = Answer::read(&mut working).await;
    assert_eq!(answer.status, 200);
    assert!(answer.has("connection: close"));
    assert_eq!(running.stop().await.cut_off, 0);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let router = Router::new().route("/", get(|| tokio::time::sleep(Duration::from_mins(1))));
    let limits = Limits { request_timeout: Duration::from_mins(1), ..quick() };
    let running = start(router, limits).await;
    let mut stuck = running.connect().await;
    stuck.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    assert_eq!(running.stop().await, Drained { finished: 0, cut_off: 1 });
    assert!(began.elapsed() < Duration::from_millis(1500));
}

#[tokio::test]
async fn a_caller_that_takes_no_bytes_is_cut() {
    const LENGTH: usize = 40_000_000;
    let router = Router::new().route("/", get(|| async { vec![b'a'; LENGTH] }));
    let running = start(router, quick()).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    assert!(received.len() < LENGTH, "cut after {}", received.len());
    assert!(running.send("GET /", "").await.body.len() == LENGTH, "who takes them gets them");
}

/// Five chunks, each after a while.
struct Ticks {
    left: u32,
    timer: Pin<Box<tokio::time::Sleep>>,
}

impl HttpBody for Ticks {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        std::task::ready!(self.timer.as_mut().poll(cx));
        self.left -= 1;
        self.timer = Box::pin(tokio::time::sleep(Duration::from_millis(400)));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"tick")))))
    }
}

#[tokio::test]
async fn a_stream_may_last_longer_than_any_timeout() {
    let ticks =
        || async { Body::new(Ticks { left: 5, timer: Box::pin(tokio::time::sleep(Duration::from_millis(400))) }) };
    let running = start(Router::new().route("/", get(ticks)).route("/quick", get(|| async { "ok" })), quick()).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut text = String::new();
    while !text.ends_with("0\r\n\r\n") {
        let more = read_head(&mut stream).await;
        assert!(!more.is_empty(), "cut after {text}");
        text.push_str(&more);
    }
    assert_eq!(text.matches("tick").count(), 5);
    tokio::time::sleep(Duration::from_millis(600)).await;
    stream.write_all(b"GET /quick HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"), "and the connection is good for more");
}

struct OnDrop(Arc<AtomicBool>, Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.notify_one();
    }
}

#[tokio::test]
async fn a_caller_that_hangs_up_ends_its_request() {
    let (dropped, notify) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let guard = (Arc::clone(&dropped), Arc::clone(&notify));
    let router = Router::new().route(
        "/",
        get(move || async move {
            let _guard = OnDrop(guard.0, guard.1);
            tokio::time::sleep(Duration::from_mins(1)).await;
        }),
    );
    let running = start(router, Limits { request_timeout: Duration::from_mins(1), ..quick() }).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stream);
    tokio::time::timeout(Duration::from_secs(2), notify.notified()).await.unwrap();
    assert!(dropped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn handlers_see_the_trace_of_their_request() {
    let router = Router::new()
        .route("/", get(|log: RequestLog| async move { format!("{:032x}", log.trace_parent().trace_id()) }));
    let running = start(router, quick()).await;
    assert_eq!(running.send(&format!("GET /\r\n{TRACE}"), "").await.body, "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn headers_are_bounded() {
    let running = start(Router::new().route("/", get(|| async { "ok" })), quick()).await;
    let long = running.send(&format!("GET /\r\nx-long: {}\r\n", "a".repeat(20_000)), "").await;
    assert!(matches!(long.status, 431 | 0), "{long:?}");
    let many = running.send(&format!("GET /\r\n{}", "x: y\r\n".repeat(200)), "").await;
    assert!(matches!(many.status, 431 | 0), "{many:?}");
}

#[tokio::test]
async fn a_handler_knows_the_address() {
    let router = Router::new().route("/", get(|address: ClientAddress| async move { address.0.to_string() }));
    let direct = start(router.clone(), Limits::default()).await;
    assert_eq!(direct.send("GET /\r\nx-forwarded-for: 192.0.2.7\r\n", "").await.body, "127.0.0.1");
    direct.stop().await;
}
