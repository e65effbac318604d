//! How queries behave whatever they show: fresh enough, conditional, paged, filtered, sorted.

use crate::world::{World, act, items, number, open_ticket, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::node::{Actor, send};
use uuid::Uuid;

async fn open(customer: &Actor, subject: &str, priority: &str) -> i64 {
    let body = json!({"subject": subject, "description": "Help.", "priority": priority, "category": "BILLING"});
    act(customer, "/v1/support/tickets", body).await
}

fn numbers(page: &Value) -> Vec<i64> {
    items(page).iter().map(|row| number(&row["number"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_thing_is_not_sent_again() {
    let world = World::start().await;
    let ada = world.ada();
    let ticket = open_ticket(&ada).await;
    let path = format!("/v1/support/tickets/{}", ticket.id);
    ada.get_after(&path, ticket.position).await;
    let first = ada.get(&path).await;
    let etag = first.header("etag").to_owned();
    assert_eq!(etag, "\"1\"");
    let again = send(ada.query(&path).header("if-none-match", &etag)).await;
    assert_eq!((again.status.as_u16(), again.text.as_str(), again.header("etag")), (304, "", etag.as_str()));

    let position = act(&ada, &format!("{path}/replies"), json!({"content": "And smokes."})).await;
    ada.get_after(&path, position).await;
    let changed = send(ada.query(&path).header("if-none-match", &etag)).await;
    assert_eq!((changed.status.as_u16(), changed.header("etag")), (200, "\"2\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_on_a_version_that_is_over_is_refused_with_the_current_one() {
    let world = World::start().await;
    let ada = world.ada();
    let path = format!("/v1/support/tickets/{}/replies", open_ticket(&ada).await.id);
    let reply = |version: &str| ada.command(&path).header("if-match", version).json(&json!({"content": "More"}));
    send(reply("\"1\"")).await.ok();
    let head = world.node.head().await;
    let problem = send(reply("\"1\"")).await.refused(412, "version_mismatch");
    assert_eq!(problem["current_version"], 2);
    assert_eq!(world.node.head().await, head);
    send(reply("\"2\"")).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn following_the_links_visits_every_row_once_even_while_rows_are_added() {
    let world = World::start().await;
    let ada = world.ada();
    let mut position = 0;
    for index in 0..23 {
        position = open(&ada, &format!("Ticket {index}"), "low").await;
    }
    for sort in ["-created_at", "number"] {
        ada.get_after("/v1/support/tickets", position).await;
        let mut path = format!("/v1/support/tickets?sort={sort}&limit=5&status=open&min_position={position}");
        let mut seen = Vec::new();
        let mut pages = 0;
        loop {
            let answer = ada.get(&path).await;
            let link = answer.header("link").to_owned();
            let page = answer.ok();
            seen.extend(numbers(&page));
            pages += 1;
            if sort == "-created_at" {
                // Newer than where the reader began, so not part of what is being paged through.
                position = open(&ada, "Meanwhile", "low").await;
            }
            let Some(next) = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")) else {
                assert!(page.get("next_cursor").is_none(), "{page}");
                break;
            };
            next.clone_into(&mut path);
        }
        let unique: BTreeSet<_> = seen.iter().copied().collect();
        assert_eq!(unique.len(), seen.len(), "a row was shown twice: {seen:?}");
        let expected: usize = if sort == "number" { 28 } else { 23 };
        assert_eq!((seen.len(), pages), (expected, expected.div_ceil(5)), "{sort}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_filter_in_both_spellings_and_by_several_values() {
    let world = World::start().await;
    let (ada, alice) = (world.ada(), world.alice());
    let first = open_ticket(&ada).await;
    let second = open(&ada, "Second", "urgent").await;
    let position = act(&alice, &format!("/v1/support/tickets/{}/replies", first.id), json!({"content": "Hi"})).await;
    assert!(position > second);
    for (filter, expected) in [
        ("status=OPEN", vec![2]),
        ("status=open", vec![2]),
        ("status=IN_PROGRESS", vec![1]),
        ("status=OPEN,in_progress", vec![1, 2]),
        ("status=closed", vec![]),
        ("priority=URGENT", vec![2]),
        ("category=billing", vec![2]),
        ("number=1", vec![1]),
        ("status=OPEN&priority=high", vec![]),
    ] {
        let page = alice.get_after(&format!("/v1/support/tickets?sort=number&{filter}"), position).await;
        assert_eq!(numbers(&page), expected, "{filter}");
    }
    let page = alice.get_after(&format!("/v1/support/tickets?customer_id={}", Uuid::now_v7()), position).await;
    assert_eq!(numbers(&page), [0; 0]);
    alice.get("/v1/support/tickets?status=on_fire").await.refused(400, "invalid_parameter");
    alice.get("/v1/support/tickets?colour=red").await.refused(400, "unknown_parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_sort_as_told_and_refuse_what_they_cannot() {
    let world = World::start().await;
    let ada = world.ada();
    let mut position = 0;
    for index in 0..4 {
        position = open(&ada, &format!("Ticket {index}"), "low").await;
    }
    for (sort, expected) in [
        ("number", [1, 2, 3, 4]),
        ("-number", [4, 3, 2, 1]),
        ("created_at", [1, 2, 3, 4]),
        ("-created_at", [4, 3, 2, 1]),
    ] {
        let page = ada.get_after(&format!("/v1/support/tickets?sort={sort}"), position).await;
        assert_eq!(numbers(&page), expected, "{sort}");
    }
    for path in ["/v1/support/tickets", "/v1/messaging/conversations", "/v1/field-sales/zones"] {
        let actor = match path.split('/').nth(2) {
            Some("support") => world.ada(),
            Some("messaging") => world.cleo(),
            _ => world.rep(),
        };
        let problem = actor.get(&format!("{path}?sort=colour")).await.refused(400, "invalid_parameter");
        assert!(text(&problem["detail"]).starts_with("expected one of:"), "{problem}");
    }
    ada.get("/v1/support/tickets?limit=0").await.refused(400, "invalid_parameter");
    ada.get("/v1/support/tickets?limit=101").await.refused(400, "invalid_parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_reads_what_he_has_just_written() {
    let world = World::start().await;
    let ada = world.ada();
    let path = format!("/v1/support/tickets/{}", open_ticket(&ada).await.id);
    let mut violations = Vec::new();
    for count in 1..=100 {
        let content = format!("Reply {count}");
        let position = act(&ada, &format!("{path}/replies"), json!({"content": content})).await;
        let shown = ada.get_after(&path, position).await;
        let newest = ada.get_after(&format!("{path}/replies?sort=-seq&limit=1"), position).await;
        if shown["message_count"] != count || items(&newest)[0]["content"] != content.as_str() {
            violations.push(count);
        }
    }
    assert_eq!(violations, [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_beyond_the_end_of_the_log_is_of_another_history() {
    let world = World::start().await;
    let ada = world.ada();
    let ticket = open_ticket(&ada).await;
    let beyond = world.node.head().await + 1_000;
    for path in ["/v1/support/tickets".to_owned(), format!("/v1/support/tickets/{}", ticket.id)] {
        let answer = ada.get(&format!("{path}?min_position={beyond}")).await;
        answer.refused(409, "log_diverged");
    }
}
