//! One effect per key, and always the same answer.

use serde_json::json;
use tests::node::{Actor, TestNode, tenant};
use tokio::task::JoinSet;

const PARALLEL: usize = 20;
const SCOPES: &[&str] = &["support.ticket:open", "support.ticket:reply", "support.ticket:read", "support.ticket:work"];

/// `SILLAGE_TEST_FULL=1` takes the number of the promise, 2,000.
fn keys() -> usize {
    if std::env::var_os("SILLAGE_TEST_FULL").is_some() { 2_000 } else { 200 }
}

async fn race(actors: Vec<Actor>, key: String) -> Vec<(u16, String)> {
    let body = json!({"subject": "Printer on fire", "description": key});
    let mut posts = JoinSet::new();
    for actor in actors {
        let (key, body) = (key.clone(), body.clone());
        posts.spawn(async move {
            let answer = actor.post_as("/v1/support/tickets", &key, body).await;
            (answer.status.as_u16(), answer.text)
        });
    }
    posts.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_parallel_posts_with_one_key_have_one_effect_and_one_answer() {
    let node = TestNode::start().await;
    let ada = node.actor(tenant(), 1, SCOPES);
    let before = node.head().await;
    for nth in 0..keys() {
        let answers = race(vec![ada.clone(); PARALLEL], format!("key-{nth}")).await;
        let first = &answers[0];
        assert_eq!(first.0, 201, "{}", first.1);
        assert!(answers.iter().all(|answer| answer == first), "answers differ: {answers:?}");
    }
    let effects = node.head().await - before;
    eprintln!("idempotency: {} keys x {PARALLEL} posts, {effects} effects", keys());
    assert_eq!(effects, i64::try_from(keys()).unwrap());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_through_two_nodes() {
    let node = TestNode::start().await;
    let sibling = node.sibling().await;
    let tenant = tenant();
    let (here, there) = (node.actor(tenant, 1, SCOPES), sibling.actor(tenant, 1, SCOPES));
    let before = node.head().await;
    for nth in 0..30 {
        let actors = [here.clone(), there.clone()].into_iter().cycle().take(PARALLEL).collect();
        let answers = race(actors, format!("key-{nth}")).await;
        assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 201), "answers differ: {answers:?}");
    }
    assert_eq!(node.head().await - before, 30);
    sibling.stop().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_for_one_request_of_one_actor() {
    let node = TestNode::start().await;
    let tenant_id = tenant();
    let (ada, bob) = (node.actor(tenant_id, 1, SCOPES), node.actor(tenant_id, 2, SCOPES));
    let elsewhere = node.actor(tenant(), 1, SCOPES);
    let body = |text: &str| json!({"subject": "Printer on fire", "description": text});
    let first = ada.post_as("/v1/support/tickets", "k", body("It burns.")).await.ok();
    ada.post_as("/v1/support/tickets", "k", body("It still burns.")).await.refused(422, "idempotency_key_reused");
    for other in [bob, elsewhere] {
        assert_ne!(other.post_as("/v1/support/tickets", "k", body("It burns.")).await.ok()["id"], first["id"]);
    }
    let missing = tests::node::send(ada.command("/v1/support/tickets").json(&body("x"))).await;
    missing.refused(400, "idempotency_key_missing");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_its_answer_when_the_command_would_now_be_refused() {
    let node = TestNode::start().await;
    let alice = node.actor(tenant(), 1, SCOPES);
    let ticket = alice.post("/v1/support/tickets", json!({"subject": "Abc", "description": "d"})).await.ok();
    let path = format!("/v1/support/tickets/{}", ticket["id"].as_str().unwrap());
    let reply = json!({"content": "Have you tried water?"});
    let first = alice.post_as(&format!("{path}/replies"), "reply", reply.clone()).await;
    alice.post(&format!("{path}/status"), json!({"status": "closed"})).await.ok();
    alice.post(&format!("{path}/replies"), reply.clone()).await.refused(409, "support.ticket_closed");
    let repeat = alice.post_as(&format!("{path}/replies"), "reply", reply).await;
    assert_eq!((repeat.status, &repeat.text), (first.status, &first.text));
    assert_eq!(repeat.header("idempotency-replayed"), "true");
    node.stop().await;
}
