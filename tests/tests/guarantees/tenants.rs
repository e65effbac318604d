//! Foreign is the same as absent, on every route.

use serde_json::{Value, json};
use tests::node::{Actor, TestNode, tenant};
use uuid::Uuid;

const CANARY: &str = "canary-5c1f0e";

/// Something of every sort, with the canary in every text; gives the ids.
async fn furnish(owner: &Actor) -> (Vec<String>, i64) {
    let mut ids = Vec::new();
    let mut last = 0;
    let bodies = [
        ("/v1/support/tickets", json!({"subject": CANARY, "description": CANARY, "tags": [CANARY]})),
        (
            "/v1/messaging/conversations",
            json!({"client_user_id": owner.id, "studio_user_id": Uuid::now_v7(), "subject": CANARY}),
        ),
        (
            "/v1/field-sales/zones",
            json!({"name": CANARY, "center": {"latitude": 48.85, "longitude": 2.35}, "radius_m": 500}),
        ),
        (
            "/v1/field-sales/buildings",
            json!({"address": CANARY, "floors": 2, "doors_per_floor": 2, "has_elevator": false}),
        ),
    ];
    for (path, body) in bodies {
        let answer = owner.post(path, body).await;
        last = answer.position();
        ids.push(answer.ok()["id"].as_str().unwrap().to_owned());
    }
    let reply = owner.post(&format!("/v1/support/tickets/{}/replies", ids[0]), json!({"content": CANARY})).await;
    last = last.max(reply.position());
    (ids, last)
}

/// What a caller can tell an answer by.
fn shape(mut answer: tests::node::Answer) -> (u16, Value) {
    if let Some(object) = answer.json.as_object_mut() {
        object.remove("trace_id");
        object.remove("as_of_position");
    }
    (answer.status.as_u16(), answer.json)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_things_are_absent_on_every_query_route() {
    let node = TestNode::start().await;
    let everything = cli::tokens::all_scopes();
    let scopes: Vec<&str> = everything.iter().map(String::as_str).collect();
    let (theirs, mine) = (node.actor(tenant(), 1, &scopes), node.actor(tenant(), 1, &scopes));
    let (ids, position) = furnish(&theirs).await;
    // Everything is there for its owner, so that its absence for others means something.
    let own = theirs.get_after("/v1/support/tickets", position).await;
    assert!(own.to_string().contains(CANARY));
    let document = serde_json::to_value(query_api::openapi()).unwrap();
    let mut compared = 0;
    // A stream of events never ends; who sees what there is in tests/tests/stories/analysis.rs.
    let ends = |path: &&String| !path.ends_with("/events/stream");
    for path in document["paths"].as_object().unwrap().keys().filter(ends) {
        let with = |id: &str| {
            path.split('/').map(|part| if part.starts_with('{') { id } else { part }).collect::<Vec<_>>().join("/")
        };
        let absent = shape(mine.get(&with(&Uuid::now_v7().to_string())).await);
        for id in &ids {
            let foreign = mine.get(&with(id)).await;
            assert!(!foreign.text.contains(CANARY), "{path} shows another tenant's data: {}", foreign.text);
            assert_eq!(shape(foreign), absent, "{path}: foreign and absent differ");
            compared += 1;
        }
    }
    assert!(compared >= 80, "{compared}");
    let before = node.head().await;
    for (path, body) in [
        (format!("/v1/support/tickets/{}/replies", ids[0]), json!({"content": "hello"})),
        (format!("/v1/messaging/conversations/{}/read", ids[1]), json!({"seq": 1})),
        (format!("/v1/field-sales/zones/{}/assign", ids[2]), json!({"user_id": mine.id, "user_type": "sales_rep"})),
        (format!("/v1/field-sales/buildings/{}/visits", ids[3]), json!({"door_number": "101", "outcome": "absent"})),
    ] {
        assert_eq!(mine.post(&path, body).await.status.as_u16(), 404, "{path}");
    }
    assert_eq!(node.head().await, before);
    node.stop().await;
}
