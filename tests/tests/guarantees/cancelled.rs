//! Callers who hang up leave nothing behind.

use crate::foreign::{House, OF_THE_PLATFORM};
use crate::operations::{commands, queries};
use crate::world::{CUSTOMER, open, ticket};
use event_store::{Role, schema};
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use std::time::{Duration, Instant};
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
    crate::walls::prepare();
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

/// Requests to every route at the things of each of three tenants, cut off anywhere.
struct Looks {
    houses: [House; 3],
    places: Vec<(bool, String)>,
    /// What a request takes here and now, more or less.
    usual: Duration,
}

impl Looks {
    async fn at(houses: [House; 3]) -> Self {
        let mut looks = Self { places: places(&houses), houses, usual: Duration::from_secs(10) };
        let began = Instant::now();
        let measured = stream::iter(0..96).map(|number| looks.look(number)).buffer_unordered(16);
        let shown: Vec<String> = measured.map(|(_, shown)| stream::iter(shown)).flatten().collect().await;
        assert!(shown.is_empty(), "{shown:?}");
        looks.usual = began.elapsed() * 16 / 96;
        looks
    }

    /// What one request was worth: whether it was answered, and whose things it showed besides the caller's.
    async fn look(&self, number: u64) -> (bool, Vec<String>) {
        let at = usize::try_from(number).expect("few");
        let (mine, (is_query, path)) = (&self.houses[at % 3], &self.places[at / 3 % self.places.len()]);
        let answer =
            async { if *is_query { mine.boss.get(path).await } else { mine.boss.post(path, json!({})).await } };
        let patience = self.usual.mul_f64(patience(number).as_secs_f64() / 0.006);
        let Ok(answer) = timeout(patience, answer).await else { return (false, Vec::new()) };
        let others = self.houses.iter().filter(|house| house.canary != mine.canary);
        let shown = others.flat_map(|house| house.things.ids().into_iter().chain([house.canary]));
        let shown = shown.filter(|secret| answer.text.contains(*secret));
        (true, shown.map(|secret| format!("{} saw {secret} at {path}", mine.canary)).collect())
    }
}

/// Every query and every command, at the things of each of the three.
fn places(houses: &[House; 3]) -> Vec<(bool, String)> {
    let routes = queries().into_iter().filter(|query| query.id != OF_THE_PLATFORM).map(|query| (true, query));
    let routes = routes.chain(commands().into_iter().map(|command| (false, command)));
    let places = routes.flat_map(|(is_query, route)| match route.target() {
        None => vec![(is_query, route.path.clone())],
        Some(target) => houses.iter().map(|house| (is_query, route.at(house.things.named(target)))).collect(),
    });
    places.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_cut_off_show_nobody_elses_data() {
    crate::walls::prepare();
    let node = TestNode::start().await;
    let houses = House::three(&node).await;
    let mut looks = Looks::at(houses).await;
    let (mut cut, mut answered, mut number) = (0, 0, 0);
    while (cut < 2_000 || answered < 200) && number < 30_000 {
        let cut_before = cut;
        let asked = stream::iter(number..number + 500).map(|number| looks.look(number)).buffer_unordered(16);
        for (is_answered, shown) in asked.collect::<Vec<_>>().await {
            assert!(shown.is_empty(), "{shown:?}");
            if is_answered { answered += 1 } else { cut += 1 }
        }
        number += 500;
        // A machine is not as busy all the time.
        match cut - cut_before {
            0..100 => looks.usual = looks.usual.mul_f64(0.7),
            450.. => looks.usual = looks.usual.mul_f64(1.4),
            _ => {}
        }
    }
    eprintln!("cancelled: {cut} requests were cut off and {answered} answered, at {} places", looks.places.len());
    assert!(cut >= 2_000 && answered >= 200, "{cut} cut off and {answered} answered prove too little");
    no_transaction_stays_open(&node).await;
    // Every session is as good as new: each sees his own, and nothing else.
    for house in &looks.houses {
        for _ in 0..20 {
            let page = house.boss.get("/v1/support/tickets").await;
            assert!(page.text.contains(house.canary) && page.text.contains(&house.things.ticket), "{}", page.text);
            assert_eq!(page.text.matches(house.canary).count(), page.text.matches("canary-of").count());
        }
    }
    node.stop().await;
}
