//! One of everything in three tenants, in every route and every filter; and other people in the same tenant.

use crate::operations::{ask, commands, filters, queries, shape, sign_in};
use crate::people::PLATFORM;
use crate::world::{CUSTOMER, Everything, boss, open};
use serde_json::json;
use tests::node::{Actor, Answer, TestNode, tenant};
use tests::policy::Route;
use uuid::Uuid;

const CANARY: &str = "canary-of-ada";
const CANARIES: [&str; 3] = [CANARY, "canary-of-bob", "canary-of-cid"];

/// Shows what happened in companies to those who run the platform, and to nobody in the companies.
pub(crate) const OF_THE_PLATFORM: &str = "identity.list_user_memberships";

/// A tenant with one of everything, and somebody who may do everything there: the same person's id in each, since a filter
/// by person alone would let him in.
pub(crate) struct House {
    pub(crate) boss: Actor,
    pub(crate) canary: &'static str,
    pub(crate) things: Everything,
}

impl House {
    /// The platform's, where what belongs to no company is at home, and two companies'.
    pub(crate) async fn three(node: &TestNode) -> [Self; 3] {
        let mut houses = Vec::new();
        for (tenant, canary) in [PLATFORM, tenant(), tenant()].into_iter().zip(CANARIES) {
            let boss = boss(node, tenant, 1);
            let things = Everything::make(node, &boss, canary).await;
            houses.push(Self { boss, canary, things });
        }
        let Ok(houses) = <[Self; 3]>::try_from(houses) else { unreachable!("three were made") };
        let last = node.head().await;
        for query in queries() {
            for house in &houses {
                house.sees_its_own(&query, last).await;
            }
        }
        houses
    }

    /// Each with each other.
    fn pairs(houses: &[Self; 3]) -> impl Iterator<Item = (&Self, &Self)> {
        let pairs = houses.iter().flat_map(move |mine| houses.iter().map(move |theirs| (mine, theirs)));
        pairs.filter(|(mine, theirs)| mine.canary != theirs.canary)
    }

    /// Without that, that others see nothing proves nothing.
    async fn sees_its_own(&self, query: &Route, position: i64) {
        let path = query.target().map_or_else(|| query.path.clone(), |target| query.at(self.things.named(target)));
        if query.id == OF_THE_PLATFORM && self.boss.tenant != PLATFORM {
            return;
        }
        let answer = self.boss.get_after(&path, position).await.to_string();
        let seen = answer.contains(self.canary) || self.things.ids().iter().any(|id| answer.contains(id));
        assert!(seen, "{}: {answer}", query.id);
    }

    /// Not a byte of this house is in the answer.
    #[track_caller]
    fn is_hidden_in(&self, answer: &Answer, what: &str) {
        let told = self.things.ids().into_iter().chain([self.canary]).find(|secret| answer.text.contains(*secret));
        assert_eq!(told, None, "{what}: {}", answer.text);
        let headers = format!("{:?}", answer.headers);
        assert!(!headers.contains(self.canary), "{what}: {headers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_hides_other_tenants_things() {
    crate::walls::prepare();
    let node = TestNode::start().await;
    let houses = House::three(&node).await;
    let mut asked = 0;
    for query in queries() {
        for (mine, theirs) in House::pairs(&houses) {
            if query.id == OF_THE_PLATFORM && mine.boss.tenant == PLATFORM {
                continue;
            }
            match query.target() {
                None => lists_nothing_of(mine, theirs, &query).await,
                Some(target) => finds_nothing_of(mine, theirs, &query, target).await,
            }
            asked += 1;
        }
    }
    assert!(asked > 250, "{asked}");
    node.stop().await;
}

async fn finds_nothing_of(mine: &House, theirs: &House, query: &Route, target: &str) {
    let (spy, id) = (&mine.boss, theirs.things.named(target));
    let foreign = spy.get(&query.at(id)).await;
    theirs.is_hidden_in(&foreign, &query.id);
    let absent = spy.get(&query.at(&Uuid::now_v7().to_string())).await;
    assert_eq!(shape(&foreign), shape(&absent), "{}: foreign and absent differ", query.id);
    if query.takes("sort") {
        assert_eq!(foreign.ok()["items"], json!([]), "{}", query.id);
    } else {
        foreign.refused(404, "not_found");
    }
    let past = if query.takes("as_of") { "as_of" } else { "min_position" };
    let past = spy.get(&format!("{}?{past}={}", query.at(id), theirs.things.position)).await;
    theirs.is_hidden_in(&past, &query.id);
}

/// In the page, and when foreign ids are asked for by name.
async fn lists_nothing_of(mine: &House, theirs: &House, query: &Route) {
    theirs.is_hidden_in(&mine.boss.get(&query.path).await, &query.id);
    for filter in filters(query).filter(|filter| filter.ends_with("_id")) {
        for id in theirs.things.ids().into_iter().map(str::to_owned).chain([theirs.things.rep.to_string()]) {
            let answer = mine.boss.get(&format!("{}?{filter}={id}", query.path)).await;
            theirs.is_hidden_in(&answer, &query.id);
            assert_eq!(answer.ok()["items"], json!([]), "{} {filter}", query.id);
        }
        let answer = mine.boss.get(&format!("{}?{filter}={}", query.path, mine.boss.id)).await;
        theirs.is_hidden_in(&answer, &query.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_finds_nothing_in_other_tenants() {
    crate::walls::prepare();
    let node = TestNode::start().await;
    let houses = House::three(&node).await;
    let before = node.head().await;
    for (mine, theirs) in House::pairs(&houses) {
        let (spy, things) = (&mine.boss, &theirs.things);
        for command in commands() {
            let Some(target) = command.target() else { continue };
            let body = Everything::body(&command.id, "A change", spy.id.0, things.rep);
            let foreign = spy.post(&command.at(things.named(target)), body.clone()).await;
            let absent = spy.post(&command.at(&Uuid::now_v7().to_string()), body).await;
            assert_eq!(shape(&foreign), shape(&absent), "{}: foreign and absent differ", command.id);
            theirs.is_hidden_in(&foreign, &command.id);
            // Who holds a zone is asked first: he holds none, whichever zone it is.
            let expected = if command.id == "field_sales.unassign_zone" { 409 } else { 404 };
            assert_eq!(foreign.status, expected, "{}: {}", command.id, foreign.text);
        }
        let sign = |building: &str| {
            spy.post("/v1/field-sales/contracts", json!({ "building_id": building, "door_number": "101" }))
        };
        let (foreign, absent) = (sign(&things.building).await, sign(&Uuid::now_v7().to_string()).await);
        assert_eq!(shape(&foreign), shape(&absent), "the building of a contract");
        foreign.refused(422, "field_sales.building_unknown");
        for route in sign_in() {
            let Some(target) = route.target() else { continue };
            let foreign = ask(&node, &route, &route.at(things.named(target)), spy, None).await;
            let absent = ask(&node, &route, &route.at(&Uuid::now_v7().to_string()), spy, None).await;
            assert_eq!(shape(&foreign), shape(&absent), "{}: foreign and absent differ", route.id);
            theirs.is_hidden_in(&foreign, &route.id);
            assert!(foreign.status.is_client_error(), "{}: {}", route.id, foreign.text);
        }
    }
    assert_eq!(node.head().await, before, "nothing was changed");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_does_not_see_another_customers_ticket() {
    crate::walls::prepare();
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
