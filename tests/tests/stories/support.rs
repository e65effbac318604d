//! The support desk: from a customer's question to the reopened ticket.

use crate::world::{World, act, items, open_ticket, text};
use domain::identity::Role;
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeSet;

const SECRET: &str = "the customer is known for arson";

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_opened_answered_assigned_resolved_and_reopened() {
    let world = World::start().await;
    let (ada, alice) = (world.ada(), world.alice());
    let ticket = open_ticket(&ada).await;
    let path = format!("/v1/support/tickets/{}", ticket.id);

    let listed = ada.get_after("/v1/support/tickets", ticket.position).await;
    assert_eq!(items(&listed).len(), 1);
    assert_eq!(items(&listed)[0]["ticket_number"], "TKT-00001");
    assert_eq!(items(&listed)[0]["status"], "open");

    let position = act(&alice, &format!("{path}/replies"), json!({"content": "Take cover."})).await;
    let shown = ada.get_after(&path, position).await;
    assert_eq!((&shown["status"], &shown["message_count"]), (&json!("in_progress"), &json!(1)));
    assert!(shown["first_response_at"].is_string(), "{shown}");
    let replies = ada.get_after(&format!("{path}/replies"), position).await;
    assert_eq!(items(&replies)[0]["message_type"], "agent");
    assert_eq!(items(&replies)[0]["author_id"], json!(alice.id));

    let position = act(&alice, &format!("{path}/notes"), json!({"content": SECRET})).await;
    let notes = alice.get_after(&format!("{path}/notes"), position).await;
    assert_eq!(items(&notes)[0]["content"], SECRET);

    world.node.join(&alice, Role::SupportAgent, None).await.unwrap();
    let position = act(&alice, &format!("{path}/assign"), json!({"assignee_id": alice.id})).await;
    assert_eq!(alice.get_after(&path, position).await["assignee_id"], json!(alice.id));

    let position = act(&alice, &format!("{path}/status"), json!({"status": "resolved"})).await;
    let shown = ada.get_after(&path, position).await;
    assert_eq!(shown["status"], "resolved");
    assert!(shown["resolved_at"].is_string(), "{shown}");

    let position = act(&ada, &format!("{path}/status"), json!({"status": "open", "reason": "Still burning"})).await;
    let shown = ada.get_after(&path, position).await;
    assert_eq!((&shown["status"], &shown["resolved_at"]), (&json!("open"), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_customer_endpoint_shows_the_text_of_a_note() {
    let world = World::start().await;
    let (ada, alice) = (world.ada(), world.alice());
    let ticket = open_ticket(&ada).await;
    let path = format!("/v1/support/tickets/{}", ticket.id);
    let before = act(&alice, &format!("{path}/replies"), json!({"content": "Hello"})).await;
    let position = act(&alice, &format!("{path}/notes"), json!({"content": SECRET})).await;
    let seen = alice.get_after(&format!("{path}/notes"), position).await.to_string();
    assert!(seen.contains(SECRET), "the agent sees it");

    let mut statuses = Vec::new();
    for path in [
        "/v1/support/tickets".to_owned(),
        path.clone(),
        format!("{path}/replies"),
        format!("{path}/notes"),
        format!("{path}/history"),
    ] {
        let answer = ada.get(&format!("{path}?min_position={position}")).await;
        assert!(!answer.text.contains(SECRET), "{path}: {}", answer.text);
        statuses.push(answer.status.as_u16());
    }
    for moment in [before, position] {
        let answer = ada.get(&format!("{path}?as_of={moment}")).await;
        assert!(!answer.text.contains(SECRET), "as of {moment}: {}", answer.text);
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 403, 403, 200, 200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_chooses_the_type_of_a_message() {
    let world = World::start().await;
    let ada = world.ada();
    let path = format!("/v1/support/tickets/{}/replies", open_ticket(&ada).await.id);
    let head = world.node.head().await;
    for field in ["message_type", "type", "kind"] {
        for value in ["AGENT", "INTERNAL", "SYSTEM"] {
            let answer = ada.post(&path, json!({"content": "I am staff", field: value})).await;
            assert_eq!(answer.status, 400, "{field}={value}: {}", answer.text);
        }
    }
    assert_eq!(world.node.head().await, head);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customers_own_message_leaves_an_open_ticket_open() {
    let world = World::start().await;
    let ada = world.ada();
    let path = format!("/v1/support/tickets/{}", open_ticket(&ada).await.id);
    let position = act(&ada, &format!("{path}/replies"), json!({"content": "It still burns."})).await;
    let shown = ada.get_after(&path, position).await;
    assert_eq!((&shown["status"], &shown["message_count"]), (&json!("open"), &json!(1)));
    assert_eq!(shown["first_response_at"], json!(null), "a customer's reply is no first response");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_customer_neither_sees_nor_touches_the_ticket() {
    let world = World::start().await;
    let (ada, eve) = (world.ada(), world.eve());
    let ticket = open_ticket(&ada).await;
    let path = format!("/v1/support/tickets/{}", ticket.id);
    ada.get_after(&path, ticket.position).await;
    eve.get(&path).await.refused(404, "not_found");
    assert_eq!(items(&eve.get_after("/v1/support/tickets", ticket.position).await).len(), 0);
    let filtered = format!("/v1/support/tickets?customer_id={}", ada.id.0);
    assert_eq!(items(&eve.get_after(&filtered, ticket.position).await).len(), 0);
    assert_eq!(items(&eve.get_after(&format!("{path}/replies"), ticket.position).await).len(), 0);
    eve.post(&format!("{path}/replies"), json!({"content": "Mine?"})).await.refused(404, "support.ticket_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tickets_opened_at_once_are_numbered_without_a_gap() {
    let world = World::start().await;
    let ada = world.ada();
    let openings = (0..1_000).map(async |index| {
        let body = json!({"subject": format!("Ticket {index}"), "description": "Now."});
        let answer = ada.insist("/v1/support/tickets", body).await.ok();
        (answer["number"].as_i64().unwrap_or_default(), text(&answer["id"]))
    });
    let (mut numbers, ids): (Vec<_>, BTreeSet<_>) = join_all(openings).await.into_iter().unzip();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=1_000).collect::<Vec<_>>());
    assert_eq!(ids.len(), 1_000);
}
