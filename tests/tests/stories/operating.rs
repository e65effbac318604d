//! An operator rebuilds a read model over HTTP, shows it, goes back; the log tells who did it and why.

use crate::world::{World, items, open_ticket, text};
use kernel::TenantId;
use serde_json::{Value, json};
use std::time::Duration;
use tests::node::{Actor, Answer, eventually, send};

const PATH: &str = "/v1/operations/projections/support.tickets";
const SCOPES: &[&str] = &["operations.projection:read", "operations.projection:operate"];

async fn operate(actor: &Actor, queries: &str, act: &str, body: Value) -> Answer {
    let request = reqwest::Client::new().post(format!("{queries}{PATH}/{act}")).bearer_auth(&actor.token);
    send(request.json(&body)).await
}

/// One generation of the read model, as operators see it.
async fn generation(operator: &Actor, number: i64) -> Value {
    let all = operator.get(PATH).await.ok();
    items(&all).iter().find(|one| one["generation"] == number).cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_rebuilds_switches_and_goes_back_and_the_log_tells_it() {
    let world = World::start().await;
    let ada = world.ada();
    let position = open_ticket(&ada).await.position;
    ada.get_after("/v1/support/tickets", position).await;
    let queries = world.node.node().urls().queries.clone();
    let operator = world.node.actor(TenantId::PLATFORM, 0x09e, SCOPES);
    let act = async |act: &str, body: Value| operate(&operator, &queries, act, body).await;

    let asked = act("rebuild", json!({ "switch": "ask", "percent": 90, "reason": "a drill" })).await;
    assert_eq!((asked.status.as_u16(), &asked.json["generation"]), (202, &json!(2)));
    eventually("the generation is live", Duration::from_mins(1), async || {
        generation(&operator, 2).await["state"] == "live"
    })
    .await;
    act("rebuild", json!({ "percent": 0 })).await.refused(422, "validation_failed");
    act("rebuild", json!({ "percentage": 5 })).await.refused(400, "unknown_field");
    let found = operator.get(&format!("{PATH}/comparison?generation=2")).await.ok();
    assert_eq!((&found["after"]["rows"], &found["rows_changed"]), (&json!(1), &json!(0)));
    assert_eq!(found["before"]["hash"], found["after"]["hash"]);
    operator.get(&format!("{PATH}/comparison?samples=5")).await.refused(403, "scope_missing");

    let shown = act("switch", json!({ "reason": "it is equal" })).await.ok();
    assert_eq!((&shown["generation"], &shown["before"]), (&json!(2), &json!(1)));
    let later = open_ticket(&ada).await.position;
    assert_eq!(items(&ada.get_after("/v1/support/tickets", later).await).len(), 2, "readers see their own writes");
    act("cancel", json!({ "generation": 2 })).await.refused(409, "generation_serves");
    assert_eq!(act("rollback", json!({})).await.ok()["generation"], 1);
    assert_eq!(act("retire", json!({})).await.ok()["items"][0]["generation"], 2);

    let mut acts = Value::Null;
    eventually("the log tells every act", Duration::from_secs(30), async || {
        acts = operator.get("/v1/operations/projection-acts?sort=occurred_at").await.ok();
        items(&acts).len() >= 4
    })
    .await;
    let told: Vec<String> = items(&acts).iter().map(|one| text(&one["act"])).collect();
    assert_eq!(told, ["rebuild_requested", "switched", "rolled_back", "retired"], "each once");
    assert!(items(&acts).iter().all(|one| one["actor_id"] == json!(operator.id) && one["actor_kind"] == "user"));
    assert_eq!((&items(&acts)[1]["reason"], &items(&acts)[1]["before"]), (&json!("it is equal"), &json!(1)));
    world.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_operators_of_the_platform_finds_anything() {
    let world = World::start().await;
    let queries = world.node.node().urls().queries.clone();
    let elsewhere = world.node.actor(world.tenant, 0x09e, SCOPES);
    for path in ["/v1/operations/projections", PATH, &format!("{PATH}/comparison")] {
        elsewhere.get(path).await.refused(404, "not_found");
        world.ada().get(path).await.refused(403, "scope_missing");
    }
    assert_eq!(items(&elsewhere.get("/v1/operations/projection-acts").await.ok()).len(), 0);
    let reader = world.node.actor(TenantId::PLATFORM, 0x4ead, &SCOPES[..1]);
    for act in ["rebuild", "pause", "resume", "change", "cancel", "switch", "rollback", "retire"] {
        operate(&elsewhere, &queries, act, json!({})).await.refused(404, "not_found");
        operate(&reader, &queries, act, json!({})).await.refused(403, "scope_missing");
    }
    let operator = world.node.actor(TenantId::PLATFORM, 0x09e, SCOPES);
    operate(&operator, &queries, "pause", json!({})).await.refused(409, "nothing_to_do");
    operator.get("/v1/operations/projections/support.nothing").await.refused(404, "not_found");
    world.node.stop().await;
}
