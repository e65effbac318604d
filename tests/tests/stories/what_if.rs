//! "Would these targets have been breached?": asked of history, answered in a sandbox, changing nothing.

use crate::world::{World, act, items, make, open_ticket};
use serde_json::{Value, json};
use sqlx::query;
use tests::node::{Actor, tenant};

const PATH: &str = "/v1/support/what-if/ticket-targets";

async fn open(customer: &Actor, priority: &str) -> String {
    let body = json!({"subject": "Slow", "description": "Is anybody there?", "priority": priority});
    make(customer, "/v1/support/tickets", body).await.id
}

fn of<'a>(answer: &'a Value, priority: &str) -> &'a Value {
    let all = answer["priorities"].as_array().expect("priorities");
    all.iter().find(|one| one["priority"] == priority).expect("every priority is told")
}

#[tokio::test(flavor = "multi_thread")]
async fn other_targets_are_tried_on_history() {
    let world = World::start().await;
    let (ada, alice) = (world.ada(), world.alice());
    let analyst = world.node.actor(world.tenant, 0xa7a, &["analyst.events:read"]);
    let (late, waiting) = (open(&ada, "urgent").await, open(&ada, "high").await);
    open(&ada, "low").await;
    open_ticket(&world.node.actor(tenant(), 1, &["support.ticket:open"])).await;
    act(&alice, &format!("/v1/support/tickets/{late}/replies"), json!({"content": "Here I am"})).await;
    let pool = event_store::schema::connect(&world.node.database_url, "test", event_store::Role::Owner, 1).await;
    let pool = pool.expect("Postgres answers");
    // As if time had passed since they were opened.
    for (ticket, hours) in [(&late, 3), (&waiting, 1)] {
        query("update log.events set occurred_at = occurred_at - $2 * interval '1 hour' where stream_id = $1::uuid and version = 1")
            .bind(ticket)
            .bind(hours)
            .execute(&pool)
            .await
            .expect("the past is changed, for once");
    }
    let before = world.node.head().await;

    let from = chrono::Utc::now() - chrono::TimeDelta::days(1);
    let question = json!({"from": from, "targets": {"urgent": "4h", "high": "30m", "low": "24h"}});
    let answer = analyst.ask(PATH, &question).await.ok();
    let count = |priority, side: &str, what: &str| of(&answer, priority)[side][what].as_u64().expect("a number");
    assert_eq!((count("urgent", "tried", "met"), count("urgent", "baseline", "breached")), (1, 1), "{answer}");
    assert_eq!((count("high", "tried", "breached"), count("high", "baseline", "running")), (1, 1), "{answer}");
    assert_eq!((count("low", "tried", "running"), count("low", "baseline", "running")), (1, 1), "{answer}");
    assert_eq!(
        (&of(&answer, "medium")["tickets"], &of(&answer, "medium")["tried"]["target"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(answer["differing_count"], 2);
    let differing: Vec<_> = answer["differing"].as_array().expect("tickets").iter().collect();
    let told = |one: &Value| json!([one["ticket_id"], one["tried"], one["baseline"]]);
    assert_eq!(told(differing[0]), json!([late, "met", "breached"]));
    assert_eq!(told(differing[1]), json!([waiting, "breached", "running"]));
    assert_eq!(differing[1]["first_response_at"], Value::Null);

    let mut same = question.clone();
    same["baseline"] = question["targets"].clone();
    same["to"] = json!(chrono::Utc::now() - chrono::TimeDelta::hours(2));
    let answer = analyst.ask(PATH, &same).await.ok();
    assert_eq!((&answer["differing_count"], &of(&answer, "urgent")["tickets"]), (&json!(0), &json!(1)), "{answer}");
    assert_eq!(of(&answer, "high")["tickets"], 0, "opened after the span");

    let mut wrong = question.clone();
    wrong["targets"]["urgent"] = json!("soon");
    analyst.ask(PATH, &wrong).await.refused(422, "validation_failed");
    let mut wrong = question.clone();
    wrong["since"] = json!(1);
    analyst.ask(PATH, &wrong).await.refused(400, "unknown_field");
    let mut wrong = question.clone();
    wrong["to"] = wrong["from"].clone();
    analyst.ask(PATH, &wrong).await.refused(400, "invalid_parameter");
    ada.ask(PATH, &question).await.refused(403, "scope_missing");
    assert_eq!(world.node.head().await, before, "nothing was recorded");
    let tickets = alice.get_after("/v1/support/tickets", before).await;
    assert_eq!(items(&tickets).len(), 3, "and nothing was touched");
}
