//! An operator rebuilds a read model over HTTP, shows it, goes back; the log tells who did it and why.

use crate::world::{World, items, open_ticket, text};
use event_store::{Role, schema};
use kernel::TenantId;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::time::Duration;
use tests::node::{Actor, Answer, eventually, send};
use uuid::Uuid;

const PATH: &str = "/v1/operations/projections/support.tickets";
const SCOPES: &[&str] = &["operations.projection:read", "operations.projection:operate", "operations.log:read"];

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
    let stream = format!("{PATH}/parked-streams/{}", Uuid::from_u128(7));
    let below = |path: &str| format!("{PATH}/{path}");
    let looks = ["comparison", "parts", "parked-streams"].map(below);
    let others = ["/v1/operations/projections", "/v1/operations/log", "/v1/operations/archives", PATH, &stream];
    for path in others.into_iter().chain(looks.iter().map(String::as_str)) {
        elsewhere.get(path).await.refused(404, "not_found");
        world.ada().get(path).await.refused(403, "scope_missing");
    }
    assert_eq!(items(&elsewhere.get("/v1/operations/projection-acts").await.ok()).len(), 0);
    let reader = world.node.actor(TenantId::PLATFORM, 0x4ead, &SCOPES[..1]);
    let acts =
        ["rebuild", "pause", "resume", "change", "cancel", "switch", "rollback", "retire", "split", "merge", "heal"];
    let on_streams = ["resume", "skip"].map(|act| format!("parked-streams/{}/{act}", Uuid::from_u128(7)));
    for act in acts.into_iter().chain(on_streams.iter().map(String::as_str)) {
        operate(&elsewhere, &queries, act, json!({})).await.refused(404, "not_found");
        operate(&reader, &queries, act, json!({})).await.refused(403, "scope_missing");
    }
    let operator = world.node.actor(TenantId::PLATFORM, 0x09e, SCOPES);
    operate(&operator, &queries, "pause", json!({})).await.refused(409, "nothing_to_do");
    operator.get("/v1/operations/projections/support.nothing").await.refused(404, "not_found");
    operator.get(&stream).await.refused(404, "not_found");
    operate(&operator, &queries, &on_streams[0], json!({})).await.refused(404, "not_found");
    operate(&operator, &queries, &on_streams[1], json!({ "position": 1 })).await.refused(422, "validation_failed");
    world.node.stop().await;
}

/// Gives the only event of a stream another payload; the one that it had.
async fn replaced(pool: &PgPool, stream: &str, data: &[u8]) -> (i64, Vec<u8>) {
    let known = "select position, data from log.events where stream_id = $1::uuid";
    let (position, before): (i64, Vec<u8>) = sqlx::query_as(known).bind(stream).fetch_one(pool).await.unwrap();
    sqlx::query("update log.events set data = $2 where position = $1")
        .bind(position)
        .bind(data)
        .execute(pool)
        .await
        .unwrap();
    (position, before)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_brings_a_parked_stream_back_and_skips_an_event_and_the_log_tells_it() {
    let world = World::start().await;
    let ada = world.ada();
    let (mended, skipped) = (open_ticket(&ada).await, open_ticket(&ada).await);
    ada.get_after("/v1/support/tickets", skipped.position).await;
    let pool = schema::connect(&world.node.database_url, "test-operating", Role::Owner, 2).await.unwrap();
    let (position, before) = replaced(&pool, &mended.id, b"{}").await;
    replaced(&pool, &skipped.id, b"{}").await;
    let queries = world.node.node().urls().queries.clone();
    let operator = world.node.actor(TenantId::PLATFORM, 0x09e, SCOPES);
    let act = async |act: &str, body: Value| operate(&operator, &queries, act, body).await;
    let on = |stream: &str, act: &str| format!("parked-streams/{stream}/{act}");

    act("rebuild", json!({ "switch": "never" })).await;
    eventually("both streams are parked", Duration::from_mins(1), async || {
        let two = generation(&operator, 2).await;
        two["state"] == "live" && two["parked_streams"] == 2
    })
    .await;
    let parked = operator.get(&format!("{PATH}/parked-streams")).await.ok();
    assert!(items(&parked).len() == 2 && items(&parked).iter().all(|one| one["generation"] == 2), "{parked}");
    let shown = operator.get(&format!("{PATH}/parked-streams/{}?generation=2", mended.id)).await.ok();
    assert_eq!((&shown["events"][0]["position"], &shown["parked"]["waiting"]), (&json!(position), &json!(1)));

    let tried = act(&on(&mended.id, "resume"), json!({ "reason": "too early" })).await.ok();
    assert_eq!((&tried["folded"], &tried["stopped"]["position"]), (&json!(0), &json!(position)), "{tried}");
    replaced(&pool, &mended.id, &before).await;
    let dry = act(&on(&mended.id, "resume"), json!({ "dry_run": true })).await.ok();
    assert_eq!((&dry["folded"], &dry["changes"]), (&json!(1), &json!([])), "rows of tenants are not shown");
    let resumed = act(&on(&mended.id, "resume"), json!({ "reason": "mended" })).await.ok();
    assert_eq!((&resumed["folded"], &resumed["stopped"]), (&json!(1), &Value::Null), "{resumed}");
    act(&on(&mended.id, "resume"), json!({})).await.refused(404, "not_found");

    let skip = on(&skipped.id, "skip");
    act(&skip, json!({ "position": 1, "reason": "a guess" })).await.refused(409, "not_the_first_event");
    let body = json!({ "position": skipped.position, "reason": "written by a test" });
    assert_eq!(act(&skip, body.clone()).await.ok()["next"], Value::Null);
    act(&skip, body).await.refused(404, "not_found");
    assert_eq!(items(&operator.get(&format!("{PATH}/parked-streams")).await.ok()).len(), 0);

    let mut acts = Value::Null;
    eventually("the log tells every act", Duration::from_secs(30), async || {
        acts = operator.get("/v1/operations/projection-acts?sort=occurred_at").await.ok();
        items(&acts).len() >= 4
    })
    .await;
    let told: Vec<[Value; 5]> = items(&acts)
        .iter()
        .map(|one| ["act", "stream_id", "stream_position", "stream_folded", "reason"].map(|field| one[field].clone()))
        .collect();
    let (mended, skipped, at) = (json!(mended.id), json!(skipped.id), json!(skipped.position));
    let here = json!(position);
    let expected = [
        [json!("rebuild_requested"), Value::Null, Value::Null, Value::Null, Value::Null],
        [json!("stream_resumed"), mended.clone(), here.clone(), json!(0), json!("too early")],
        [json!("stream_resumed"), mended, here, json!(1), json!("mended")],
        [json!("skipped"), skipped, at, json!(0), json!("written by a test")],
    ];
    assert_eq!(told, expected, "a dry run is no act");
    assert!(items(&acts).iter().all(|one| one["actor_id"] == json!(operator.id)));
    world.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_splits_and_merges_a_read_model_and_looks_at_the_log() {
    let world = World::start().await;
    let ada = world.ada();
    let position = open_ticket(&ada).await.position;
    ada.get_after("/v1/support/tickets", position).await;
    let queries = world.node.node().urls().queries.clone();
    let operator = world.node.actor(TenantId::PLATFORM, 0x09e, SCOPES);
    let act = async |act: &str, body: Value| operate(&operator, &queries, act, body).await;
    eventually("the generation is live", Duration::from_mins(1), async || {
        generation(&operator, 1).await["state"] == "live"
    })
    .await;
    act("merge", json!({})).await.refused(409, "nothing_to_do");
    act("merge", json!({ "within_s": 3600 })).await.refused(422, "validation_failed");
    act("split", json!({ "into": 1 })).await.refused(409, "nothing_to_do");
    assert_eq!(act("split", json!({ "into": 2, "reason": "it is large" })).await.ok()["generation"], 1);
    assert_eq!(items(&operator.get(&format!("{PATH}/parts")).await.ok()).len(), 2);
    let later = open_ticket(&ada).await.position;
    assert_eq!(items(&ada.get_after("/v1/support/tickets", later).await).len(), 2, "readers notice nothing");
    eventually("the parts are one again", Duration::from_mins(1), async || {
        act("merge", json!({ "within_s": 5 })).await.status.is_success()
    })
    .await;
    assert_eq!(items(&operator.get(&format!("{PATH}/parts")).await.ok()).len(), 0);

    let healed = act("heal", json!({})).await.ok();
    assert_eq!(healed, json!({ "fitting": [], "rebuilding": [], "dropped": [], "waiting": [] }), "nothing to heal");
    let log = operator.get("/v1/operations/log").await.ok();
    assert_eq!((&log["epoch"], &log["adopted"], &log["diverged"]), (&json!(1), &json!(true), &json!([])), "{log}");
    assert!(log["position"].as_i64() >= Some(later), "{log}");
    assert_eq!(items(&operator.get("/v1/operations/archives").await.ok()).len(), 0);
    world.node.stop().await;
}
