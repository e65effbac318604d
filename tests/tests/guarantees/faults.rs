//! What callers notice while Postgres or NATS is away, and after.

use crate::world::{CUSTOMER, boss, open, ticket};
use event_store::{Log, Role, jetstream, schema};
use std::time::{Duration, Instant};
use tests::node::{Actor, Answer, TestNode, eventually, tenant};

#[track_caller]
fn is_unavailable(answer: Answer) {
    assert!(!answer.header("retry-after").is_empty(), "{} {}", answer.status, answer.text);
    answer.refused(503, "unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_postgres_is_a_503_and_then_forgotten() {
    let mut servers = test_support::start(true).await;
    let node = TestNode::on(servers.database_url.clone(), servers.nats_url.clone()).await;
    let ada = node.actor(tenant(), 1, CUSTOMER);
    let mut acknowledged = Vec::new();
    for number in 0..20 {
        acknowledged.push(open(&ada, &format!("Number {number}")).await);
    }
    let first = format!("/v1/support/tickets/{}", acknowledged[0]);
    ada.get_after(&first, 20).await;

    let postgres = servers.postgres.as_mut().expect("Postgres is ours");
    postgres.kill().await.expect("Postgres is killed");
    for attempt in 0..3 {
        is_unavailable(
            ada.post_as("/v1/support/tickets", &format!("lost-{attempt}"), ticket("While it is away")).await,
        );
        is_unavailable(ada.get(&first).await);
        is_unavailable(ada.get("/v1/support/tickets").await);
    }
    postgres.restart().await.expect("Postgres starts again");

    let back = Instant::now();
    eventually("commands and queries are answered", Duration::from_secs(5), async || {
        let command = ada.post_as("/v1/support/tickets", "lost-0", ticket("While it is away")).await;
        command.status.is_success() && ada.get(&first).await.status.is_success()
    })
    .await;
    eprintln!("postgres: answered {} ms after it was back", back.elapsed().as_millis());
    let again = ada.post_as("/v1/support/tickets", "lost-0", ticket("While it is away")).await;
    let position = again.position();
    // Read models are not flushed with every batch: a crash takes them back a little, and the log brings them forth.
    for ticket in &acknowledged {
        ada.get_after(&format!("/v1/support/tickets/{ticket}"), position).await;
    }
    let path = format!("/v1/support/tickets/{}", again.ok()["id"].as_str().expect("an id"));
    assert_eq!(ada.get_after(&path, position).await["subject"], "While it is away", "the projector works again too");
    node.stop().await;
    servers.stop().await.expect("the servers stop");
}

/// Opens tickets one after the other; the longest time from sending a command to seeing its effect.
async fn slowest(actor: &Actor, count: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in 0..count {
        let sent = Instant::now();
        let answer = actor.post("/v1/support/tickets", ticket(&format!("Number {number}"))).await;
        let position = answer.position();
        let path = format!("/v1/support/tickets/{}", answer.ok()["id"].as_str().expect("an id"));
        actor.get_after(&path, position).await;
        slowest = slowest.max(sent.elapsed());
    }
    slowest
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nats_effects_are_still_seen_soon_and_a_wiped_one_is_filled_again() {
    let mut servers = test_support::start(true).await;
    let node = TestNode::on(servers.database_url.clone(), servers.nats_url.clone()).await;
    let boss = boss(&node, tenant(), 1);
    let with = slowest(&boss, 10).await;

    let nats = servers.nats.as_mut().expect("NATS is ours");
    nats.kill().await.expect("NATS is killed");
    let without = slowest(&boss, 20).await;
    assert!(without < Duration::from_millis(1_500), "seen after {without:?} without NATS");

    nats.wipe().await.expect("NATS is emptied");
    nats.restart().await.expect("NATS starts empty");
    let emptied = slowest(&boss, 20).await;
    assert!(emptied < Duration::from_millis(1_500), "seen after {emptied:?} with an empty NATS");
    eprintln!("nats: seen after {with:?} with it, {without:?} without it, {emptied:?} while it is filled again");

    let log =
        Log::new(schema::connect(&node.database_url, "test-mirror", Role::Engine, 2).await.expect("Postgres answers"));
    let head = log.head().await.expect("the log answers");
    let client = async_nats::connect(nats.url()).await.expect("NATS answers");
    let (context, name) = (jetstream::context(client), jetstream::stream_name(head.log_id, head.epoch));
    // The mirror is made anew at the end of the log; the next event is its first.
    let mut last = open(&boss, "After the wipe").await;
    eventually("the mirror reaches the end of the log", Duration::from_secs(10), async || {
        let Ok(mut stream) = context.get_stream(&name).await else { return false };
        let Ok(info) = stream.info().await else { return false };
        if info.state.messages == 0 {
            last = open(&boss, "And one more").await;
        }
        info.state.messages > 0 && info.state.last_sequence == node.head().await.unsigned_abs()
    })
    .await;
    assert!(!last.is_empty());
    node.stop().await;
    servers.stop().await.expect("the servers stop");
}
