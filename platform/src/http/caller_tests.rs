//! What callers are allowed and told, over HTTP: budgets, headers on every kind of answer, other origins.

use super::tests::{Answer, Running, quick};
use super::{Rates, Settings, origin};
use crate::auth::Identity;
use crate::problem::Problem;
use crate::request_log::RequestLog;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use kernel::{Actor, ActorId, Scopes, TenantId};
use std::sync::Arc;
use uuid::Uuid;

/// Somebody as the headers say, in place of a token.
async fn whoever(headers: HeaderMap, log: RequestLog) -> Result<&'static str, Problem> {
    let number = |name: &str| headers.get(name).map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    log.caller(&Identity {
        tenant_id: TenantId(Uuid::from_u128(number("tenant"))),
        actor: Actor::user(ActorId(Uuid::from_u128(number("user")))),
        sid: None,
        roles: Arc::new([]),
        scopes: Scopes::default(),
        expires_at: chrono::Utc::now(),
        token_id: "t".into(),
    })?;
    Ok("in")
}

async fn panics() -> StatusCode {
    panic!("on purpose")
}

fn router() -> Router {
    Router::new()
        .route("/private", get(whoever))
        .route("/public", get(|| async { "open" }).post(|| async { StatusCode::CREATED }))
        .route("/refused", get(|| async { Problem::new(StatusCode::CONFLICT, "own", "Own") }))
        .route("/empty", get(|| async { StatusCode::NOT_MODIFIED }))
        .route("/cached", get(|| async { ([("cache-control", "max-age=60")], "page") }))
        .route("/panic", post(panics))
}

async fn with(settings: Settings) -> Running {
    Running::start(router(), Settings { limits: quick(), ..settings }).await
}

fn rates(tenant: u32, user: u32, address: u32) -> Settings {
    Settings { rates: Rates { tenant, user, address }, ..Settings::default() }
}

async fn ask(running: &Running, tenant: u32, user: u32) -> Answer {
    running.send(&format!("GET /private\r\ntenant: {tenant}\r\nuser: {user}\r\n"), "").await
}

#[tokio::test]
async fn a_user_who_asks_too_often_waits_and_nobody_else_does() {
    let running = with(rates(0, 2, 0)).await;
    let first = ask(&running, 1, 1).await;
    assert_eq!(first.status, 200);
    assert!(first.has("ratelimit: \"user\";r=1;t=30") && first.has("ratelimit-policy: \"user\";q=2;w=60"), "{first:?}");
    assert_eq!(ask(&running, 1, 1).await.status, 200);
    let refused = ask(&running, 1, 1).await;
    assert_eq!((refused.status, &refused.json()["code"]), (429, &"rate_limited".into()));
    let wait = refused.json()["retry_after_s"].as_u64().unwrap();
    assert!((1..=30).contains(&wait) && refused.has(&format!("retry-after: {wait}")), "{refused:?}");
    assert!(refused.has("ratelimit: \"user\";r=0;t=60") && refused.json()["trace_id"].is_string(), "{refused:?}");
    // Another person, and the same person in another tenant.
    assert_eq!(ask(&running, 1, 2).await.status, 200);
    assert_eq!(ask(&running, 2, 1).await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn a_tenant_shares_one_budget() {
    let running = with(rates(3, 0, 0)).await;
    for user in 1..=3 {
        assert_eq!(ask(&running, 1, user).await.status, 200);
    }
    let refused = ask(&running, 1, 4).await;
    assert!(refused.status == 429 && refused.body.contains("this tenant"), "{refused:?}");
    assert_eq!(ask(&running, 2, 1).await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn an_address_is_counted_before_anything_is_looked_at() {
    let running = with(Settings { proxies: 1, ..rates(0, 0, 2) }).await;
    let from = async |address: &str, path: &str| {
        running.send(&format!("GET {path}\r\nx-forwarded-for: 9.9.9.9, {address}\r\n"), "").await
    };
    assert_eq!(from("192.0.2.1", "/public").await.status, 200);
    assert_eq!(from("192.0.2.1", "/nowhere").await.status, 404);
    let refused = from("192.0.2.1", "/private").await;
    assert!(refused.status == 429 && refused.body.contains("this address"), "{refused:?}");
    // A /64 is one caller, whatever he puts into its lower half.
    assert_eq!(from("2001:db8::1", "/public").await.status, 200);
    assert_eq!(from("2001:db8::2", "/public").await.status, 200);
    assert_eq!(from("2001:db8::3", "/public").await.status, 429);
    assert_eq!(from("2001:db8:0:1::1", "/public").await.status, 200);
    running.stop().await;
}

/// The names and values that do not differ from request to request.
fn snapshot(answer: &Answer) -> String {
    let varies = ["date:", "x-correlation-id:", "content-length:"];
    let mut lines: Vec<&str> =
        answer.head.lines().skip(1).filter(|line| !varies.iter().any(|name| line.starts_with(name))).collect();
    lines.sort_unstable();
    format!("{} {}", answer.status, lines.join(" | "))
}

const ALWAYS: &str = "cross-origin-opener-policy: same-origin | cross-origin-resource-policy: same-origin | \
    referrer-policy: no-referrer";

#[tokio::test]
async fn every_kind_of_answer_wears_the_same_headers() {
    let running = with(Settings { https_only: true, ..Settings::default() }).await;
    let policy = "content-security-policy: default-src 'none'; frame-ancestors 'none'";
    let last = "strict-transport-security: max-age=31536000; includesubdomains | x-content-type-options: nosniff | \
        x-frame-options: deny";
    let text = "content-type: text/plain; charset=utf-8";
    let problem = "content-type: application/problem+json";
    for (request, allow, cache, content, status) in [
        ("GET /public", "", "no-store", text, 200),
        ("GET /cached", "", "max-age=60", text, 200),
        ("POST /public", "", "no-store", "", 201),
        ("GET /empty", "", "no-store", "", 304),
        ("GET /refused", "", "no-store", problem, 409),
        ("GET /nowhere", "", "no-store", problem, 404),
        ("DELETE /public", "allow: get,head,post | ", "no-store", problem, 405),
        ("POST /panic", "", "no-store", problem, 500),
    ] {
        let content = if content.is_empty() { String::new() } else { format!("{content} | ") };
        let expected = format!(
            "{status} {allow}cache-control: {cache} | connection: close | {policy} | {content}{ALWAYS} | {last}"
        );
        let answer = running.send(&format!("{request}\r\n"), "").await;
        assert_eq!(snapshot(&answer), expected, "{request}");
    }
    running.stop().await;
    let plain = with(Settings::default()).await;
    let answer = plain.send("GET /public\r\n", "").await;
    assert!(!answer.head.contains("strict-transport-security") && !answer.head.contains("\r\nserver:"), "{answer:?}");
    assert!(!answer.head.contains("ratelimit") && !answer.head.contains("access-control"), "{answer:?}");
    plain.stop().await;
}

const HOME: &str = "https://app.example.com";

#[tokio::test]
async fn only_named_origins_may_call() {
    let origins = [HOME, "http://localhost:5173"].map(|text| origin(text).unwrap());
    let running = with(Settings { origins: Arc::new(origins), ..rates(0, 0, 1_000) }).await;
    for (from, is_named) in [
        (HOME, true),
        ("http://localhost:5173", true),
        ("https://app.example.com.evil.example", false),
        ("https://evil-app.example.com", false),
        ("http://app.example.com", false),
        ("https://app.example.com:8443", false),
        ("HTTPS://APP.EXAMPLE.COM", false),
        ("null", false),
        ("*", false),
    ] {
        let named = format!("access-control-allow-origin: {from}");
        for (path, status) in [("/public", 200), ("/refused", 409), ("/nowhere", 404)] {
            let answer = running.send(&format!("GET {path}\r\norigin: {from}\r\n"), "").await;
            assert_eq!((answer.status, answer.has(&named)), (status, is_named), "{from} {path}: {answer:?}");
            assert!(answer.head.contains("vary: origin"), "{answer:?}");
            assert!(answer.has("x-content-type-options: nosniff"));
        }
        let preflight = format!(
            "OPTIONS /public\r\norigin: {from}\r\naccess-control-request-method: POST\r\n\
             access-control-request-headers: authorization,idempotency-key\r\n"
        );
        let answer = running.send(&preflight, "").await;
        assert_eq!((answer.status, answer.has(&named)), (200, is_named), "{answer:?}");
        assert!(
            answer.head.contains("idempotency-key") && answer.head.contains("access-control-allow-methods: get,post")
        );
    }
    let shown = running.send(&format!("GET /public\r\norigin: {HOME}\r\n"), "").await;
    assert!(shown.has("access-control-allow-credentials: true"), "{shown:?}");
    assert!(
        shown.head.contains("access-control-expose-headers: etag,link,location,retry-after,x-position"),
        "{shown:?}"
    );
    running.stop().await;
}

#[tokio::test]
async fn who_is_refused_early_can_still_read_why() {
    let origins = Arc::new([origin(HOME).unwrap()]);
    let running = with(Settings { origins, ..rates(0, 0, 1) }).await;
    let request = format!("GET /public\r\norigin: {HOME}\r\n");
    assert_eq!(running.send(&request, "").await.status, 200);
    let refused = running.send(&request, "").await;
    assert!(refused.status == 429 && refused.has(&format!("access-control-allow-origin: {HOME}")), "{refused:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_route_may_take_less_than_the_server() {
    async fn short(body: Body) -> Result<String, Problem> {
        super::read_body_of(body, 10).await.map(|body| String::from_utf8(body.to_vec()).unwrap())
    }
    let router = Router::new().route("/short", post(short));
    let running = Running::start(router, Settings { limits: quick(), ..Settings::default() }).await;
    let send = async |head: &str, body: &str| running.send(&format!("POST /short\r\n{head}\r\n"), body).await;
    assert_eq!(send("content-length: 10", "0123456789").await.body, "0123456789");
    for (head, body) in
        [("content-length: 11", "01234567890"), ("transfer-encoding: chunked", "b\r\n01234567890\r\n0\r\n\r\n")]
    {
        let refused = send(head, body).await;
        assert_eq!((refused.status, &refused.json()["limit_bytes"]), (413, &10.into()), "{head}");
    }
    let slow = send("content-length: 9", "0123").await;
    assert_eq!((slow.status, &slow.json()["code"]), (408, &"body_too_slow".into()));
    running.stop().await;
}
