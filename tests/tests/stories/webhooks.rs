//! A tenant's administrator connects another system: registers a webhook, sees what was sent, asks for more.

use crate::world::{items, text};
use serde_json::{Value, json};
use std::time::Duration;
use tests::node::{Actor, TestNode, eventually, tenant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use uuid::Uuid;

const ADMINISTRATOR: &[&str] = &["notifications.webhook:read", "notifications.webhook:manage"];
const CUSTOMER: &[&str] = &["support.ticket:open", "support.ticket:read"];
const PATIENCE: Duration = Duration::from_mins(1);
const WEBHOOKS: &str = "/v1/notifications/webhooks";

/// A web server that answers yes to everything, and says what it was sent.
async fn receiver() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hooks", listener.local_addr().expect("an address"));
    let (told, heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let told = told.clone();
            tokio::spawn(async move {
                let (mut bytes, mut read) = (Vec::new(), [0; 16_384]);
                while !is_whole(&bytes) {
                    match stream.read(&mut read).await {
                        Ok(length) if length > 0 => bytes.extend_from_slice(&read[..length]),
                        _ => return,
                    }
                }
                let _ = told.send(String::from_utf8_lossy(&bytes).into_owned());
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
            });
        }
    });
    (url, heard)
}

/// Whether a request has come to its end.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0_usize)
}

async fn heard(heard: &mut tokio::sync::mpsc::UnboundedReceiver<String>) -> String {
    tokio::time::timeout(PATIENCE, heard.recv()).await.expect("a call comes").expect("the receiver listens")
}

async fn deliveries(actor: &Actor, webhook: &str, query: &str) -> Value {
    actor.get(&format!("{WEBHOOKS}/{webhook}/deliveries{query}")).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_connects_a_system_and_sees_what_it_was_sent() {
    let node = TestNode::with_letters().await;
    let house = tenant();
    let (boss, customer) = (node.actor(house, 1, ADMINISTRATOR), node.actor(house, 2, CUSTOMER));
    let (url, mut calls) = receiver().await;
    let body = json!({ "url": url, "label": "Warehouse", "event_types": ["support.ticket.*"] });

    // The secret is shown to whoever registers, and to a repeat of that very request.
    let key = Uuid::now_v7().to_string();
    let made = boss.insist_as(WEBHOOKS, &key, body.clone()).await;
    assert_eq!(made.status, 201);
    let position = made.position();
    let again = boss.insist_as(WEBHOOKS, &key, body.clone()).await;
    assert_eq!((again.status, again.text), (made.status, made.text.clone()));
    let made = made.ok();
    let (webhook, secret) = (text(&made["id"]), text(&made["secret"]));
    assert!(secret.starts_with("whsec_"), "{made}");
    let shown = boss.get_after(&format!("{WEBHOOKS}/{webhook}"), position).await;
    assert_eq!(
        (&shown["status"], &shown["label"], &shown["url"]),
        (&json!("enabled"), &json!("Warehouse"), &json!(url))
    );
    assert!(!shown.to_string().contains("whsec_"));
    let history = boss.get(&format!("{WEBHOOKS}/{webhook}/history")).await;
    assert!(!history.text.contains("whsec_"), "{}", history.text);

    // What a customer writes does not leave; that he wrote does.
    let ticket = json!({ "subject": "canary-subject", "description": "canary-description" });
    customer.insist("/v1/support/tickets", ticket).await.ok();
    let call = heard(&mut calls).await;
    assert!(call.contains("support.ticket.opened") && call.contains("[masked]"), "{call}");
    assert!(!call.contains("canary") && call.to_lowercase().contains("webhook-signature: v1,"), "{call}");
    boss.insist(&format!("{WEBHOOKS}/{webhook}/test"), json!({})).await.ok();
    while !heard(&mut calls).await.contains("test_requested") {}

    // What was sent is listed, page by page.
    eventually("all of it is delivered", PATIENCE, async || {
        let all = deliveries(&boss, &webhook, "").await;
        items(&all).len() >= 2 && items(&all).iter().all(|one| one["state"] == "delivered")
    })
    .await;
    let (first, all) = (deliveries(&boss, &webhook, "?limit=1").await, deliveries(&boss, &webhook, "").await);
    assert_eq!(items(&first)[0], items(&all)[0]);
    let cursor = text(&first["next_cursor"]);
    let second = deliveries(&boss, &webhook, &format!("?limit=1&cursor={cursor}")).await;
    assert_eq!(items(&second)[0], items(&all)[1]);
    assert_eq!(items(&deliveries(&boss, &webhook, "?state=failed").await).len(), 0);
    let latest = text(&items(&all)[0]["delivery_id"]);
    let one = boss.get(&format!("/v1/notifications/webhook-deliveries/{latest}")).await.ok();
    assert_eq!((&one["tries"][0]["status"], &one["last_status"]), (&json!(204), &json!(204)));

    // Once more: one, and all of it.
    boss.insist(&format!("{WEBHOOKS}/{webhook}/redeliver"), json!({ "delivery_id": latest })).await.ok();
    assert!(heard(&mut calls).await.contains(&latest));
    boss.insist(&format!("{WEBHOOKS}/{webhook}/replay"), json!({ "from_position": 1 })).await.ok();
    while !heard(&mut calls).await.contains("support.ticket.opened") {}
    eventually("the replay is over", PATIENCE, async || {
        let replays = boss.get(&format!("{WEBHOOKS}/{webhook}/replays")).await.ok();
        items(&replays).len() == 1 && items(&replays)[0]["finished_at"].is_string()
    })
    .await;
    nobody_else_sees_anything(&node, &boss, &webhook, &latest).await;
    node.stop().await;
}

/// Neither another tenant nor somebody without the scope.
async fn nobody_else_sees_anything(node: &TestNode, boss: &Actor, webhook: &str, delivery: &str) {
    let spy = node.actor(tenant(), 1, ADMINISTRATOR);
    for path in [
        format!("{WEBHOOKS}/{webhook}"),
        format!("{WEBHOOKS}/{webhook}/deliveries"),
        format!("{WEBHOOKS}/{webhook}/replays"),
        format!("/v1/notifications/webhook-deliveries/{delivery}"),
    ] {
        spy.get(&path).await.refused(404, "not_found");
        node.actor(boss.tenant, 2, CUSTOMER).get(&path).await.refused(403, "scope_missing");
    }
    for wrong in ["?state=lost", "?limit=0", "?limit=51", "?cursor=zz", "?cursor=7b7d", "?sort=x"] {
        assert_eq!(boss.get(&format!("{WEBHOOKS}/{webhook}/deliveries{wrong}")).await.status, 400, "{wrong}");
    }
    let reader = node.actor(boss.tenant, 3, &["notifications.webhook:read"]);
    let refused = reader.insist(&format!("{WEBHOOKS}/{webhook}/test"), json!({})).await;
    refused.refused(403, "scope_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_behind_the_walls_is_refused_when_it_is_given() {
    let node = TestNode::start().await;
    let boss = node.actor(tenant(), 1, ADMINISTRATOR);
    let made = |url: &str| json!({ "url": url, "event_types": ["support.*"] });
    let webhook = boss.insist(WEBHOOKS, made("https://93.184.216.34/hooks")).await.ok();
    let webhook = text(&webhook["id"]);
    for inside in [
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://0xa9fea9fe/",
        "https://me:pass@93.184.216.34/",
        "https://93.184.216.34:22/",
        "https://metadata.google.internal/",
    ] {
        let refused = boss.insist(WEBHOOKS, made(inside)).await.refused(422, "webhook_target_forbidden");
        assert!(!text(&refused["remedy"]).is_empty() && !text(&refused["detail"]).is_empty(), "{refused}");
        let change = boss.insist(&format!("{WEBHOOKS}/{webhook}/change"), made(inside)).await;
        change.refused(422, "webhook_target_forbidden");
    }
    let unknown = json!({ "url": "https://93.184.216.34/", "event_types": ["support.tickets.*"] });
    boss.insist(WEBHOOKS, unknown).await.refused(422, "notifications.webhook_unknown_event_type");
    let rotated = boss.insist(&format!("{WEBHOOKS}/{webhook}/rotate-secret"), json!({})).await.ok();
    assert!(text(&rotated["secret"]).starts_with("whsec_"));
    boss.insist(&format!("{WEBHOOKS}/{webhook}/remove"), json!({})).await.ok();
    let gone = boss.insist(&format!("{WEBHOOKS}/{webhook}/test"), json!({})).await;
    gone.refused(404, "notifications.webhook_not_found");
    node.stop().await;
}
