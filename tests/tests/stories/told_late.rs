//! What is told late: it counts where it happened, it is news to nobody, and not everybody may tell it.

use crate::world::{AGENT, CUSTOMER, items, number, open_ticket, text};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};
use std::time::Duration;
use tests::node::{Actor, Answer, TestNode, eventually, send, tenant};

const TELL_LATE: &str = "support.history:tell_late";
const FEED: &str = "notifications.feed:read";

async fn tell(actor: &Actor, path: &str, at: &str, key: &str, body: &Value) -> Answer {
    let request = actor.command(&format!("/v1/support{path}")).header("occurred-at", at);
    send(request.header("idempotency-key", key).json(body)).await
}

/// Twenty days ago, and whoever tells of it.
struct Past {
    node: TestNode,
    ada: Actor,
    alice: Actor,
    opened_at: DateTime<Utc>,
    /// Where Ada's ticket is, under the support desk.
    ticket: String,
}

impl Past {
    async fn told() -> Self {
        let node = TestNode::with_letters().await;
        let tenant = tenant();
        let ada = node.actor(tenant, 0xada, &[CUSTOMER, &[TELL_LATE, FEED]].concat());
        let alice = node.actor(tenant, 0xa11ce, &[AGENT, &["support.sla_policy:manage", TELL_LATE, FEED]].concat());
        let opened_at = Utc::now().trunc_subsecs(0) - TimeDelta::days(20);
        let promise = json!({ "targets": { "medium": { "first_response": "1h", "resolution": "4h" } } });
        alice.insist("/v1/support/sla-policies", promise).await.ok();
        let opened = json!({ "subject": "Printer on fire", "description": "It burns." });
        let opened = tell(&ada, "/tickets", &opened_at.to_rfc3339(), "opened", &opened).await.ok();
        Self { node, ada, alice, opened_at, ticket: format!("/tickets/{}", text(&opened["id"])) }
    }

    /// Alice does something, so many minutes after it was opened.
    async fn does(&self, minutes: i64, act: &str, body: Value) -> Answer {
        let at = (self.opened_at + TimeDelta::minutes(minutes)).to_rfc3339();
        tell(&self.alice, &format!("{}/{act}", self.ticket), &at, &format!("{act}-{minutes}"), &body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_late_counts_where_it_happened_and_is_no_news() {
    let past = Past::told().await;
    let Past { ada, alice, ticket, .. } = &past;
    past.does(90, "replies", json!({ "content": "Take cover." })).await.ok();
    let resolved = past.does(150, "status", json!({ "status": "resolved" })).await;
    let again = past.does(150, "status", json!({ "status": "resolved" })).await;
    assert_eq!((again.position(), again.header("idempotency-replayed")), (resolved.position(), "true"));
    let (path, body) = (format!("{ticket}/status"), json!({ "status": "resolved" }));
    let other = tell(alice, &path, "2026-01-15T10:00:00Z", "status-150", &body).await;
    other.refused(422, "idempotency_key_reused");

    let shown = alice.get_after(&format!("/v1/support{ticket}"), resolved.position()).await;
    let minutes = |field: &str| {
        let at = text(&shown[field]).parse::<DateTime<Utc>>().unwrap_or_else(|_| panic!("{field}: {shown}"));
        (at - past.opened_at).num_minutes()
    };
    let told = ["created_at", "first_response_at", "first_response_breached_at", "resolved_at"].map(minutes);
    assert_eq!(told, [0, 90, 90, 150], "the answer came after an hour; nobody else has said so");
    assert_eq!(shown["resolution_breached_at"], Value::Null);
    let day = past.opened_at.date_naive();
    let counted = alice.get_after("/v1/support/tickets/stats", resolved.position()).await;
    assert_eq!(counted["by_day"], json!({ day.to_string(): 1 }));
    assert_eq!(counted["first_response"]["median_s"], json!(5_400.0));

    // What happens now is news, and nothing from before it.
    let fresh = open_ticket(ada).await.id;
    alice.insist(&format!("/v1/support/tickets/{fresh}/replies"), json!({ "content": "Again?" })).await.ok();
    let unread = async || ada.get("/v1/notifications?unread=true").await.ok();
    eventually("she is told of what is new", Duration::from_mins(1), async || !items(&unread().await).is_empty()).await;
    let heard: Vec<String> = items(&unread().await).iter().map(|row| text(&row["thread_id"])).collect();
    assert_eq!(heard, [fresh]);
    past.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_told_by_those_who_may_and_where_it_can_be() {
    let past = Past::told().await;
    let Past { node, ada, alice, ticket, .. } = &past;
    let (before, rfc) = (node.head().await, past.opened_at.to_rfc3339());
    let (replies, reply) = (format!("{ticket}/replies"), json!({ "content": "Hello?" }));
    let eve = node.actor(ada.tenant, 0xada, CUSTOMER);
    tell(&eve, &replies, &rfc, "1", &reply).await.refused(403, "scope_missing");
    let soon = (Utc::now() + TimeDelta::hours(1)).to_rfc3339();
    for at in ["yesterday", "2026-01-15", "2026-01-15T10:00:00", "", "1999-12-31T23:59:59Z", &soon] {
        tell(ada, &replies, at, "2", &reply).await.refused(400, "occurred_at_invalid");
    }
    let twice = ada.command(&format!("/v1/support{replies}")).header("occurred-at", &rfc).header("occurred-at", &rfc);
    send(twice.header("idempotency-key", "3").json(&reply)).await.refused(400, "occurred_at_invalid");

    // What gives out an address, undoes something or is somebody else's is of now; so is a batch as a whole.
    let url = json!({ "file_id": ada.id });
    tell(ada, &format!("{ticket}/attachments/url"), &rfc, "4", &url).await.refused(400, "occurred_at_not_taken");
    let conversation = ada.command("/v1/messaging/conversations").header("occurred-at", &rfc);
    send(conversation.header("idempotency-key", "5").json(&json!({}))).await.refused(400, "occurred_at_not_taken");
    let batch = ada.command("/v1/commands:batch").header("occurred-at", &rfc);
    send(batch.json(&json!([]))).await.refused(400, "occurred_at_not_taken");
    assert_eq!(node.head().await, before, "nothing has changed");

    // It is decided on what is so now: what has happened since is not undone.
    past.does(10, "status", json!({ "status": "closed" })).await.ok();
    past.does(5, "replies", reply).await.refused(409, "support.ticket_closed");
    assert_eq!(number(&alice.get_after(&format!("/v1/support{ticket}"), node.head().await).await["message_count"]), 0);
    past.node.stop().await;
}
