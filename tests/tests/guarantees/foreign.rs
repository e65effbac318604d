//! One of everything in another tenant, in every route and every filter; and other people in the same tenant.

use crate::operations::{Operation, commands, queries};
use crate::people::PLATFORM;
use crate::world::{CUSTOMER, Everything, boss, open};
use serde_json::{Value, json};
use tests::node::{Actor, Answer, TestNode, tenant};
use uuid::Uuid;

const CANARY: &str = "canary-of-another-tenant";

/// The status and body of a refusal, without what differs from request to request.
fn shape(answer: &Answer) -> (u16, Value) {
    let mut json = answer.json.clone();
    if let Some(fields) = json.as_object_mut() {
        fields.remove("trace_id");
        fields.remove("as_of_position");
    }
    (answer.status.as_u16(), json)
}

#[track_caller]
fn shows_nothing(answer: &Answer, what: &str, theirs: &Everything) {
    assert!(!answer.text.contains(CANARY), "{what}: {}", answer.text);
    for id in theirs.ids() {
        assert!(!answer.text.contains(id), "{what} tells a foreign id: {}", answer.text);
    }
}

/// Whoever made it sees it: without that, seeing nothing proves nothing.
async fn seen_by_its_maker(maker: &Actor, theirs: &Everything, query: &Operation) {
    let path = query.target().map_or_else(|| query.path.clone(), |target| query.at(theirs.named(target)));
    let answer = maker.get_after(&path, theirs.position).await.to_string();
    let ids = theirs.ids();
    assert!(answer.contains(CANARY) || ids.iter().any(|id| answer.contains(id)), "{}: {answer}", query.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_hides_another_tenants_things() {
    let node = TestNode::start().await;
    let (mine, theirs) = (tenant(), PLATFORM);
    let maker = boss(&node, theirs, 1);
    let things = Everything::make(&node, &maker, CANARY).await;
    // The same actor id in another tenant: a filter by actor alone would let him in.
    let spy = boss(&node, mine, 1);
    for query in queries() {
        seen_by_its_maker(&maker, &things, &query).await;
        let Some(target) = query.target() else {
            let answer = spy.get(&query.path).await;
            shows_nothing(&answer, &query.id, &things);
            assert_eq!(answer.ok()["items"], json!([]), "{}", query.id);
            filtered(&spy, &query, &things).await;
            continue;
        };
        let foreign = spy.get(&query.at(things.named(target))).await;
        shows_nothing(&foreign, &query.id, &things);
        let absent = spy.get(&query.at(&Uuid::now_v7().to_string())).await;
        assert_eq!(shape(&foreign), shape(&absent), "{}: foreign and absent differ", query.id);
        if query.takes("sort") {
            assert_eq!(foreign.ok()["items"], json!([]), "{}", query.id);
        } else {
            foreign.refused(404, "not_found");
        }
        let past = if query.takes("as_of") { "as_of" } else { "min_position" };
        let path = format!("{}?{past}={}", query.at(things.named(target)), things.position);
        shows_nothing(&spy.get(&path).await, &query.id, &things);
    }
    node.stop().await;
}

/// Asks for foreign ids by name.
async fn filtered(spy: &Actor, query: &Operation, theirs: &Everything) {
    for filter in query.filters().filter(|filter| filter.ends_with("_id")) {
        for id in theirs.ids().into_iter().map(str::to_owned).chain([theirs.rep.to_string(), spy.id.to_string()]) {
            let answer = spy.get(&format!("{}?{filter}={id}", query.path)).await;
            shows_nothing(&answer, &query.id, theirs);
            assert_eq!(answer.ok()["items"], json!([]), "{} {filter}", query.id);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_finds_nothing_in_another_tenant() {
    let node = TestNode::start().await;
    let (mine, theirs) = (tenant(), PLATFORM);
    let things = Everything::make(&node, &boss(&node, theirs, 1), CANARY).await;
    let spy = boss(&node, mine, 1);
    let before = node.head().await;
    for command in commands().into_iter().filter(Operation::has_target) {
        let body = Everything::body(&command.id, "A change", spy.id.0, things.rep);
        let target = command.target().expect("a target");
        let foreign = spy.post(&command.at(things.named(target)), body.clone()).await;
        let absent = spy.post(&command.at(&Uuid::now_v7().to_string()), body).await;
        assert_eq!(shape(&foreign), shape(&absent), "{}: foreign and absent differ", command.id);
        shows_nothing(&foreign, &command.id, &things);
        // Who holds a zone is asked first: he holds none, whichever zone it is.
        let expected = if command.id == "field_sales.unassign_zone" { 409 } else { 404 };
        assert_eq!(foreign.status, expected, "{}", command.id);
    }
    let sign = |building: &str| {
        spy.post("/v1/field-sales/contracts", json!({ "building_id": building, "door_number": "101" }))
    };
    let (foreign, absent) = (sign(&things.building).await, sign(&Uuid::now_v7().to_string()).await);
    assert_eq!(shape(&foreign), shape(&absent), "the building of a contract");
    foreign.refused(422, "field_sales.building_unknown");
    assert_eq!(node.head().await, before);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_does_not_see_another_customers_ticket() {
    let node = TestNode::start().await;
    let tenant = tenant();
    let (ada, eve) = (node.actor(tenant, 1, CUSTOMER), node.actor(tenant, 2, CUSTOMER));
    let opened = open(&ada, CANARY).await;
    let position = node.head().await;
    let path = |what: &str| format!("/v1/support/tickets/{opened}{what}");
    assert_eq!(ada.get_after(&path(""), position).await["subject"], CANARY);
    eve.get(&path("")).await.refused(404, "not_found");
    eve.get(&format!("{}?as_of={position}", path(""))).await.refused(404, "not_found");
    for list in
        ["/v1/support/tickets".to_owned(), format!("/v1/support/tickets?customer_id={}", ada.id), path("/replies")]
    {
        assert_eq!(eve.get(&list).await.ok()["items"], json!([]), "{list}");
    }
    eve.post(&path("/replies"), json!({ "content": "Hello" })).await.refused(404, "support.ticket_not_found");
    eve.post(&path("/status"), json!({ "status": "cancelled" })).await.refused(404, "support.ticket_not_found");
    // Notes and histories are for agents, whoever's ticket it is.
    for customer in [&ada, &eve] {
        customer.get(&path("/notes")).await.refused(403, "scope_missing");
        customer.get(&path("/history")).await.refused(403, "scope_missing");
    }
    assert_eq!(node.head().await, position);
    node.stop().await;
}
