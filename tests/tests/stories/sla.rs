//! What the desk promises: defined, carried by every ticket, shown on the board.

use crate::world::{AGENT, CUSTOMER, act, items, make, number};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tests::node::{Actor, TestNode, tenant};

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no time: {value}"))
}

async fn ticket(customer: &Actor, priority: &str) -> String {
    let body = json!({"subject": "Printer on fire", "description": "It burns.", "priority": priority});
    format!("/v1/support/tickets/{}", make(customer, "/v1/support/tickets", body).await.id)
}

/// Says what is promised, and what may not be.
async fn define(boss: &Actor, alice: &Actor) {
    let policy = json!({
        "targets": {
            "urgent": {"first_response": "30m", "resolution": "4h"},
            "low": {"resolution": "5d"},
        },
        "calendar": {"time_zone": "Europe/Paris"},
        "timers": {"close_resolved_after_days": null},
    });
    alice.post("/v1/support/sla-policies", policy.clone()).await.refused(403, "scope_missing");
    let closed = json!({"calendar": {"hours": {"monday": []}}});
    boss.post("/v1/support/sla-policies", closed).await.refused(422, "validation_failed");
    let late = json!({"targets": {"low": {"first_response": "2h", "resolution": "1h"}}});
    boss.post("/v1/support/sla-policies", late).await.refused(422, "support.sla_policy_response_after_resolution");
    let defined = make(boss, "/v1/support/sla-policies", policy).await;
    let shown = alice.get_after("/v1/support/sla-policies", defined.position).await;
    assert_eq!((&items(&shown)[0]["sla_policy_id"], items(&shown).len()), (&json!(defined.id), 1));
    assert_eq!(items(&shown)[0]["timers"], json!({"resolve_waiting_after_days": 7, "close_resolved_after_days": null}));
    let history = format!("/v1/support/sla-policies/{}/history", defined.id);
    assert_eq!(items(&alice.get_after(&history, defined.position).await).len(), 1);
}

/// The tickets of the board, a page at a time.
async fn board(alice: &Actor, at: i64) -> Vec<String> {
    let mut found = Vec::new();
    let mut page = alice.get_after("/v1/support/sla/board?limit=1", at).await;
    loop {
        found.extend(
            items(&page).iter().map(|row| format!("/v1/support/tickets/{}", row["ticket_id"].as_str().unwrap())),
        );
        let Some(cursor) = page["next_cursor"].as_str() else { return found };
        page = alice.get(&format!("/v1/support/sla/board?limit=1&cursor={cursor}")).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_promised_is_due_and_on_the_board() {
    let node = TestNode::start().await;
    let ada = node.actor(tenant(), 0xada, CUSTOMER);
    let alice = node.actor(ada.tenant, 0xa11ce, AGENT);
    let boss = node.actor(ada.tenant, 0xb055, &["support.sla_policy:manage", "support.ticket:work"]);
    let before = ticket(&ada, "urgent").await;
    define(&boss, &alice).await;
    let (urgent, low, medium) = (ticket(&ada, "urgent").await, ticket(&ada, "low").await, ticket(&ada, "medium").await);
    let at = node.head().await;
    let row = alice.get_after(&urgent, at).await;
    let opened = time(&row["created_at"]);
    let after = |minutes| opened + TimeDelta::minutes(minutes);
    assert_eq!((time(&row["due_at"]), time(&row["resolution_due_at"])), (after(30), after(240)));
    assert_eq!(row["sla_state"], "running");
    for nothing in [&medium, &before] {
        let row = alice.get_after(nothing, at).await;
        assert_eq!((&row["due_at"], &row["sla_state"]), (&Value::Null, &Value::Null), "{nothing}");
    }

    // Answered, it is due to be resolved; while it waits for its customer it is not.
    act(&alice, &format!("{urgent}/replies"), json!({"content": "Take cover."})).await;
    let at = act(&alice, &format!("{urgent}/status"), json!({"status": "waiting_customer"})).await;
    let row = alice.get_after(&urgent, at).await;
    assert_eq!((time(&row["due_at"]), &row["sla_state"]), (after(240), &json!("paused")));
    let at = act(&ada, &format!("{urgent}/replies"), json!({"content": "Still burning."})).await;
    let row = alice.get_after(&urgent, at).await;
    assert!(time(&row["due_at"]) > after(240) && row["sla_state"] == "running", "{row}");
    let raised = act(&alice, &format!("{medium}/priority"), json!({"priority": "urgent"})).await;
    assert_eq!(alice.get_after(&medium, raised).await["sla_state"], "running");

    // The board shows what is due, the most pressing first, a page at a time; so does a list that is sorted by it.
    assert_eq!(board(&alice, raised).await, [medium.clone(), urgent.clone(), low.clone()]);
    let count = async |query: &str| {
        let listed = alice.get_after(&format!("/v1/support/{query}"), raised).await;
        items(&listed).len()
    };
    assert_eq!(count("tickets?sort=due_at").await, 3);
    assert_eq!(count("tickets").await, 4);
    assert_eq!(count("sla/board?priority=low&sla_state=running,warned").await, 1);
    assert_eq!(count("sla/board?sla_state=breached").await, 0);
    let soon = (Utc::now() + TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
    assert_eq!(count(&format!("sla/board?due_before={soon}")).await, 1);
    ada.get("/v1/support/sla/board").await.refused(403, "scope_missing");
    let resolved = act(&alice, &format!("{low}/status"), json!({"status": "resolved"})).await;
    assert_eq!(items(&alice.get_after("/v1/support/sla/board", resolved).await).len(), 2);
    let activities = alice.get_after(&format!("{urgent}/activities"), resolved).await;
    let told = |action: &str| items(&activities).iter().filter(|step| step["action"] == action).count();
    assert_eq!((told("sla_clock_started"), told("sla_clock_paused"), told("sla_clock_resumed")), (1, 1, 1));
    assert!(number(&alice.get_after(&low, resolved).await["version"]) > 2);
    node.stop().await;
}
