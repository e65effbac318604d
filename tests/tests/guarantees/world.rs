//! One of everything in a tenant, with a mark in every text.

use crate::people::People;
use domain::files::stored_file::Event as FileEvent;
use domain::files::{FileKind, FileName};
use domain::identity::Role;
use domain::notifications::feed::{Event as FeedEvent, ThreadId, feed_id};
use kernel::{ActorId, Event as _, Personal, TenantId};
use serde_json::{Value, json};
use tests::node::{Actor, TestNode};
use uuid::Uuid;

pub(crate) const CUSTOMER: &[&str] = &["support.ticket:open", "support.ticket:reply", "support.ticket:read"];

/// An agent of every tenant that has one of everything.
const AGENT: u128 = 0xa9e7;

/// Somebody who may do everything in this tenant.
pub(crate) fn boss(node: &TestNode, tenant: TenantId, id: u128) -> Actor {
    let scopes = cli::tokens::all_scopes();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    node.actor(tenant, id, &scopes)
}

/// What a ticket is opened with.
pub(crate) fn ticket(subject: &str) -> Value {
    json!({ "subject": subject, "description": subject })
}

/// Opens a ticket and answers its id.
pub(crate) async fn open(actor: &Actor, subject: &str) -> String {
    make(actor, "/v1/support/tickets", ticket(subject)).await
}

/// Drafts an article, publishes it, and answers its id.
pub(crate) async fn published(actor: &Actor, body: Value) -> String {
    let article = make(actor, "/v1/support/articles", body).await;
    actor.post(&format!("/v1/support/articles/{article}/publish"), json!({})).await.ok();
    article
}

/// Registers a webhook, and answers its id.
pub(crate) async fn registered(actor: &Actor) -> String {
    let body = Everything::body("notifications.register_webhook", "Ours", actor.id.0, actor.id.0);
    make(actor, "/v1/notifications/webhooks", body).await
}

/// A file that was looked into, handed over by somebody and about somebody, and what more happened to it; without its bytes.
pub(crate) async fn verified_file(node: &TestNode, uploader: &Actor, person: ActorId, more: &[FileEvent]) -> String {
    let mut events = FileEvent::examples();
    events.truncate(4);
    if let FileEvent::Requested { name, named, uploader_id, person_id, .. } = &mut events[0] {
        *name = Personal::new(person, FileName::parse("A file.png").expect("a name"));
        (*named, *uploader_id, *person_id) = (FileKind::Png, uploader.id, person);
    }
    events.extend_from_slice(more);
    let file_id = Uuid::now_v7();
    node.record(uploader, file_id, &events).await;
    file_id.to_string()
}

/// Makes something and answers its id.
pub(crate) async fn make(actor: &Actor, path: &str, body: Value) -> String {
    actor.insist(path, body).await.ok()["id"].as_str().expect("an id").to_owned()
}

/// Records that he was told something of a ticket, and answers his feed's id.
async fn told(node: &TestNode, maker: &Actor, ticket: &str) -> String {
    let mut events = FeedEvent::examples();
    events.truncate(1);
    if let FeedEvent::Notified { recipient_id, thread_id, .. } = &mut events[0] {
        (*recipient_id, *thread_id) = (maker.id, ThreadId(ticket.parse().expect("an id")));
    }
    let feed = feed_id(maker.tenant, maker.id).0;
    // Whoever was here before may have been told something already.
    drop(node.try_record(maker, feed, &events).await);
    feed.to_string()
}

/// Imports a file of one row that cannot be taken, and answers the import's id.
async fn imported(actor: &Actor) -> String {
    let file = "customer,subject,description,created_at\nnobody@example.com,Abc,d,2025-03-31\n";
    let key = Uuid::now_v7().to_string();
    let answer = actor.hand_over("/v1/support/imports?kind=tickets", &key, "text/csv", file).await.ok();
    answer["import_id"].as_str().expect("an id").to_owned()
}

/// One of everything.
pub(crate) struct Everything {
    pub(crate) ticket: String,
    pub(crate) article: String,
    pub(crate) sla_policy: String,
    /// Of a file in which nothing is usable.
    pub(crate) import: String,
    pub(crate) conversation: String,
    pub(crate) zone: String,
    pub(crate) building: String,
    pub(crate) door: String,
    pub(crate) contract: String,
    /// On the ticket.
    pub(crate) file: String,
    /// The maker's own.
    pub(crate) feed: String,
    pub(crate) webhook: String,
    pub(crate) people: People,
    /// The last event, and the story that it belongs to.
    pub(crate) event: String,
    pub(crate) story: String,
    /// Who holds the zone and works the building.
    pub(crate) rep: Uuid,
    /// Shows all of it.
    pub(crate) position: i64,
}

impl Everything {
    /// Makes it; every text holds `mark`.
    pub(crate) async fn make(node: &TestNode, maker: &Actor, mark: &str) -> Self {
        let rep = Uuid::now_v7();
        let body = |command: &str| Self::body(command, mark, maker.id.0, rep);
        // Whoever was here before may have made the agent a member already.
        let agent = node.actor(maker.tenant, AGENT, &[]);
        node.join(&agent, Role::SupportAgent, None).await.ok();
        let sla_policy = make(maker, "/v1/support/sla-policies", body("support.define_sla_policy")).await;
        let import = imported(maker).await;
        let ticket = make(maker, "/v1/support/tickets", body("support.open_ticket")).await;
        let conversation = make(maker, "/v1/messaging/conversations", body("messaging.open_conversation")).await;
        let zone = make(maker, "/v1/field-sales/zones", body("field_sales.create_zone")).await;
        let building = make(maker, "/v1/field-sales/buildings", body("field_sales.create_building")).await;
        let article = published(maker, body("support.draft_article")).await;
        for (path, command) in [
            (format!("/v1/support/tickets/{ticket}/replies"), "support.reply_to_ticket"),
            (format!("/v1/support/tickets/{ticket}/notes"), "support.add_internal_note"),
            (format!("/v1/support/tickets/{ticket}/assign"), "support.assign_ticket"),
            (format!("/v1/messaging/conversations/{conversation}/messages"), "messaging.send_message"),
            (format!("/v1/field-sales/zones/{zone}/assign"), "field_sales.assign_zone"),
            (format!("/v1/field-sales/buildings/{building}/visits"), "field_sales.record_visit"),
        ] {
            maker.post(&path, body(command)).await.ok();
        }
        let file = verified_file(node, maker, maker.id, &[]).await;
        let webhook = registered(maker).await;
        let attach = json!({ "file_id": file });
        maker.insist(&format!("/v1/support/tickets/{ticket}/attachments"), attach).await.ok();
        let feed = told(node, maker, &ticket).await;
        let people = People::make(node, maker, mark, rep).await;
        let sign = json!({ "building_id": building, "door_number": "102" });
        let signed = maker.post("/v1/field-sales/contracts", sign).await;
        let position = signed.position();
        let contract = signed.ok()["id"].as_str().expect("an id").to_owned();
        let doors = maker.get_after(&format!("/v1/field-sales/buildings/{building}/doors"), position).await;
        // The door that was visited comes first: 101.
        let door = doors["items"][0]["door_id"].as_str().expect("a door").to_owned();
        let last = maker.get_after(&format!("/v1/events?from_position={position}"), position).await;
        let of_last = |attribute: &str| last["items"][0][attribute].as_str().expect("the last event").to_owned();
        let (event, story) = (of_last("id"), of_last("correlationid"));
        Self {
            ticket,
            article,
            sla_policy,
            import,
            conversation,
            zone,
            building,
            door,
            contract,
            file,
            feed,
            webhook,
            people,
            event,
            story,
            rep,
            position,
        }
    }

    /// The id that a path's parameter stands for.
    pub(crate) fn named(&self, parameter: &str) -> &str {
        match parameter {
            "ticket_id" => &self.ticket,
            "article_id" => &self.article,
            "sla_policy_id" => &self.sla_policy,
            "import_id" => &self.import,
            "conversation_id" => &self.conversation,
            "zone_id" => &self.zone,
            "building_id" => &self.building,
            "door_id" => &self.door,
            "contract_id" => &self.contract,
            "file_id" => &self.file,
            "feed_id" => &self.feed,
            "webhook_id" => &self.webhook,
            "event_id" => &self.event,
            "correlation_id" => &self.story,
            other => self.people.named(other),
        }
    }

    /// All ids.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let business =
            [&self.ticket, &self.article, &self.conversation, &self.zone, &self.building, &self.door, &self.contract];
        let business =
            business.into_iter().chain([&self.file, &self.feed, &self.sla_policy, &self.webhook, &self.import]);
        business.map(String::as_str).chain(self.people.ids()).collect()
    }

    /// A body that the command accepts.
    pub(crate) fn body(command: &str, mark: &str, me: Uuid, rep: Uuid) -> Value {
        match command {
            "support.open_ticket" => json!({
                "subject": mark, "description": mark, "priority": "high", "category": "bug", "tags": [mark],
            }),
            "support.reply_to_ticket" | "support.add_internal_note" => json!({ "content": mark }),
            "support.assign_ticket" => json!({ "assignee_id": TestNode::id(AGENT) }),
            "files.complete_upload"
            | "files.erase_file"
            | "support.roll_back_import"
            | "support.unassign_ticket"
            | "support.publish_article"
            | "support.unpublish_article"
            | "support.feature_article"
            | "support.unfeature_article"
            | "support.archive_article"
            | "support.restore_article" => json!({}),
            "support.attach_file" | "support.issue_attachment_url" => json!({ "file_id": Uuid::now_v7() }),
            "files.request_upload" => json!({
                "name": format!("{mark}.png"), "purpose": "ticket_attachment", "size_bytes": 1000, "about": me,
            }),
            "files.issue_file_url" => json!({ "variant": "thumbnail" }),
            "support.change_ticket_priority" => json!({ "priority": "urgent" }),
            "support.change_ticket_category" => json!({ "category": "billing" }),
            "support.change_ticket_subject" => json!({ "subject": mark }),
            "support.tag_ticket" | "support.untag_ticket" => json!({ "tags": [mark] }),
            "support.mark_ticket_read" | "notifications.mark_notifications_read" => json!({ "up_to": 1 }),
            "support.submit_ticket_csat" => json!({ "score": 5, "comment": mark }),
            "support.merge_ticket" => json!({ "into": Uuid::now_v7() }),
            "support.unmerge_ticket" => json!({ "from": Uuid::now_v7() }),
            "support.draft_article" | "support.revise_article" => json!({
                "title": mark, "excerpt": mark, "body": format!("{mark}, {command}"), "category": mark, "tags": [mark],
                "language": "en",
            }),
            "support.change_article_slug" => json!({ "slug": format!("s{}", Uuid::now_v7()) }),
            "support.define_sla_policy" => {
                json!({ "targets": { "high": { "first_response": "4h", "resolution": "2d" } } })
            }
            "support.rate_article" => json!({ "helpful": true }),
            "support.change_ticket_status" => json!({ "status": "waiting_customer", "reason": mark }),
            "messaging.open_conversation" => json!({ "client_user_id": me, "studio_user_id": rep, "subject": mark }),
            "messaging.send_message" => json!({ "message_id": Uuid::new_v4(), "content": mark }),
            "messaging.mark_read_up_to" => json!({ "seq": 1 }),
            "notifications.change_notification_preferences" => json!({
                "language": "en", "topics": [{ "topic": "ticket_noted", "in_app": false, "mail": "digest" }],
            }),
            "notifications.mute_thread" | "notifications.unmute_thread" => json!({ "thread_id": Uuid::now_v7() }),
            "field_sales.create_zone" => json!({
                "name": mark, "center": { "latitude": 48.85, "longitude": 2.35 }, "radius_m": 500,
            }),
            "field_sales.assign_zone" | "field_sales.unassign_zone" => {
                json!({ "user_id": rep, "user_type": "sales_rep" })
            }
            "field_sales.create_building" => json!({
                "address": mark, "latitude": 48.85, "longitude": 2.35, "floors": 2, "doors_per_floor": 2,
                "has_elevator": true, "sales_rep_id": rep,
            }),
            "field_sales.record_visit" => json!({ "door_number": "101", "outcome": "absent", "comment": mark }),
            "field_sales.sign_contract" => json!({ "building_id": Uuid::new_v4(), "door_number": "101" }),
            "notifications.register_webhook" | "notifications.change_webhook" => json!({
                "url": "https://93.184.216.34/hooks", "label": mark, "event_types": ["notifications.email.failed"],
            }),
            "notifications.redeliver_webhook" => json!({ "delivery_id": Uuid::now_v7() }),
            "notifications.replay_webhook" => json!({ "from_position": 1 }),
            id if id.starts_with("notifications.") => json!({}),
            other => People::body(other, mark, rep),
        }
    }
}
