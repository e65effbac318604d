//! Field sales: zones change hands, buildings have doors, and every knock counts once.

use crate::world::{World, act, create_building, create_zone, door, items, make, number, text, visit};
use event_store::Log;
use futures_util::future::join_all;
use kernel::{EventData, Position, Recorded};
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The events after a position.
async fn events_after(world: &World, position: i64) -> Vec<Recorded<EventData>> {
    let pool = event_store::schema::connect(&world.node.database_url, "stories", event_store::Role::Owner, 1)
        .await
        .expect("Postgres answers");
    Log::new(pool).read(Position(position), 100).await.expect("the log answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reassigned_user_leaves_the_old_zone_in_the_same_append() {
    let world = World::start().await;
    let rep = world.rep();
    let north = create_zone(&rep, "North").await;
    let south = create_zone(&rep, "South").await;
    let user = json!({"user_id": Uuid::now_v7(), "user_type": "sales_rep"});
    let first = act(&rep, &format!("/v1/field-sales/zones/{}/assign", north.id), user.clone()).await;
    let second = act(&rep, &format!("/v1/field-sales/zones/{}/assign", south.id), user.clone()).await;

    let events = events_after(&world, first).await;
    let types: Vec<&str> = events.iter().map(|event| event.event.event_type.as_str()).collect();
    assert_eq!(types, ["closed", "assigned"]);
    assert_eq!(events[0].position.0 + 1, events[1].position.0);
    assert_eq!(events[1].position.0, second);
    assert_eq!(events[0].command_id, events[1].command_id);

    let of_user = format!("user_id={}", text(&user["user_id"]));
    let current = rep.get_after(&format!("/v1/field-sales/current-zones?{of_user}"), second).await;
    assert_eq!(items(&current).len(), 1);
    assert_eq!(items(&current)[0]["zone_id"], south.id);
    let periods = rep.get_after(&format!("/v1/field-sales/zone-assignments?{of_user}&sort=assigned_at"), second).await;
    let periods = items(&periods);
    assert_eq!(periods.len(), 2);
    assert_eq!((&periods[0]["zone_id"], &periods[0]["reason"]), (&json!(north.id), &json!("reassigned")));
    assert_eq!(periods[0]["unassigned_at"], periods[1]["assigned_at"], "no moment without a zone");
    assert_eq!((&periods[1]["zone_id"], &periods[1]["unassigned_at"]), (&json!(south.id), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_assignments_at_once_leave_one_current_zone() {
    let world = World::start().await;
    let rep = world.rep();
    let zones = join_all((0..20).map(|_| create_zone(&rep, "Somewhere"))).await;
    let user_id = Uuid::now_v7();
    let body = json!({"user_id": user_id, "user_type": "COMMERCIAL"});
    let paths = zones.iter().map(|zone| format!("/v1/field-sales/zones/{}/assign", zone.id));
    let positions = join_all(paths.map(|path| {
        let (rep, body) = (rep.clone(), body.clone());
        async move { act(&rep, &path, body).await }
    }))
    .await;
    let last = positions.into_iter().max().unwrap_or_default();

    let current = rep.get_after(&format!("/v1/field-sales/current-zones?user_id={user_id}"), last).await;
    assert_eq!(items(&current).len(), 1, "{current}");
    let path = format!("/v1/field-sales/zone-assignments?user_id={user_id}&limit=100");
    let periods = rep.get_after(&path, last).await;
    let open: Vec<_> = items(&periods).iter().filter(|period| period["unassigned_at"].is_null()).collect();
    assert_eq!((items(&periods).len(), open.len()), (20, 1));
    assert_eq!(open[0]["assignment_id"], items(&current)[0]["assignment_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn door_1201_of_twelve_by_twelve_is_on_floor_12() {
    let world = World::start().await;
    let rep = world.rep();
    let building = create_building(&rep, 12, 12).await;
    let path = format!("/v1/field-sales/buildings/{}/doors", building.id);
    let top = rep.get_after(&format!("{path}?floor=12"), building.position).await;
    let numbers: Vec<String> = items(&top).iter().map(|door| text(&door["number"])).collect();
    assert_eq!(numbers, (1..=12).map(|index| format!("12{index:02}")).collect::<Vec<_>>());
    let first = rep.get_after(&format!("{path}?floor=1"), building.position).await;
    let numbers: Vec<String> = items(&first).iter().map(|door| text(&door["number"])).collect();
    assert_eq!(numbers, (1..=12).map(|index| format!("1{index:02}")).collect::<Vec<_>>());
    let shown = rep.get_after(&format!("/v1/field-sales/buildings/{}", building.id), building.position).await;
    assert_eq!((&shown["doors_total"], &shown["doors_not_visited"]), (&json!(144), &json!(144)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_of_a_visit_is_shown_at_the_door_and_counted_at_the_building() {
    let world = World::start().await;
    let rep = world.rep();
    let building = create_building(&rep, 2, 4).await.id;
    let visits = [
        ("101", json!({"outcome": "absent", "comment": "Nobody there"}), "absent"),
        ("102", json!({"outcome": "REFUS"}), "refused"),
        ("103", json!({"outcome": "argued"}), "argued"),
        ("104", json!({"outcome": "NECESSITE_REPASSAGE"}), "return_needed"),
        ("201", json!({"outcome": "contract_signed", "number_of_contracts": 2}), "contract_signed"),
    ];
    for (door_number, mut body, status) in visits {
        body["door_number"] = json!(door_number);
        let position = visit(&rep, &building, body).await;
        let shown = door(&rep, &building, door_number, position).await;
        assert_eq!(shown["status"], status);
        let log = rep.get_after(&format!("/v1/field-sales/doors/{}/visits", text(&shown["door_id"])), position).await;
        assert_eq!((items(&log).len(), &items(&log)[0]["outcome"]), (1, &json!(status)));
    }
    let day = chrono::Utc::now().date_naive() + chrono::TimeDelta::days(2);
    let appointment = json!({"door_number": "202", "outcome": "appointment_taken", "appointment_date": day,
        "appointment_time": "18:30"});
    let position = visit(&rep, &building, appointment).await;
    let shown = door(&rep, &building, "202", position).await;
    assert_eq!((&shown["appointment_date"], &shown["appointment_time"]), (&json!(day), &json!("18:30")));

    let shown = rep.get_after(&format!("/v1/field-sales/buildings/{building}"), position).await;
    for status in ["absent", "refused", "argued", "return_needed", "contract_signed", "appointment_taken"] {
        assert_eq!(shown[format!("doors_{status}")], 1, "{status}: {shown}");
    }
    assert_eq!((&shown["doors_visited"], &shown["doors_not_visited"]), (&json!(6), &json!(2)));
    // Two contracts, two refusals, one appointment.
    assert_eq!((&shown["contracts"], &shown["conversion_rate"]), (&json!(2), &json!(0.4)));
    let visits = rep.get_after(&format!("/v1/field-sales/visits?building_id={building}"), position).await;
    assert_eq!(items(&visits).len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_without_date_and_time_is_refused() {
    let world = World::start().await;
    let rep = world.rep();
    let building = create_building(&rep, 1, 1).await;
    let path = format!("/v1/field-sales/buildings/{}/visits", building.id);
    for missing in [json!({}), json!({"appointment_date": "2027-01-01"}), json!({"appointment_time": "10:00"})] {
        let mut body = json!({"door_number": "101", "outcome": "appointment_taken"});
        for (field, value) in missing.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        rep.post(&path, body).await.refused(422, "field_sales.appointment_incomplete");
    }
    assert_eq!(world.node.head().await, building.position);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_visit_is_the_latest_by_the_devices_clock() {
    let world = World::start().await;
    let rep = world.rep();
    let building = create_building(&rep, 1, 1).await.id;
    let mut position = 0;
    for (outcome, at) in [("absent", "2026-03-02T10:00:00+01:00"), ("refused", "2026-03-01T10:00:00+01:00")] {
        let body = json!({"door_number": "101", "outcome": outcome, "occurred_at": at});
        position = visit(&rep, &building, body).await;
    }
    let shown = door(&rep, &building, "101", position).await;
    let last: chrono::DateTime<chrono::Utc> = text(&shown["last_visited_at"]).parse().expect("a time");
    assert_eq!(last, "2026-03-02T09:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().expect("a time"));
    assert_eq!(shown["status"], "refused", "the visit recorded last gives the status");
    let shown = rep.get_after(&format!("/v1/field-sales/buildings/{building}"), position).await;
    assert_eq!(text(&shown["last_visited_at"]).parse::<chrono::DateTime<chrono::Utc>>(), Ok(last));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_for_three_counts_three_and_signs_the_door_in_the_same_append() {
    let world = World::start().await;
    let rep = world.rep();
    let building = create_building(&rep, 1, 2).await;
    let body = json!({"building_id": building.id, "door_number": "102", "number_of_contracts": 3});
    let contract = make(&rep, "/v1/field-sales/contracts", body).await;

    let events = events_after(&world, building.position).await;
    let categories: BTreeSet<&str> = events.iter().map(|event| event.category.as_str()).collect();
    assert_eq!(categories, BTreeSet::from(["field_sales.contract", "field_sales.door"]));
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].command_id, events[1].command_id);
    assert_eq!(events[0].position.0 + 1, events[1].position.0);

    let shown = door(&rep, &building.id, "102", contract.position).await;
    assert_eq!((&shown["status"], &shown["number_of_contracts"]), (&json!("contract_signed"), &json!(3)));
    let shown = rep.get_after(&format!("/v1/field-sales/buildings/{}", building.id), contract.position).await;
    assert_eq!((number(&shown["contracts"]), number(&shown["doors_contract_signed"])), (3, 1));
    let shown = rep.get_after(&format!("/v1/field-sales/contracts/{}", contract.id), contract.position).await;
    assert_eq!((&shown["number_of_contracts"], &shown["signed_by"]), (&json!(3), &json!(rep.id)));
    let list =
        rep.get_after(&format!("/v1/field-sales/contracts?building_id={}", building.id), contract.position).await;
    assert_eq!(items(&list).len(), 1);

    let path = format!("/v1/field-sales/buildings/{}/visits", building.id);
    rep.post(&path, json!({"door_number": "102", "outcome": "absent"}))
        .await
        .refused(409, "field_sales.contract_stands");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_contracts_at_one_door_at_once_are_all_signed() {
    let world = World::start().await;
    let rep = world.rep();
    let building = create_building(&rep, 1, 1).await;
    let sign = json!({"building_id": building.id, "door_number": "101"});
    let signed = join_all((0..60).map(|_| rep.post("/v1/field-sales/contracts", sign.clone()))).await;
    let last = signed.iter().map(tests::node::Answer::position).max().expect("sixty answers");
    for answer in signed {
        answer.ok();
    }
    let door = door(&rep, &building.id, "101", last).await;
    assert_eq!(door["number_of_contracts"], 60, "{door}");
}
