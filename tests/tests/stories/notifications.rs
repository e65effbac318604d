//! What people are told of tickets, and how they say that they have read it or want to hear nothing more.

use crate::world::{CUSTOMER, act, items, number, open_ticket, text};
use domain::identity::Role;
use serde_json::{Value, json};
use std::time::Duration;
use tests::node::{Actor, TestNode, eventually, tenant};

/// As long as anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const OWN: &[&str] = &["notifications.feed:read", "notifications.feed:change"];
const AGENT: &[&str] = &["support.ticket:read", "support.ticket:reply", "support.ticket:work", "support.ticket:assign"];

async fn own(actor: &Actor) -> Value {
    actor.get("/v1/notifications/own-feed").await.ok()
}

/// What somebody has not read, the latest first.
async fn unread(actor: &Actor) -> Vec<String> {
    let page = actor.get("/v1/notifications?unread=true").await.ok();
    items(&page).iter().map(|row| text(&row["topic"])).collect()
}

async fn told(actor: &Actor, topics: &[&str]) {
    let count = i64::try_from(topics.len()).expect("a few");
    eventually("he is told", PATIENCE, async || {
        unread(actor).await == topics && number(&own(actor).await["unread"]) == count
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_told_what_others_do_until_they_have_seen_it() {
    let node = TestNode::with_letters().await;
    let tenant = tenant();
    let actor = |id, scopes: &[&str]| node.actor(tenant, id, &[scopes, OWN].concat());
    let (ada, eve) = (actor(0xada, CUSTOMER), actor(0xe0e, CUSTOMER));
    let (alice, bob) = (actor(0xa11ce, AGENT), actor(0xb0b, AGENT));
    node.join(&alice, Role::SupportAgent, None).await.expect("she is new");
    let nothing = own(&ada).await;
    assert_eq!((number(&nothing["unread"]), number(&nothing["version"])), (0, 0), "{nothing}");
    assert_eq!(items(&json!({ "items": nothing["topics"] })).len(), 9, "what is usual is shown to everybody");

    let ticket = open_ticket(&ada).await.id;
    let on = |rest: &str| format!("/v1/support/tickets/{ticket}/{rest}");
    act(&bob, &on("assign"), json!({ "assignee_id": alice.id })).await;
    act(&bob, &on("notes"), json!({ "content": "SECRET" })).await;
    told(&alice, &["ticket_noted", "ticket_assigned"]).await;
    act(&ada, &on("replies"), json!({ "content": "Any news?" })).await;
    told(&alice, &["ticket_customer_replied", "ticket_noted", "ticket_assigned"]).await;
    assert_eq!((unread(&ada).await, unread(&bob).await), (vec![], vec![]), "nobody hears of what he did himself");

    // Whoever answers has seen the rest; the customer is told.
    act(&alice, &on("replies"), json!({ "content": "Use water." })).await;
    told(&alice, &[]).await;
    told(&ada, &["ticket_answered"]).await;
    let list = ada.get("/v1/notifications").await.ok();
    let row = &items(&list)[0];
    let shown = (text(&row["thread_id"]), text(&row["actor_id"]), text(&row["mail"]));
    assert_eq!(shown, (ticket.clone(), alice.id.to_string(), "waiting".to_owned()), "{row}");
    assert!(!list.to_string().contains("Use water") && !list.to_string().contains("SECRET"));

    // He reads the ticket, and with it what he was told.
    act(&ada, &on("read"), json!({ "up_to": 2 })).await;
    told(&ada, &[]).await;
    let after = ada.get("/v1/notifications?unread=false").await.ok();
    assert_eq!(text(&items(&after)[0]["mail"]), "dropped", "it is not mailed any more");

    // Marks, by place; only his own feed.
    act(&alice, &on("status"), json!({ "status": "resolved" })).await;
    told(&ada, &["ticket_resolved"]).await;
    let feed = own(&ada).await;
    let at = |rest: &str| format!("/v1/notifications/feeds/{}/{rest}", text(&feed["feed_id"]));
    let up_to = json!({ "up_to": feed["last_seq"] });
    eve.post(&at("read"), up_to.clone()).await.refused(404, "notifications.feed_not_found");
    eve.get(&format!("/v1/notifications/feeds/{}", text(&feed["feed_id"]))).await.refused(404, "not_found");
    let done = act(&ada, &at("read"), up_to).await;
    assert_eq!(number(&ada.get_after("/v1/notifications/own-feed", done).await["unread"]), 0);
    let history = ada.get(&format!("/v1/notifications/feeds/{}/history", text(&feed["feed_id"]))).await.ok();
    let types: Vec<String> = items(&history).iter().map(|event| text(&event["type"])).collect();
    assert_eq!(types, ["notified", "read", "notified", "read"], "why it was not mailed is there for ever");

    // Muted, he hears nothing more; what is asked for in a digest or not at all is so.
    let muted = act(&ada, &at("mute"), json!({ "thread_id": ticket })).await;
    assert_eq!(ada.get_after("/v1/notifications/own-feed", muted).await["muted"], json!([ticket]));
    act(&alice, &on("replies"), json!({ "content": "Still burning?", "reopen": true })).await;
    let other = open_ticket(&ada).await.id;
    let digest = json!({ "topics": [{ "topic": "ticket_answered", "in_app": false, "mail": "digest" }] });
    act(&ada, &at("preferences"), digest).await;
    act(&alice, &format!("/v1/support/tickets/{other}/replies"), json!({ "content": "Hello" })).await;
    act(&alice, &format!("/v1/support/tickets/{other}/status"), json!({ "status": "closed" })).await;
    // What came last is shown: what came before would be, too.
    told(&ada, &["ticket_closed"]).await;
    node.stop().await;
}
