//! Callers who hang up leave nothing behind.

use crate::world::{CUSTOMER, open, ticket};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use std::time::Duration;
use tests::node::{Actor, TestNode, eventually, tenant};
use tokio::time::timeout;

const REQUESTS: u64 = 500;

/// Spread over 0 to 12 ms, the same in every run: around what a request takes.
fn patience(number: u64) -> Duration {
    Duration::from_micros((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 12_000)
}

/// A query, the opening of a ticket or a reply, in turn.
async fn ask(ada: &Actor, opened: &str, number: u64) {
    let (path, key) = (format!("/v1/support/tickets/{opened}"), format!("k{number}"));
    let answer = match number % 3 {
        0 => ada.get(&path).await,
        1 => ada.post_as("/v1/support/tickets", &key, ticket("Cut off")).await,
        _ => ada.post_as(&format!("{path}/replies"), &key, json!({ "content": "Cut off" })).await,
    };
    assert!(answer.status.is_success(), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_cut_off_leave_no_transaction_open_and_no_half_effect() {
    let node = TestNode::start().await;
    let ada = node.actor(tenant(), 1, CUSTOMER);
    let opened = open(&ada, "Cut off").await;
    ada.get_after(&format!("/v1/support/tickets/{opened}"), 1).await;
    let asked = stream::iter(0..REQUESTS).map(|number| timeout(patience(number), ask(&ada, &opened, number)));
    let answered = asked.buffer_unordered(16).filter(|answer| std::future::ready(answer.is_ok())).count().await;
    eprintln!("cancelled: {answered} of {REQUESTS} requests were answered, the others cut off");
    assert!(answered < 450, "too few were cut off to prove anything: {answered} were answered");

    let pool = event_store::schema::connect(&node.database_url, "test-sessions", event_store::Role::Owner, 1)
        .await
        .expect("Postgres answers");
    eventually("no session is idle in a transaction", Duration::from_secs(5), async || {
        let idle: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity \
             where datname = current_database() and state like 'idle in transaction%'",
        )
        .fetch_one(&pool)
        .await
        .expect("Postgres answers");
        idle == 0
    })
    .await;

    // Whatever became of each command: now it is done, and it is done once.
    let commands: Vec<u64> = (0..REQUESTS).filter(|number| !number.is_multiple_of(3)).collect();
    for number in &commands {
        ask(&ada, &opened, *number).await;
    }
    let last = 1 + i64::try_from(commands.len()).expect("few");
    assert_eq!(node.head().await, last);
    let shown = ada.get_after(&format!("/v1/support/tickets/{opened}"), last).await;
    assert_eq!(shown["message_count"], commands.iter().filter(|number| *number % 3 == 2).count());
    node.stop().await;
}
