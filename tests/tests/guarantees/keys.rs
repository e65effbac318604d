//! Idempotency keys at their edges: contested, crossed between nodes, unusable, missing.

use crate::world::{CUSTOMER, boss, open, ticket};
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tests::node::{Actor, Answer, TestNode, send, tenant};

/// How many requests race with the same key.
const RACERS: usize = 20;
/// How many keys are raced at once.
const KEYS_AT_ONCE: usize = 8;

fn keys() -> usize {
    if std::env::var_os("SILLAGE_TEST_FULL").is_some() { 2_000 } else { 200 }
}

/// Sends the same command 20 times at once, in turn through these actors; answers the one position.
async fn race(actors: &[Actor], path: &str, key: &str, body: &Value) -> i64 {
    let racers = (0..RACERS).map(|racer| actors[racer % actors.len()].insist_as(path, key, body.clone()));
    let answers = join_all(racers).await;
    let first = &answers[0];
    assert!(first.status.is_success(), "{} {}", first.status, first.text);
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (first.status, &first.text), "{key}: one key has one answer");
        assert_eq!(answer.header("etag"), first.header("etag"));
    }
    let fresh = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_empty());
    assert!(fresh.count() <= 1, "{key}: more than one claims to be the first");
    first.position()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_raced_side_by_side_through_two_nodes_have_one_event_each() {
    let node = TestNode::start().await;
    let sibling = node.sibling().await;
    let tenant = tenant();
    let actors = [node.actor(tenant, 1, CUSTOMER), sibling.actor(tenant, 1, CUSTOMER)];
    let opened = open(&actors[0], "The one with many replies").await;
    let replies = format!("/v1/support/tickets/{opened}/replies");
    let before = node.head().await;
    let races = (0..keys()).map(|number| {
        let (replies, actors) = (&replies, &actors);
        async move {
            // Half of them make things, half of them crowd one stream.
            let (path, body) = if number.is_multiple_of(2) {
                ("/v1/support/tickets", ticket(&format!("Number {number}")))
            } else {
                (replies.as_str(), json!({ "content": format!("Number {number}") }))
            };
            race(actors, path, &format!("key-{number}"), &body).await
        }
    });
    let mut positions: Vec<i64> = stream::iter(races).buffer_unordered(KEYS_AT_ONCE).collect().await;
    positions.sort_unstable();
    let expected: Vec<i64> = (before + 1..).take(keys()).collect();
    assert_eq!(positions, expected, "one event per key, at a position of its own");
    assert_eq!(node.head().await, expected[keys() - 1], "and nothing else was appended");
    sibling.stop().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_different_requests_racing_for_a_key_have_one_winner() {
    let node = TestNode::start().await;
    let sibling = node.sibling().await;
    let tenant = tenant();
    let actors = [node.actor(tenant, 1, CUSTOMER), sibling.actor(tenant, 1, CUSTOMER)];
    for number in 0..20 {
        let before = node.head().await;
        let key = format!("contested-{number}");
        let racers = (0..8).map(|racer: usize| {
            let (actor, subject) = (&actors[racer % 2], ["Heads up", "Tails up"][racer / 2 % 2]);
            actor.insist_as("/v1/support/tickets", &key, ticket(subject))
        });
        let answers: Vec<Answer> = join_all(racers).await;
        let (won, lost): (Vec<Answer>, Vec<Answer>) =
            answers.into_iter().partition(|answer| answer.status.is_success());
        let refusals: Vec<_> = lost.iter().map(|answer| (answer.status, &answer.text)).collect();
        assert_eq!(
            (won.len(), lost.len()),
            (4, 4),
            "one of the two requests wins, all its copies with it: {refusals:?}"
        );
        assert!(won.iter().all(|answer| answer.text == won[0].text));
        for answer in lost {
            answer.refused(422, "idempotency_key_reused");
        }
        assert_eq!(node.head().await, before + 1);
    }
    sibling.stop().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_repeats_what_its_sibling_answered_before_the_ticket_was_closed() {
    let node = TestNode::start().await;
    let sibling = node.sibling().await;
    let tenant = tenant();
    let (here, there) = (boss(&node, tenant, 1), boss(&sibling, tenant, 1));
    let opened = open(&here, "Soon closed").await;
    let replies = format!("/v1/support/tickets/{opened}/replies");
    let hello = json!({ "content": "Hello" });
    let first = here.post_as(&replies, "k", hello.clone()).await;
    here.post(&format!("/v1/support/tickets/{opened}/status"), json!({ "status": "closed" })).await.ok();
    there.post_as(&replies, "new", hello.clone()).await.refused(409, "support.ticket_closed");
    let head = node.head().await;
    // It has no memory of the first answer: the ledger knows it.
    let again = there.post_as(&replies, "k", hello).await;
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    there.post_as(&replies, "k", json!({ "content": "Else" })).await.refused(422, "idempotency_key_reused");
    assert_eq!(node.head().await, head);
    sibling.stop().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_key_on_another_thing_is_refused() {
    let node = TestNode::start().await;
    let ada = node.actor(tenant(), 1, CUSTOMER);
    let (one, other) = (open(&ada, "One ticket").await, open(&ada, "Another ticket").await);
    let replies = |ticket: &str| format!("/v1/support/tickets/{ticket}/replies");
    let hello = json!({ "content": "Hello" });
    ada.post_as(&replies(&one), "k", hello.clone()).await.ok();
    let head = node.head().await;
    ada.post_as(&replies(&other), "k", hello).await.refused(422, "idempotency_key_reused");
    assert_eq!(node.head().await, head);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_does_not_use_its_key_up() {
    let node = TestNode::start().await;
    let agent = boss(&node, tenant(), 1);
    let opened = open(&agent, "Resolved, then open").await;
    let path = |what: &str| format!("/v1/support/tickets/{opened}/{what}");
    agent.post(&path("status"), json!({ "status": "resolved" })).await.ok();
    let hello = json!({ "content": "Hello" });
    agent.post_as(&path("replies"), "k", hello.clone()).await.refused(409, "support.ticket_resolved");
    agent.post(&path("status"), json!({ "status": "open" })).await.ok();
    agent.post_as(&path("replies"), "k", hello).await.ok();
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_a_command_needs_the_version_that_it_acts_on() {
    let node = TestNode::start().await;
    let agent = boss(&node, tenant(), 1);
    // A version says nothing about a thing that is yet to be made.
    let creating = agent.command("/v1/support/tickets").header("if-match", "*").json(&ticket("No key"));
    send(creating).await.refused(400, "idempotency_key_missing");
    let opened = open(&agent, "With a key").await;
    let path = format!("/v1/support/tickets/{opened}/notes");
    let noting = || agent.command(&path).json(&json!({ "content": "Hello" }));
    send(noting()).await.refused(400, "idempotency_key_missing");
    assert_eq!(node.head().await, 1);
    send(noting().header("if-match", "\"1\"")).await.ok();
    let stale = send(noting().header("if-match", "\"1\"")).await.refused(412, "version_mismatch");
    assert_eq!(stale["current_version"], 2);
    send(noting().header("if-match", "W/\"2\"")).await.refused(400, "if_match_invalid");
    assert_eq!(node.head().await, 2);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_key_is_refused() {
    let node = TestNode::start().await;
    let ada = node.actor(tenant(), 1, CUSTOMER);
    for key in ["", "with space", &"k".repeat(256), "\u{e9}t\u{e9}"] {
        ada.post_as("/v1/support/tickets", key, ticket("Odd key")).await.refused(400, "idempotency_key_invalid");
    }
    let twice = ada.command("/v1/support/tickets").header("idempotency-key", "a").header("idempotency-key", "b");
    send(twice.json(&ticket("Two keys"))).await.refused(400, "idempotency_key_invalid");
    assert_eq!(node.head().await, 0);
    node.stop().await;
}
