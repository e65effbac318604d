//! The batch endpoint: each command has its own outcome, in order.

use crate::world::{CUSTOMER, boss, open, ticket};
use serde_json::{Value, json};
use tests::node::{TestNode, send, tenant};
use uuid::Uuid;

const BATCH: &str = "/v1/commands:batch";

fn reply(key: &str, target: &str, content: &str) -> Value {
    json!({ "name": "support.reply_to_ticket", "idempotency_key": key, "target": target, "body": { "content": content } })
}

fn opening(key: &str) -> Value {
    json!({ "name": "support.open_ticket", "idempotency_key": key, "body": ticket("From a batch") })
}

fn outcomes(answer: &Value) -> Vec<String> {
    let outcomes = answer.as_array().expect("outcomes").iter();
    let code = |outcome: &Value| outcome["problem"]["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
    outcomes.map(|outcome| format!("{}{}", outcome["outcome"].as_str().expect("an outcome"), code(outcome))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_of_a_batch_has_its_own_outcome_in_order() {
    let node = TestNode::start().await;
    let ada = node.actor(tenant(), 1, CUSTOMER);
    let opened = open(&ada, "Before the batch").await;
    let missing = Uuid::now_v7().to_string();
    let mut untargeted = opening("t");
    untargeted["target"] = json!(opened);
    let mut stale = reply("s", &opened, "Too late");
    stale["expected_version"] = json!(99);
    let steps = [
        (reply("a", &opened, "First"), "accepted"),
        (opening("b"), "accepted"),
        (reply("a", &opened, "First"), "repeated"),
        (reply("a", &opened, "Other"), "rejected idempotency_key_reused"),
        (reply("c", &missing, "Nobody"), "rejected support.ticket_not_found"),
        (json!({ "name": "support.close_all", "idempotency_key": "u", "body": {} }), "rejected command_unknown"),
        (
            json!({ "name": "support.open_ticket", "idempotency_key": "w", "body": { "x": 1 } }),
            "rejected unknown_field",
        ),
        (json!({ "name": "field_sales.create_zone", "idempotency_key": "f", "body": {} }), "rejected scope_missing"),
        (untargeted, "rejected target_mismatch"),
        (stale, "rejected version_mismatch"),
        (reply("", &opened, "No key"), "rejected idempotency_key_invalid"),
        (reply("d", &opened, "Last"), "accepted"),
    ];
    let (batch, expected): (Vec<Value>, Vec<&str>) = steps.into_iter().unzip();
    let answer = ada.post(BATCH, json!(batch)).await.ok();
    assert_eq!(outcomes(&answer), expected);
    for field in ["id", "version", "position"] {
        assert_eq!(answer[0][field], answer[2][field], "a repeat says what the first said");
    }
    assert_eq!(answer[11]["position"], 4, "one ticket before, three accepted");
    assert_eq!(node.head().await, 4);
    // The device did not hear the answer and sends it all again.
    let again = outcomes(&ada.post(BATCH, json!(batch)).await.ok());
    assert_eq!([&again[0], &again[1], &again[2], &again[11]], ["repeated"; 4]);
    assert_eq!(node.head().await, 4);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_and_a_route_share_their_keys() {
    let node = TestNode::start().await;
    let ada = node.actor(tenant(), 1, CUSTOMER);
    let first = ada.post_as("/v1/support/tickets", "shared", ticket("From a batch")).await.ok();
    let answer = ada.post(BATCH, json!([opening("shared")])).await.ok();
    assert_eq!(outcomes(&answer), ["repeated"], "{answer}");
    assert_eq!(answer[0]["id"], first["id"]);
    assert_eq!(node.head().await, 1);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_commands_are_taken_and_one_more_is_not() {
    let node = TestNode::start().await;
    let boss = boss(&node, tenant(), 1);
    let many = |count: usize| Value::Array((0..count).map(|number| opening(&format!("k{number}"))).collect());
    boss.post(BATCH, many(101)).await.refused(422, "batch_too_long");
    assert_eq!(node.head().await, 0, "a batch that is too long is refused as a whole");
    let answer = boss.post(BATCH, many(100)).await.ok();
    assert!(outcomes(&answer).iter().all(|outcome| outcome == "accepted"));
    let numbers: Vec<i64> = answer.as_array().into_iter().flatten().filter_map(|one| one["number"].as_i64()).collect();
    assert_eq!(numbers, (1..=100).collect::<Vec<i64>>(), "in order, without a gap");
    assert_eq!(node.head().await, 100);
    assert_eq!(boss.post(BATCH, json!([])).await.ok(), json!([]));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_asks_for_a_token() {
    let node = TestNode::start().await;
    let url = format!("{}{BATCH}", node.node().urls().commands);
    let answer = send(reqwest::Client::new().post(url).json(&json!([opening("k")]))).await;
    answer.refused(401, "unauthenticated");
    assert_eq!(node.head().await, 0);
    node.stop().await;
}
