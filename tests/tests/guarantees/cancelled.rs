//! Callers who hang up leave nothing behind.

use crate::world::{CUSTOMER, boss, open, ticket};
use event_store::{Role, schema};
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

    no_transaction_stays_open(&node).await;

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

async fn no_transaction_stays_open(node: &TestNode) {
    let pool = schema::connect(&node.database_url, "test-sessions", Role::Owner, 1).await.expect("Postgres answers");
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
}

/// Somebody of one tenant among three, and where he looks: at his own things, and at those of the next tenant.
struct Looker {
    actor: Actor,
    own: &'static str,
    foreign: [&'static str; 2],
    paths: Vec<String>,
}

/// What one request was worth: whether it was answered, and what of others it showed.
async fn look(looker: &Looker, number: u64) -> (bool, Vec<String>) {
    let path = &looker.paths[usize::try_from(number / 3).expect("few") % looker.paths.len()];
    let Ok(answer) = timeout(patience(number) * 3, looker.actor.get(path)).await else { return (false, Vec::new()) };
    let shown = looker.foreign.iter().filter(|canary| answer.text.contains(**canary));
    (true, shown.map(|canary| format!("{} saw {canary} at {path}", looker.own)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_cut_off_show_nobody_elses_data() {
    const CANARIES: [&str; 3] = ["canary-of-ada", "canary-of-bob", "canary-of-cid"];
    let node = TestNode::start().await;
    let mut lookers = Vec::new();
    let mut tickets: Vec<String> = Vec::new();
    for (index, own) in CANARIES.into_iter().enumerate() {
        // The same person's id in each of them.
        let actor = boss(&node, tenant(), 1);
        let mut own_tickets = Vec::new();
        for _ in 0..5 {
            own_tickets.push(open(&actor, own).await);
        }
        actor.get_after("/v1/support/tickets", node.head().await).await;
        tickets.push(own_tickets[0].clone());
        let foreign = [CANARIES[(index + 1) % 3], CANARIES[(index + 2) % 3]];
        lookers.push(Looker { actor, own, foreign, paths: Vec::new() });
    }
    for looker in &mut lookers {
        let all = tickets.iter().map(|ticket| format!("/v1/support/tickets/{ticket}"));
        let all = all.flat_map(|path| [format!("{path}/history"), format!("{path}/replies"), path]);
        looker.paths = all.chain(["/v1/support/tickets".to_owned()]).collect();
    }
    let asked = stream::iter(0..2_000_u64).map(|number| {
        let looker = &lookers[usize::try_from(number % 3).expect("few")];
        look(looker, number)
    });
    let outcomes: Vec<(bool, Vec<String>)> = asked.buffer_unordered(16).collect().await;
    let answered = outcomes.iter().filter(|(answered, _)| *answered).count();
    eprintln!("cancelled: {answered} of 2000 queries were answered, the others cut off");
    assert!((50..1_950).contains(&answered), "this proves nothing: {answered} were answered");
    let shown: Vec<&String> = outcomes.iter().flat_map(|(_, shown)| shown).collect();
    assert!(shown.is_empty(), "{shown:?}");
    no_transaction_stays_open(&node).await;
    // Every session is as good as new: each sees his own, and all of it.
    for looker in &lookers {
        for _ in 0..20 {
            let page = looker.actor.get("/v1/support/tickets").await;
            assert_eq!(page.text.matches(looker.own).count(), page.text.matches("canary-of").count());
            assert_eq!(page.ok()["items"].as_array().map(Vec::len), Some(5));
        }
    }
    node.stop().await;
}
