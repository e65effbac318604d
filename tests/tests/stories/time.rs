//! History and time travel: who changed what, and how it was before.

use crate::world::{
    World, act, create_building, create_zone, door, items, make, open_conversation, open_ticket, say, text, visit,
};
use serde_json::{Value, json};
use tests::node::{Actor, send};
use uuid::Uuid;

/// What an entry of a history did to a field, as `[from, to]`.
fn change(entry: &Value, field: &str) -> [Value; 2] {
    let changes = entry["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let change = changes.iter().find(|change| change["field"] == field);
    let change = change.unwrap_or_else(|| panic!("{field} did not change in {entry}"));
    [change["from"].clone(), change["to"].clone()]
}

async fn history(actor: &Actor, path: &str, position: i64) -> Vec<Value> {
    items(&actor.get_after(&format!("{path}/history"), position).await).to_vec()
}

/// A thing that did not exist before, and the values of a field at two later positions.
struct Past {
    before: i64,
    field: &'static str,
    values: [(i64, Value); 2],
}

impl Past {
    async fn is_shown(&self, actor: &Actor, path: &str) {
        let Self { before, field, values } = self;
        let end = values[1].0;
        let now = actor.get_after(path, end).await;
        let entries = history(actor, path, end).await;
        for (position, expected) in values {
            let answer = actor.get(&format!("{path}?as_of={position}")).await;
            assert_eq!(answer.header("x-position"), position.to_string(), "{path}");
            assert_eq!(&answer.ok()[field], expected, "{path} as of position {position}");
            let entry = entries.iter().rfind(|entry| entry["position"].as_i64() <= Some(*position));
            let time = text(&entry.expect("an event up to this position")["recorded_at"]);
            let shown = actor.get(&format!("{path}?as_of={time}")).await.ok();
            assert_eq!(&shown[field], expected, "{path} as of {time}");
        }
        assert_eq!(actor.get(&format!("{path}?as_of={end}")).await.ok(), now, "{path}: the end is the present");
        for moment in [before.to_string(), "2000-01-01T00:00:00Z".into()] {
            actor.get(&format!("{path}?as_of={moment}")).await.refused(404, "not_found");
        }
        actor.get(&format!("{path}?as_of={}", end + 1_000_000)).await.refused(400, "as_of_in_the_future");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_shown_as_it_was() {
    let world = World::start().await;
    let (ada, alice) = (world.ada(), world.alice());
    open_ticket(&ada).await;
    let before = world.node.head().await;
    let ticket = open_ticket(&ada).await;
    let path = format!("/v1/support/tickets/{}", ticket.id);
    let later = act(&alice, &format!("{path}/replies"), json!({"content": "Hello"})).await;
    let values = [(ticket.position, json!("open")), (later, json!("in_progress"))];
    Past { before, field: "status", values }.is_shown(&alice, &path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_shown_as_it_was() {
    let world = World::start().await;
    let (cleo, studio) = (world.cleo(), world.studio());
    open_conversation(&cleo, &studio).await;
    let before = world.node.head().await;
    let talk = open_conversation(&cleo, &studio).await;
    let earlier = say(&studio, &talk.id, "One").await;
    let later = say(&studio, &talk.id, "Two").await;
    let values = [(earlier, json!("One")), (later, json!("Two"))];
    let path = format!("/v1/messaging/conversations/{}", talk.id);
    Past { before, field: "last_message_preview", values }.is_shown(&cleo, &path).await;
    let entries = history(&cleo, &path, later).await;
    assert_eq!(change(&entries[2], "client_unread"), [json!(1), json!(2)]);
    assert_eq!(entries[2]["actor"]["id"], json!(studio.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_is_shown_as_it_was() {
    let world = World::start().await;
    let rep = world.rep();
    create_zone(&rep, "First").await;
    let before = world.node.head().await;
    let zone = create_zone(&rep, "North").await;
    let later = create_zone(&rep, "Other").await.position;
    let values = [(zone.position, json!("North")), (later, json!("North"))];
    let path = format!("/v1/field-sales/zones/{}", zone.id);
    Past { before, field: "name", values }.is_shown(&rep, &path).await;
    let entries = history(&rep, &path, later).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(change(&entries[0], "name"), [json!(null), json!("North")]);
    assert_eq!(entries[0]["actor"]["id"], json!(rep.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_building_and_its_doors_are_shown_as_they_were() {
    let world = World::start().await;
    let rep = world.rep();
    create_building(&rep, 1, 1).await;
    let before = world.node.head().await;
    let building = create_building(&rep, 2, 2).await;
    let first = visit(&rep, &building.id, json!({"door_number": "101", "outcome": "absent"})).await;
    let second = visit(&rep, &building.id, json!({"door_number": "101", "outcome": "refused"})).await;

    let path = format!("/v1/field-sales/buildings/{}", building.id);
    let values = [(first, json!(1)), (second, json!(0))];
    Past { before, field: "doors_absent", values }.is_shown(&rep, &path).await;
    let entries = history(&rep, &path, second).await;
    let last = entries.last().expect("a history");
    assert_eq!(change(last, "doors_absent"), [json!(1), json!(0)]);
    assert_eq!(change(last, "doors_refused"), [json!(0), json!(1)]);

    let id = text(&door(&rep, &building.id, "101", second).await["door_id"]);
    let path = format!("/v1/field-sales/doors/{id}");
    for values in [
        [(building.position, json!("not_visited")), (first, json!("absent"))],
        [(first, json!("absent")), (second, json!("refused"))],
    ] {
        let shown = rep.get_after(&path, second).await;
        assert_eq!(shown["status"], "refused");
        for (position, status) in values {
            assert_eq!(rep.get(&format!("{path}?as_of={position}")).await.ok()["status"], status, "as of {position}");
        }
    }
    Past { before, field: "status", values: [(first, json!("absent")), (second, json!("refused"))] }
        .is_shown(&rep, &path)
        .await;
    let entries = history(&rep, &path, second).await;
    let last = entries.last().expect("a history");
    assert_eq!(change(last, "status"), [json!("absent"), json!("refused")]);
    assert_eq!((&last["type"], &last["actor"]["id"]), (&json!("visit_recorded"), &json!(rep.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_is_shown_from_its_signature_on() {
    let world = World::start().await;
    let rep = world.rep();
    let building = create_building(&rep, 1, 2).await;
    let before = world.node.head().await;
    let body = json!({"building_id": building.id, "door_number": "102", "number_of_contracts": 3});
    let contract = make(&rep, "/v1/field-sales/contracts", body).await;
    let path = format!("/v1/field-sales/contracts/{}", contract.id);
    let later = create_zone(&rep, "Later").await.position;
    let values = [(contract.position, json!(3)), (later, json!(3))];
    Past { before, field: "number_of_contracts", values }.is_shown(&rep, &path).await;
    let entries = history(&rep, &path, later).await;
    assert_eq!(change(&entries[0], "number_of_contracts"), [json!(null), json!(3)]);
    assert_eq!(entries[0]["type"], "signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_says_who_changed_what_from_what_to_what_and_in_which_story() {
    let world = World::start().await;
    let (ada, alice) = (world.ada(), world.alice());
    let path = format!("/v1/support/tickets/{}", open_ticket(&ada).await.id);
    let story = Uuid::now_v7();
    let reply = alice.command(&format!("{path}/replies")).header("idempotency-key", Uuid::now_v7().to_string());
    let reply = reply.header("x-correlation-id", story.to_string()).json(&json!({"content": "Hello"}));
    send(reply).await.ok();
    let end = act(&ada, &format!("{path}/status"), json!({"status": "cancelled", "reason": "Never mind"})).await;

    let entries = history(&alice, &path, end).await;
    let seen: Vec<_> = entries.iter().map(|entry| (text(&entry["type"]), entry["actor"]["id"].clone())).collect();
    let (by_ada, by_alice) = (json!(ada.id), json!(alice.id));
    let expected =
        [("opened", &by_ada), ("agent_replied", &by_alice), ("status_changed", &by_alice), ("status_changed", &by_ada)];
    assert_eq!(seen, expected.map(|(name, actor)| (name.to_owned(), actor.clone())));
    assert_eq!(change(&entries[0], "status"), [json!(null), json!("open")]);
    assert_eq!(change(&entries[1], "message_count"), [json!(0), json!(1)]);
    assert_eq!(change(&entries[2], "status"), [json!("open"), json!("in_progress")]);
    assert_eq!(change(&entries[3], "status"), [json!("in_progress"), json!("cancelled")]);
    assert_eq!(entries[3]["data"]["reason"], "Never mind");

    assert_eq!(entries[1]["command_id"], entries[2]["command_id"], "one command, two events");
    for entry in &entries[1..3] {
        assert_eq!(entry["correlation_id"], json!(story));
    }
    assert_ne!(entries[3]["correlation_id"], json!(story));
    let versions: Vec<_> = entries.iter().map(|entry| entry["version"].as_i64()).collect();
    assert_eq!(versions, [Some(1), Some(2), Some(3), Some(4)]);
    for entry in &entries {
        assert!(entry["event_id"].is_string() && entry["recorded_at"].is_string(), "{entry}");
        assert!(entry.as_object().is_some_and(|entry| entry.contains_key("causation_id")), "{entry}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_paged_without_a_gap() {
    let world = World::start().await;
    let (cleo, studio) = (world.cleo(), world.studio());
    let talk = open_conversation(&cleo, &studio).await;
    let mut end = 0;
    for index in 0..6 {
        end = say(&cleo, &talk.id, &format!("Message {index}")).await;
    }
    let path = format!("/v1/messaging/conversations/{}/history?limit=3", talk.id);
    let mut page = cleo.get_after(&path, end).await;
    let mut versions = Vec::new();
    loop {
        versions.extend(items(&page).iter().filter_map(|entry| entry["version"].as_i64()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = cleo.get(&format!("{path}&cursor={cursor}")).await.ok();
    }
    assert_eq!(versions, (1..=7).collect::<Vec<_>>());
}
