//! Two time axes: what was known at a moment, and what had really happened by then. And what two moments differ in.

use crate::world::{World, act, create_building, door, open_ticket, text, visit};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tests::node::Actor;

fn time(value: &Value) -> DateTime<Utc> {
    text(value).parse().expect("a time")
}

fn halfway(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    (from + (to - from) / 2).to_rfc3339().replace("+00:00", "Z")
}

/// A building of one door with two visits, of which the second one really was the first.
struct House {
    rep: Actor,
    building: String,
    door: String,
    /// When it was entered, when the late visit was, when the other one was.
    entered: DateTime<Utc>,
    early: String,
    late: DateTime<Utc>,
    end: i64,
}

impl House {
    async fn visited_out_of_order(world: &World) -> Self {
        let rep = world.rep();
        let building = create_building(&rep, 1, 1).await;
        let path = format!("/v1/field-sales/buildings/{}", building.id);
        let entered = time(&rep.get_after(&path, building.position).await["created_at"]);
        visit(&rep, &building.id, json!({"door_number": "101", "outcome": "refused"})).await;
        let first = world.node.head().await;
        let id = text(&door(&rep, &building.id, "101", first).await["door_id"]);
        let history = rep.get_after(&format!("/v1/field-sales/doors/{id}/history"), first).await;
        let late = time(&history["items"][1]["occurred_at"]);
        let early = halfway(entered, late);
        let body = json!({"door_number": "101", "outcome": "absent", "occurred_at": early});
        let end = visit(&rep, &building.id, body).await;
        Self { rep, building: path, door: format!("/v1/field-sales/doors/{id}"), entered, early, late, end }
    }

    fn after(&self) -> String {
        (self.late + chrono::TimeDelta::milliseconds(1)).to_rfc3339().replace("+00:00", "Z")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_that_was_recorded_late_is_shown_when_it_really_was() {
    let world = World::start().await;
    let house = House::visited_out_of_order(&world).await;
    let rep = &house.rep;
    let now = rep.get_after(&house.door, house.end).await;
    assert_eq!(now["status"], "absent", "what was recorded last stands");
    let really = rep.get(&format!("{}?as_of_occurred={}", house.door, house.after())).await;
    assert_eq!(really.header("etag"), "", "no command can name a version that was put together");
    assert_eq!(really.ok()["status"], "refused", "what happened last stands");
    let between = rep.get(&format!("{}?as_of_occurred={}", house.door, house.early)).await.ok();
    assert_eq!(between["status"], "absent");
    let known_then = format!("{}?as_of={}&as_of_occurred={}", house.door, house.end - 1, house.early);
    assert_eq!(rep.get(&known_then).await.ok()["status"], "not_visited", "nobody knew of it yet");
    let before = (house.entered - chrono::TimeDelta::seconds(1)).to_rfc3339().replace("+00:00", "Z");
    rep.get(&format!("{}?as_of_occurred={before}", house.door)).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_depends_on_the_order_is_refused_rather_than_guessed() {
    let world = World::start().await;
    let house = House::visited_out_of_order(&world).await;
    let rep = &house.rep;
    let now = rep.get_after(&house.building, house.end).await;
    let by = |moment: &str| format!("{}?as_of_occurred={moment}", house.building);
    rep.get(&by(&house.early)).await.refused(409, "occurred_out_of_order");
    assert_eq!(rep.get(&by(&house.after())).await.ok(), now, "all of it had happened by then");
    let entered = halfway(house.entered, time(&json!(house.early)));
    assert_eq!(rep.get(&by(&entered)).await.ok()["doors_not_visited"], 1);
}

fn changed(comparison: &Value) -> Vec<(String, Value, Value)> {
    let changes = comparison["changes"].as_array().expect("changes");
    changes.iter().map(|change| (text(&change["field"]), change["from"].clone(), change["to"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_moments_are_compared_field_by_field() {
    let world = World::start().await;
    let (ada, eve, alice) = (world.ada(), world.eve(), world.alice());
    let ticket = open_ticket(&ada).await;
    let path = format!("/v1/support/tickets/{}", ticket.id);
    let opened = alice.get_after(&path, ticket.position).await;
    let end = act(&alice, &format!("{path}/replies"), json!({"content": "Hello"})).await;
    let now = alice.get_after(&path, end).await;

    let difference = ada.get(&format!("{path}/diff?from={}", ticket.position)).await.ok();
    let status = ("status".to_owned(), json!("open"), json!("in_progress"));
    assert!(changed(&difference).contains(&status), "{difference}");
    for (field, from, to) in changed(&difference) {
        assert_eq!((&opened[&field], &now[&field]), (&from, &to), "{field}");
        assert_ne!(from, to, "{field}");
    }
    let same = ada.get(&format!("{path}/diff?from={end}&to={end}")).await.ok();
    assert_eq!(changed(&same), Vec::new());

    let all = ada.get(&format!("{path}/diff")).await.ok();
    assert_eq!((&all["from"]["exists"], &all["to"]["exists"]), (&json!(false), &json!(true)));
    let fields = now.as_object().expect("a row").iter().filter(|(_, value)| !value.is_null()).count();
    assert_eq!(changed(&all).len(), fields, "everything that is set was not there before");

    let back = ada.get(&format!("{path}/diff?from={end}&to={}", ticket.position)).await.ok();
    assert!(changed(&back).contains(&("status".to_owned(), json!("in_progress"), json!("open"))));
    let occurred = format!("{path}/diff?axis=occurred&from={}", text(&opened["created_at"]));
    assert!(changed(&ada.get(&occurred).await.ok()).contains(&status));
    eve.get(&format!("{path}/diff")).await.refused(404, "not_found");
    ada.get(&format!("{path}/diff?axis=sideways")).await.refused(400, "invalid_parameter");
    ada.get(&format!("{path}/diff?axis=occurred&from={end}")).await.refused(400, "invalid_parameter");
    ada.get(&format!("{path}/diff?to={}", end + 1_000_000)).await.refused(400, "as_of_in_the_future");
}
