//! Who may be responsible for a ticket, and what becomes of the tickets of somebody who leaves.

use crate::world::{CUSTOMER, items, open_ticket};
use domain::identity::membership::membership_id;
use domain::identity::{Role, UserId};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;
use tests::node::{Actor, TestNode, eventually, tenant};

/// Tickets that are handed to somebody while he is removed.
const TICKETS: usize = 24;

fn boss(node: &TestNode, of: &Actor) -> Actor {
    let scopes = cli::tokens::all_scopes();
    node.actor(of.tenant, 0xb055, &scopes.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_active_agents_are_responsible_also_while_they_are_removed() {
    let node = TestNode::with_letters().await;
    let ada = node.actor(tenant(), 0xada, CUSTOMER);
    let bob = node.actor(ada.tenant, 0xb0b, &[]);
    let boss = boss(&node, &ada);
    let (to_bob, to_ada) = (json!({ "assignee_id": bob.id }), json!({ "assignee_id": ada.id }));
    let mut paths = Vec::new();
    for _ in 0..TICKETS {
        paths.push(format!("/v1/support/tickets/{}", open_ticket(&ada).await.id));
    }
    let assign = |path: &String| format!("{path}/assign");
    boss.post(&assign(&paths[0]), to_bob.clone()).await.refused(422, "support.ticket_assignee_not_agent");
    node.join(&ada, Role::SupportCustomer, None).await.unwrap();
    boss.post(&assign(&paths[0]), to_ada).await.refused(422, "support.ticket_assignee_not_agent");
    node.join(&bob, Role::SupportAgent, None).await.unwrap();
    // That he was none is not remembered.
    boss.insist(&assign(&paths[0]), to_bob.clone()).await.ok();

    // While they are handed to him he is removed, from one process, and from another one some are handed to him too.
    let other = node.sibling().await;
    let beside = self::boss(&other, &ada);
    let member = format!("/v1/identity/members/{}", membership_id(ada.tenant, UserId(bob.id.0)));
    let assignments = join_all(paths.iter().enumerate().map(|(index, path)| {
        let (by, to_bob) = (if index % 2 == 0 { &boss } else { &beside }, to_bob.clone());
        async move {
            tokio::time::sleep(Duration::from_millis(5 * index as u64)).await;
            by.insist(&format!("{path}/assign"), to_bob).await
        }
    }));
    let removal = async {
        tokio::time::sleep(Duration::from_millis(60)).await;
        boss.insist(&format!("{member}/deactivate"), json!({})).await.ok()
    };
    let (answers, _) = tokio::join!(assignments, removal);
    let mut accepted = 0;
    for answer in answers {
        if answer.status.is_success() {
            accepted += 1;
        } else {
            answer.refused(422, "support.ticket_assignee_not_agent");
        }
    }
    assert!((1..=TICKETS).contains(&accepted), "{accepted}");
    boss.post(&assign(&paths[1]), to_bob.clone()).await.refused(422, "support.ticket_assignee_not_agent");
    let held = format!("/v1/support/tickets?assignee_id={}", bob.id);
    eventually("nobody's ticket sleeps", Duration::from_secs(30), async || {
        let held = boss.get_after(&held, node.head().await).await;
        items(&held).is_empty()
    })
    .await;
    let told = boss.get_after(&format!("{}/activities", paths[0]), node.head().await).await;
    let last = items(&told).iter().find(|activity| activity["old_value"] == json!(bob.id)).cloned();
    assert!(last.is_some(), "{told}");

    // He comes back: what was taken from him is not his again, and he may be responsible.
    boss.insist(&format!("{member}/reactivate"), json!({})).await.ok();
    boss.insist(&assign(&paths[2]), to_bob).await.ok();
    let roles = json!({ "roles": ["sales_rep"] });
    boss.insist(&format!("{member}/roles"), roles).await.ok();
    eventually("who works no tickets any more has none", Duration::from_secs(30), async || {
        let held = boss.get_after(&held, node.head().await).await;
        items(&held).is_empty()
    })
    .await;
    other.stop().await;
    node.stop().await;
}
