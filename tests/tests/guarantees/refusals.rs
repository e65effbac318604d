//! Bad input gets a clear problem on every route, and nothing changes.

use serde_json::json;
use tests::node::{TestNode, send, tenant};
use uuid::Uuid;

fn command_paths() -> Vec<String> {
    let document = serde_json::to_value(command_api::openapi()).unwrap();
    let id = Uuid::now_v7().to_string();
    let concrete = |path: &String| {
        let named = path.split('/').map(|part| if part.starts_with('{') { id.as_str() } else { part });
        named.collect::<Vec<_>>().join("/")
    };
    document["paths"].as_object().unwrap().keys().filter(|path| !path.contains(':')).map(concrete).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_route_refuses_bad_bodies_and_changes_nothing() {
    let node = TestNode::start().await;
    let everything = cli::tokens::all_scopes();
    let scopes: Vec<&str> = everything.iter().map(String::as_str).collect();
    let ada = node.actor(tenant(), 1, &scopes);
    let before = node.head().await;
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(300 << 10));
    let bodies: Vec<(&str, u16)> = vec![
        ("", 400),
        ("{", 400),
        ("{} {}", 400),
        ("nul", 400),
        ("\u{feff}{}", 400),
        (r#"{"a":1,"a":2}"#, 400),
        (r#"{"certainly_not_a_field":1}"#, 400),
        (r#"{"subject":"a\u0000b"}"#, 400),
        (r#"{"subject":"\ud800"}"#, 400),
        (r#"{"radius_m":1e999}"#, 400),
        (&deep, 400),
        (&long, 413),
    ];
    let paths = command_paths();
    assert!(paths.len() >= 15, "{paths:?}");
    // Those that take files get files that are none in `stories/imports.rs`.
    let takes_files = |path: &String| path.ends_with("/imports") || path.ends_with("/imports/preview");
    for path in paths.iter().filter(|path| !takes_files(path)) {
        for (body, status) in &bodies {
            // A refused body may end the connection: no later request may count on it.
            let request = ada.command(path).header("connection", "close").header("idempotency-key", "bad");
            let request = request.header("content-type", "application/json");
            let answer = send(request.body((*body).to_owned())).await;
            let shown: String = body.chars().take(60).collect();
            assert_eq!(answer.status.as_u16(), *status, "{path} {shown}: {}", answer.text);
            assert_eq!(answer.header("content-type"), "application/problem+json", "{path} {shown}");
            assert!(
                answer.json["code"].is_string() && answer.json["title"].is_string(),
                "{path} {shown}: {}",
                answer.text
            );
        }
        let text = ada.command(path).header("idempotency-key", "bad").header("content-type", "text/plain").body("{}");
        send(text).await.refused(415, "unsupported_media_type");
        let list = send(ada.command(path).header("idempotency-key", "bad").json(&json!([]))).await;
        assert!(list.status.is_client_error(), "{path} []: {}", list.text);
    }
    assert_eq!(node.head().await, before, "a refused request left something behind");
    node.stop().await;
}
