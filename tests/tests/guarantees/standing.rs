//! What counts beyond a token: whether the tenant is suspended, who leads whom, and that somebody is left to administer.

use crate::people::PLATFORM;
use crate::world::{boss, ticket};
use domain::identity::administrators;
use domain::identity::membership::membership_id;
use domain::identity::{Role, UserId};
use kernel::TenantId;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tests::node::{Actor, TestNode, eventually, tenant};
use uuid::Uuid;

/// Makes the actor a member of his tenant.
pub(crate) async fn join(node: &TestNode, actor: &Actor, role: Role, supervisor: Option<&Actor>) -> i64 {
    node.join(actor, role, supervisor).await.expect("nobody joins twice")
}

fn with(node: &TestNode, tenant: TenantId, id: u128, role: Role) -> Actor {
    let scopes: Vec<&str> = role.scopes().collect();
    node.actor(tenant, id, &scopes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_reads_and_changes_nothing_within_five_seconds() {
    let node = TestNode::start().await;
    let platform = boss(&node, PLATFORM, 1);
    let made =
        platform.post("/v1/identity/tenants", json!({ "slug": "encre-noire", "name": "Encre Noire" })).await.ok();
    let id = made["id"].as_str().expect("an id").to_owned();
    let ours = boss(&node, TenantId(id.parse().expect("a UUID")), 2);
    let others = boss(&node, tenant(), 3);
    let opened = ours.post("/v1/support/tickets", ticket("Before")).await.position();
    let suspend = platform.post(&format!("/v1/identity/tenants/{id}/suspend"), json!({ "reason": "No payment" })).await;
    suspend.ok();
    let began = Instant::now();
    eventually("the tenant is suspended", Duration::from_secs(5), async || {
        ours.post("/v1/support/tickets", ticket("Meanwhile")).await.status == 403
    })
    .await;
    println!("suspended after {:?}", began.elapsed());
    let before = node.head().await;
    ours.post("/v1/support/tickets", ticket("After")).await.refused(403, "tenant_suspended");
    let batch = json!([{ "name": "support.open_ticket", "idempotency_key": "k", "body": ticket("After") }]);
    let outcomes = ours.post("/v1/commands:batch", batch).await.ok();
    assert_eq!(outcomes[0]["problem"]["code"], "tenant_suspended");
    assert_eq!(node.head().await, before);
    let tickets = ours.get_after("/v1/support/tickets", opened).await;
    assert!(tickets["items"].as_array().is_some_and(|items| !items.is_empty()), "reading goes on");
    others.post("/v1/support/tickets", ticket("Elsewhere")).await.ok();
    platform.post(&format!("/v1/identity/tenants/{id}/resume"), json!({})).await.ok();
    eventually("the tenant works again", Duration::from_secs(5), async || {
        ours.post("/v1/support/tickets", ticket("Again")).await.status.is_success()
    })
    .await;
    node.stop().await;
}

/// A director with two managers, each with a rep; and an administrator.
struct Field {
    node: TestNode,
    admin: Actor,
    director: Actor,
    managers: [Actor; 2],
    reps: [Actor; 2],
}

impl Field {
    async fn set() -> Self {
        let (node, tenant) = (TestNode::start().await, tenant());
        let admin = with(&node, tenant, 1, Role::SalesAdmin);
        let director = with(&node, tenant, 2, Role::SalesDirector);
        let managers = [3, 4].map(|id| with(&node, tenant, id, Role::SalesManager));
        let reps = [5, 6].map(|id| with(&node, tenant, id, Role::SalesRep));
        join(&node, &director, Role::SalesDirector, None).await;
        for (manager, rep) in managers.iter().zip(&reps) {
            join(&node, manager, Role::SalesManager, Some(&director)).await;
            join(&node, rep, Role::SalesRep, Some(manager)).await;
        }
        let last = join(&node, &admin, Role::SalesAdmin, None).await;
        admin.get_after("/v1/identity/members", last).await;
        Self { node, admin, director, managers, reps }
    }

    fn everybody(&self) -> [&Actor; 6] {
        let ([one, two], [three, four]) = (&self.managers, &self.reps);
        [&self.admin, &self.director, one, two, three, four]
    }
}

/// Whose rows a list shows, by this column.
async fn seen(actor: &Actor, path: &str, column: &str, position: i64) -> BTreeSet<String> {
    let page = actor.get_after(path, position).await;
    let items = page["items"].as_array().expect("items").iter();
    items.filter_map(|item| item[column].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rep_sees_his_own_a_manager_his_teams_a_director_all_below() {
    let field = Field::set().await;
    let (mut position, mut contracts) = (0, Vec::new());
    for rep in &field.reps {
        let body = json!({ "address": "1 rue X", "floors": 1, "doors_per_floor": 2, "sales_rep_id": rep.id });
        let building = rep.post("/v1/field-sales/buildings", body).await.ok()["id"].clone();
        let visit = json!({ "door_number": "101", "outcome": "absent" });
        let path = format!("/v1/field-sales/buildings/{}/visits", building.as_str().expect("an id"));
        rep.post(&path, visit).await.ok();
        let sign = json!({ "building_id": building, "door_number": "102" });
        let signed = rep.post("/v1/field-sales/contracts", sign).await;
        position = signed.position();
        contracts.push(signed.ok()["id"].as_str().expect("an id").to_owned());
    }
    let [one, two] = [0, 1].map(|n: usize| field.reps[n].id.to_string());
    let both = BTreeSet::from([one.clone(), two.clone()]);
    let expected = [
        (&field.admin, both.clone()),
        (&field.director, both),
        (&field.managers[0], [one.clone()].into()),
        (&field.managers[1], [two.clone()].into()),
        (&field.reps[0], [one].into()),
        (&field.reps[1], [two].into()),
    ];
    for (actor, whose) in &expected {
        assert_eq!(seen(actor, "/v1/field-sales/visits", "visited_by", position).await, *whose);
        assert_eq!(seen(actor, "/v1/field-sales/contracts", "signed_by", position).await, *whose);
        for (rep, contract) in field.reps.iter().zip(&contracts) {
            let path = format!("/v1/field-sales/contracts/{contract}");
            let sees = whose.contains(&rep.id.to_string());
            for path in [path.clone(), format!("{path}?as_of={position}"), format!("{path}/history")] {
                let answer = actor.get(&path).await;
                if sees { drop(answer.ok()) } else { drop(answer.refused(404, "not_found")) }
            }
        }
    }
    field.node.stop().await;
}

/// TR11: 403 for every pair outside the hierarchy.
#[tokio::test(flavor = "multi_thread")]
async fn zones_are_assigned_downwards_only() {
    let field = Field::set().await;
    let body = json!({ "name": "North", "center": { "latitude": 48.85, "longitude": 2.35 }, "radius_m": 500 });
    let zone = field.admin.post("/v1/field-sales/zones", body).await.ok()["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/field-sales/zones/{zone}/assign");
    let below = |leader: &Actor, other: &Actor| {
        let [one, two] = &field.managers;
        let team: &[&Actor] = match leader.id {
            id if id == field.director.id => &[one, two, &field.reps[0], &field.reps[1]],
            id if id == one.id => &[&field.reps[0]],
            id if id == two.id => &[&field.reps[1]],
            _ => &[],
        };
        leader.id == field.admin.id || team.iter().any(|member| member.id == other.id)
    };
    for leader in field.everybody() {
        for other in field.everybody() {
            let body = json!({ "user_id": other.id, "user_type": "sales_rep" });
            let answer = leader.post(&path, body).await;
            let rank = field.reps.iter().any(|rep| rep.id == leader.id);
            if below(leader, other) {
                answer.ok();
            } else {
                answer.refused(403, if rank { "scope_missing" } else { "field_sales.user_not_led" });
            }
        }
    }
    field.node.stop().await;
}

/// Both find the other one still there, unless the log keeps the list of administrators straight.
#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_who_demote_each_other_leave_one() {
    let node = TestNode::start().await;
    for round in 0..12_u128 {
        let tenant = tenant();
        let pair = [1, 2].map(|n| with(&node, tenant, round * 2 + n, Role::TenantAdmin));
        let appointed: Vec<administrators::Event> =
            pair.iter().map(|actor| administrators::Event::Appointed { user_id: UserId(actor.id.0) }).collect();
        for actor in &pair {
            join(&node, actor, Role::TenantAdmin, None).await;
        }
        node.record(&pair[0], administrators::stream_id(tenant), &appointed).await;
        let demote = |by: &Actor, whom: &Actor| {
            let member = membership_id(tenant, UserId(whom.id.0)).0;
            let (path, body): (_, Value) = if round % 2 == 0 {
                (format!("/v1/identity/members/{member}/roles"), json!({ "roles": ["support_agent"] }))
            } else {
                (format!("/v1/identity/members/{member}/deactivate"), json!({}))
            };
            let by = by.clone();
            async move { by.post(&path, body).await }
        };
        let (first, second) = tokio::join!(demote(&pair[0], &pair[1]), demote(&pair[1], &pair[0]));
        let (done, refused) = if first.status.is_success() { (first, second) } else { (second, first) };
        done.ok();
        refused.refused(409, "identity.member_last_administrator");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_is_set_up_and_nobody_gets_beyond_himself() {
    let node = TestNode::start().await;
    let tenant = tenant();
    let admin = with(&node, tenant, 1, Role::SupportAdmin);
    join(&node, &admin, Role::SupportAdmin, None).await;
    let user_id = UserId(admin.id.0);
    node.record(&admin, administrators::stream_id(tenant), &[administrators::Event::Appointed { user_id }]).await;
    let invite = |role: &str| json!({ "email": format!("{}@example.com", Uuid::now_v7()), "roles": [role] });
    let invited =
        admin.post("/v1/identity/invitations", json!({ "email": "Bob@Example.com", "roles": ["support_agent"] }));
    let invited = invited.await;
    let position = invited.position();
    let id = invited.ok()["id"].as_str().expect("an id").to_owned();
    let again = json!({ "email": "bob@example.com", "roles": ["support_agent"] });
    admin.post("/v1/identity/invitations", again.clone()).await.refused(409, "name_taken");
    for role in ["tenant_admin", "sales_rep", "platform_admin", "queue_super_admin"] {
        let answer = admin.post("/v1/identity/invitations", invite(role)).await;
        answer.refused(403, "identity.member_role_beyond_own");
    }
    let shown = admin.get_after(&format!("/v1/identity/invitations/{id}"), position).await;
    assert_eq!((shown["email"].as_str(), shown["status"].as_str()), (Some("bob@example.com"), Some("open")));
    admin.post(&format!("/v1/identity/invitations/{id}/revoke"), json!({})).await.ok();
    admin.post("/v1/identity/invitations", again).await.ok();
    let last = node.head().await;
    let trail = admin.get_after("/v1/identity/audit?act=invited", last).await;
    assert_eq!(trail["items"].as_array().map(Vec::len), Some(2), "{trail}");
    assert!(!trail.to_string().contains("bob@"), "the trail names nobody");
    node.stop().await;
}
