//! What all doors do alike: methods, headers, other origins, long bodies, callers who ask too often.

use crate::world::boss;
use platform::http::Rates;
use reqwest::{Client, Method, RequestBuilder};
use std::collections::{BTreeMap, BTreeSet};
use tests::node::{Answer, TestNode, send, tenant};
use tests::policy::{Route, routes};
use uuid::Uuid;

/// One route of each door that asks for a token: commands, signing in, queries.
const ONE_OF_EACH: [(&str, &str); 3] =
    [("POST", "/v1/support/tickets"), ("GET", "/v1/me"), ("GET", "/v1/support/tickets?limit=1")];

fn ask(node: &TestNode, method: &str, path: &str) -> RequestBuilder {
    let urls = node.node().urls();
    let is_query = method == "GET" && !path.starts_with("/v1/me") && !path.starts_with("/.well-known");
    let base = if is_query { &urls.queries } else { &urls.commands };
    node.client().request(Method::from_bytes(method.as_bytes()).expect("a method"), format!("{base}{path}"))
}

/// The methods of each path, as the documents have them; both doors may know a path.
fn methods() -> BTreeMap<(bool, String), BTreeSet<String>> {
    let mut methods: BTreeMap<(bool, String), BTreeSet<String>> = BTreeMap::new();
    for Route { path, method, door, .. } in routes() {
        methods.entry((door == "query-api", path)).or_default().insert(method);
    }
    methods
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told_the_right_ones_at_every_address() {
    let node = TestNode::start().await;
    let urls = node.node().urls().clone();
    let id = Uuid::now_v7().to_string();
    let mut asked = 0;
    for ((is_query, path), known) in methods() {
        let at = path.split('/').map(|part| if part.starts_with('{') { id.as_str() } else { part });
        let at = at.collect::<Vec<_>>().join("/");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().filter(|method| !known.contains(*method)) {
            let url = format!("{}{at}", if is_query { &urls.queries } else { &urls.commands });
            let answer = send(Client::new().request(method.parse().expect("a method"), url)).await;
            let allowed: BTreeSet<&str> = answer.header("allow").split(',').map(str::trim).collect();
            let expected: BTreeSet<&str> = known.iter().map(String::as_str).collect();
            assert!(expected.is_subset(&allowed) && !allowed.contains(method), "{method} {path}: {allowed:?}");
            let problem = answer.refused(405, "method_not_allowed");
            let remedy = problem["remedy"].as_str().unwrap_or_default();
            assert!(known.iter().all(|method| remedy.contains(method.as_str())), "{method} {path}: {problem}");
            asked += 1;
        }
    }
    assert!(asked > 300, "{asked}");
    node.stop().await;
}

#[track_caller]
fn is_dressed(answer: &Answer, what: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{what}: {name}");
    }
    assert!(!answer.header("x-correlation-id").is_empty() && answer.header("server").is_empty(), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_wears_the_headers_and_knows_who_may_call() {
    let node = TestNode::start().await;
    let ada = boss(&node, tenant(), 1);
    for (method, path) in ONE_OF_EACH {
        let what = format!("{method} {path}");
        for token in [None, Some(&*ada.token)] {
            let request = token.into_iter().fold(ask(&node, method, path), RequestBuilder::bearer_auth);
            is_dressed(&send(request).await, &what);
        }
        for (origin, allowed) in [("https://app.example", "https://app.example"), ("https://evil.example", "")] {
            let answer = send(ask(&node, method, path).header("origin", origin)).await;
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{what} from {origin}");
            let preflight = ask(&node, method, path).header("origin", origin);
            let preflight = preflight.header("access-control-request-method", method);
            let request = preflight.build().expect("a request");
            let mut asking = reqwest::Request::new(Method::OPTIONS, request.url().clone());
            *asking.headers_mut() = request.headers().clone();
            let answer = send(RequestBuilder::from_parts(node.client().clone(), asking)).await;
            assert_eq!(answer.status, 200, "{what}: {}", answer.text);
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{what} from {origin}");
        }
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_refuses_a_body_that_is_too_long() {
    let node = TestNode::start().await;
    let ada = boss(&node, tenant(), 1);
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(300 << 10));
    for (method, path) in [("POST", "/v1/support/tickets"), ("POST", "/v1/auth/login"), ("PUT", "/v1/me/profile")] {
        let request = ask(&node, method, path).bearer_auth(&ada.token).header("idempotency-key", "k");
        let request = request.header("connection", "close").header("content-type", "application/json");
        let answer = send(request.body(long.clone())).await;
        is_dressed(&answer, path);
        assert_eq!(answer.refused(413, "body_too_large")["limit_bytes"], 256 << 10, "{path}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_counts_the_same_person_and_tenant_and_address() {
    for (rates, who) in [
        (Rates { user: 3, ..Rates::default() }, "user"),
        (Rates { tenant: 3, ..Rates::default() }, "tenant"),
        (Rates { address: 3, ..Rates::default() }, "address"),
    ] {
        let node = TestNode::with_rates(rates).await;
        let ada = boss(&node, tenant(), 1);
        for (method, path) in ONE_OF_EACH {
            let mut last = None;
            // A minute's three are soon used up, whichever door has counted them.
            for _ in 0..6 {
                let request = ask(&node, method, path).bearer_auth(&ada.token);
                last = Some(send(request.header("x-forwarded-for", "192.0.2.7")).await);
            }
            let answer = last.expect("six were sent");
            let wait: u64 = answer.header("retry-after").parse().expect("seconds");
            assert!((1..=60).contains(&wait), "{who} {path}: {wait}");
            assert!(answer.header("ratelimit").contains(who), "{who} {path}: {:?}", answer.headers);
            is_dressed(&answer, path);
            answer.refused(429, "rate_limited");
        }
        node.stop().await;
    }
}
