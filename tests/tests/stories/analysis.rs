//! Analysts look into history: find events, follow them live, trace a story, and see nothing of other tenants.

use crate::world::{World, act, items, make, number, open_conversation, open_ticket, say, text};
use kernel::TenantId;
use serde_json::{Value, json};
use sqlx::Row as _;
use std::time::Duration;
use tests::node::{Actor, TestNode, eventually, send, tenant};
use uuid::Uuid;

fn analyst(node: &TestNode, tenant: TenantId) -> Actor {
    node.actor(tenant, 0xa7a, &["analyst.events:read"])
}

/// All pages of a list of events.
async fn all(analyst: &Actor, query: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = analyst.get(&format!("/v1/events?limit=4&{query}{cursor}")).await.ok();
        events.extend(items(&page).to_vec());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return events,
        }
    }
}

fn positions(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| number(&event["position"])).collect()
}

/// A tenant in which something has happened, up to a position.
struct Past {
    world: World,
    analyst: Actor,
    end: i64,
}

impl Past {
    async fn new() -> Self {
        let world = World::start().await;
        let (ada, alice) = (world.ada(), world.alice());
        let ticket = open_ticket(&ada).await;
        let path = format!("/v1/support/tickets/{}", ticket.id);
        act(&alice, &format!("{path}/replies"), json!({"content": "Hello"})).await;
        let talk = open_conversation(&world.cleo(), &world.studio()).await;
        for nth in 0..5 {
            say(&world.cleo(), &talk.id, &format!("Message {nth}")).await;
        }
        open_ticket(&world.eve()).await;
        let elsewhere = world.node.actor(tenant(), 1, &["support.ticket:open"]);
        let end = open_ticket(&elsewhere).await.position;
        Self { analyst: analyst(&world.node, world.tenant), world, end }
    }
}

/// Whether an event is expected.
type Fits<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_by_whatever_they_are_known_by() {
    let Past { world, analyst, end } = Past::new().await;
    let own = all(&analyst, &format!("min_position={end}")).await;
    assert_eq!(own.len(), usize::try_from(end - 1).unwrap(), "all but the other tenant's");
    assert!(positions(&own).is_sorted());
    assert!(own.iter().all(|event| event["tenantid"] == json!(world.tenant) && event["specversion"] == "1.0"));

    let sample = &own[2];
    let of = |attribute: &str| text(&sample[attribute]);
    let time = |nth: usize, axis: &str| text(&own[nth][axis]);
    let queries: Vec<(String, Fits<'_>)> = vec![
        ("category=support.ticket".into(), Box::new(|event| event["category"] == "support.ticket")),
        ("type=opened".into(), Box::new(|event| event["type"].as_str().unwrap().ends_with(".opened"))),
        (
            "type=support.ticket.opened,agent_replied".into(),
            Box::new(|event| {
                ["support.ticket.opened", "support.ticket.agent_replied"].contains(&event["type"].as_str().unwrap())
            }),
        ),
        (format!("stream_id={}", of("subject")), Box::new(|event| event["subject"] == sample["subject"])),
        (format!("actor_id={}", of("actorid")), Box::new(|event| event["actorid"] == sample["actorid"])),
        (format!("command_id={}", of("commandid")), Box::new(|event| event["commandid"] == sample["commandid"])),
        (
            format!("correlation_id={}", of("correlationid")),
            Box::new(|event| event["correlationid"] == sample["correlationid"]),
        ),
        (
            format!("recorded_from={}&recorded_to={}", time(2, "recordedat"), time(6, "recordedat")),
            Box::new(|event| (time(2, "recordedat")..time(6, "recordedat")).contains(&text(&event["recordedat"]))),
        ),
        (
            format!("occurred_from={}&occurred_to={}", time(1, "time"), time(7, "time")),
            Box::new(|event| (time(1, "time")..time(7, "time")).contains(&text(&event["time"]))),
        ),
        ("from_position=3&to_position=5".into(), Box::new(|event| (3..=5).contains(&number(&event["position"])))),
        (
            format!("actor_id={}&category=messaging.conversation", world.cleo().id),
            Box::new(|event| {
                event["category"] == "messaging.conversation" && event["actorid"] == json!(world.cleo().id)
            }),
        ),
    ];
    for (query, fits) in queries {
        let expected: Vec<Value> = own.iter().filter(|event| fits(event)).cloned().collect();
        assert!(!expected.is_empty() && expected.len() < own.len(), "{query} tells apart");
        assert_eq!(all(&analyst, &query).await, expected, "{query}");
    }
    assert_eq!(all(&analyst, &format!("actor_id={}", Uuid::now_v7())).await, Vec::<Value>::new());
    let one = analyst.get(&format!("/v1/events/{}", of("id"))).await;
    assert_eq!(one.header("content-type"), "application/cloudevents+json");
    assert_eq!(&one.ok(), sample);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_the_same_events_and_a_broken_transfer_goes_on_after_its_last_line() {
    let Past { world: _world, analyst, end } = Past::new().await;
    let lines = async |query: &str| {
        let request = analyst.query(&format!("/v1/events?{query}")).header("accept", "application/x-ndjson");
        let answer = send(request).await;
        assert_eq!(answer.header("content-type"), "application/x-ndjson");
        let lines = answer.text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON"));
        lines.collect::<Vec<Value>>()
    };
    let pages = all(&analyst, &format!("min_position={end}")).await;
    let whole = lines("").await;
    assert_eq!(positions(&whole), positions(&pages));
    for (line, event) in whole.iter().zip(&pages) {
        let mut line = line.clone();
        line.as_object_mut().unwrap().remove("cursor");
        assert_eq!(&line, event);
    }
    for kept in 0..whole.len() {
        let cursor = text(&whole[kept]["cursor"]);
        let rest = lines(&format!("cursor={cursor}")).await;
        assert_eq!(positions(&rest), positions(&whole[kept + 1..]));
    }
    assert_eq!(lines("limit=3").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tenants_are_seen_only_by_those_who_run_the_place() {
    let Past { world, analyst, end } = Past::new().await;
    let platform = world.node.actor(world.tenant, 0xa7b, &["analyst.events:read", "analyst.tenants:read"]);
    let everything = all(&platform, &format!("tenant=all&min_position={end}")).await;
    assert_eq!(positions(&everything), (1..=end).collect::<Vec<_>>());
    let foreign = everything.last().expect("the other tenant's ticket");
    let theirs = text(&foreign["tenantid"]);
    assert_eq!(all(&platform, &format!("tenant={theirs}")).await, std::slice::from_ref(foreign));
    assert_eq!(all(&platform, "").await.len(), everything.len() - 1, "one's own unless said otherwise");

    for query in ["tenant=all".to_owned(), format!("tenant={theirs}")] {
        for path in ["/v1/events", "/v1/events/stream", &format!("/v1/events/{}", Uuid::now_v7())] {
            analyst.get(&format!("{path}?{query}")).await.refused(403, "scope_missing");
        }
    }
    assert_eq!(all(&analyst, &format!("stream_id={}", text(&foreign["subject"]))).await, Vec::<Value>::new());
    let (id, story) = (text(&foreign["id"]), text(&foreign["correlationid"]));
    analyst.get(&format!("/v1/events/{id}")).await.refused(404, "not_found");
    analyst.get(&format!("/v1/correlations/{story}")).await.refused(404, "not_found");
    assert_eq!(&platform.get(&format!("/v1/events/{id}?tenant=all")).await.ok(), foreign);
    world.ada().get("/v1/events").await.refused(403, "scope_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_told_cause_by_cause() {
    let world = World::start().await;
    let (analyst, alice) = (analyst(&world.node, world.tenant), world.alice());
    let ticket = open_ticket(&world.ada()).await;
    let story = Uuid::now_v7();
    let reply = alice.command(&format!("/v1/support/tickets/{}/replies", ticket.id));
    let reply =
        reply.header("idempotency-key", Uuid::now_v7().to_string()).header("x-correlation-id", story.to_string());
    let position = send(reply.json(&json!({"content": "Hello"}))).await.position();
    let told = analyst.get_after(&format!("/v1/correlations/{story}"), position).await;
    let types: Vec<String> = items(&told).iter().map(|item| text(&item["event"]["type"])).collect();
    assert_eq!(types, ["support.ticket.agent_replied", "support.ticket.status_changed"]);
    assert!(items(&told).iter().all(|item| item["depth"] == 0), "one command made both");
    assert!(items(&told).iter().all(|item| item["event"]["correlationid"] == json!(story)));
}

/// A stream of events as it comes in.
struct Following {
    response: reqwest::Response,
    buffer: String,
}

/// One message: id, event, data.
#[derive(Debug, Clone)]
struct Message {
    id: String,
    event: String,
    data: Value,
}

impl Following {
    async fn start(actor: &Actor, query: &str, last_event_id: Option<&str>) -> Self {
        let mut request = actor.query(&format!("/v1/events/stream?{query}"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut this = Self { response, buffer: String::new() };
        if last_event_id.is_none_or(|id| id.len() == 56) {
            let hello = this.block().await.expect("a beginning");
            assert!(hello.starts_with("retry: ") || hello.starts_with("event: reset"), "{hello}");
            if hello.starts_with("event: reset") {
                this.buffer = format!("{hello}\n\n{}", this.buffer);
            }
        }
        this
    }

    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk()).await;
            let chunk = chunk.expect("something within half a minute").expect("the stream goes on")?;
            self.buffer += std::str::from_utf8(&chunk).expect("text");
        }
    }

    /// The next message; `None` at the end.
    async fn message(&mut self) -> Option<Message> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().trim().to_owned()
            };
            let data = field("data:");
            if !data.is_empty() {
                let data = serde_json::from_str(&data).expect("data is JSON");
                return Some(Message { id: field("id:"), event: field("event:"), data });
            }
        }
    }

    async fn messages(&mut self, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.push(self.message().await.expect("a message"));
        }
        messages
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_what_happens_and_goes_on_where_it_broke() {
    let Past { world, analyst, end } = Past::new().await;
    let ada = world.ada();
    analyst.get_after("/v1/events", end).await;
    let mut live = Following::start(&analyst, "", None).await;
    let ticket = open_ticket(&ada).await;
    let first = live.message().await.expect("the new ticket");
    assert_eq!(number(&first.data["position"]), ticket.position, "nothing of before");
    drop(live);

    // Missed while away, and then live again: each once.
    let path = format!("/v1/support/tickets/{}/replies", ticket.id);
    let missed = act(&ada, &path, json!({"content": "One"})).await;
    let mut live = Following::start(&analyst, "", Some(&first.id)).await;
    assert_eq!(number(&live.message().await.expect("what was missed").data["position"]), missed);
    let next = act(&ada, &path, json!({"content": "Two"})).await;
    assert_eq!(number(&live.message().await.expect("live").data["position"]), next);

    let mut from_start = Following::start(&analyst, "from_position=1&category=messaging.conversation", None).await;
    let talk: Vec<Value> = from_start.messages(6).await.into_iter().map(|message| message.data).collect();
    assert_eq!(talk, all(&analyst, "category=messaging.conversation").await);
    analyst.get("/v1/events/stream?to_position=4").await.refused(400, "invalid_parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_follower_gets_every_event_once_while_they_are_written() {
    let world = World::start().await;
    let analyst = analyst(&world.node, world.tenant);
    let (cleo, studio) = (world.cleo(), world.studio());
    let talk = open_conversation(&cleo, &studio).await;
    let followers = (0..3).map(|_| {
        let analyst = analyst.clone();
        tokio::spawn(async move {
            let mut seen = Vec::new();
            let mut last: Option<String> = None;
            while seen.len() < 41 {
                let query = if last.is_none() { "from_position=1" } else { "" };
                let mut live = Following::start(&analyst, query, last.as_deref()).await;
                // Hangs up every few messages.
                for _ in 0..7 {
                    if seen.len() == 41 {
                        break;
                    }
                    let message = live.message().await.expect("a message");
                    seen.push(number(&message.data["position"]));
                    last = Some(message.id);
                }
            }
            seen
        })
    });
    let followers: Vec<_> = followers.collect();
    let mut written = vec![talk.position];
    for nth in 0..40 {
        written.push(say(&cleo, &talk.id, &format!("Message {nth}")).await);
    }
    for follower in followers {
        assert_eq!(follower.await.expect("a follower"), written);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_from_another_history_is_told_to_start_anew() {
    let Past { world, analyst, end } = Past::new().await;
    let page = analyst.get_after("/v1/events?limit=2", end).await;
    let cursor = text(&page["next_cursor"]);
    let mut live = Following::start(&analyst, "", None).await;
    let pool = sqlx::PgPool::connect(&world.node.database_url).await.expect("Postgres answers");
    let row = sqlx::query("select log.adopt('a test')").fetch_one(&pool).await.expect("a new epoch");
    assert_eq!(row.get::<i32, _>(0), 2);

    let reset = live.message().await.expect("word of the new history");
    assert_eq!((reset.event.as_str(), &reset.data["epoch"]), ("reset", &json!(2)));
    assert!(live.message().await.is_none(), "and nothing after it");
    analyst.get(&format!("/v1/events?cursor={cursor}")).await.refused(409, "log_diverged");
    for foreign in [cursor.as_str(), "17"] {
        let mut again = Following::start(&analyst, "", Some(foreign)).await;
        let reset = again.message().await.expect("a reset");
        assert_eq!(reset.event, "reset", "{foreign}");
        assert!(again.message().await.is_none());
        // The cursor that comes with it is good.
        let next = text(&reset.data["cursor"]);
        assert_eq!(analyst.get(&format!("/v1/events?cursor={next}")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_follows_with_more_connections_than_his_share_or_beyond_the_servers_end() {
    let world = World::start().await;
    let analyst = analyst(&world.node, world.tenant);
    let mut live = Vec::new();
    for _ in 0..10 {
        live.push(Following::start(&analyst, "", None).await);
    }
    analyst.get("/v1/events/stream").await.refused(429, "too_many_streams");
    live.pop();
    eventually("a place is free again", Duration::from_secs(10), async || {
        analyst.query("/v1/events/stream").send().await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    let stopped = tokio::spawn(world.node.stop());
    let end = live[0].message().await.expect("a farewell");
    assert_eq!((end.event.as_str(), &end.data["reason"]), ("end", &json!("shutting_down")));
    stopped.await.expect("the node stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typing_error_is_no_empty_answer() {
    let world = World::start().await;
    let analyst = analyst(&world.node, world.tenant);
    for query in
        ["category=support.tickets", "type=open", "type=support.ticket.sent", "category=support.ticket&type=sent"]
    {
        analyst.get(&format!("/v1/events?{query}")).await.refused(400, "invalid_parameter");
    }
    let made = make(&world.ada(), "/v1/support/tickets", json!({"subject": "A subject", "description": "Help."})).await;
    assert_eq!(all(&analyst, &format!("type=opened&min_position={}", made.position)).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_is_shown_to_whoever_may_see_it_until_it_is_erased() {
    let Past { world, analyst, end } = Past::new().await;
    let seeing = world.node.actor(world.tenant, 0xa7b, &["analyst.events:read", "analyst.personal:read"]);
    let query = &format!("category=support.ticket&type=opened&min_position={end}");
    let subjects = async |analyst: &Actor| -> Vec<String> {
        all(analyst, query).await.iter().map(|event| text(&event["data"]["subject"])).collect()
    };
    assert_eq!(subjects(&analyst).await, ["[masked]", "[masked]"]);
    assert_eq!(subjects(&seeing).await, ["Printer on fire", "Printer on fire"]);
    let opened = all(&seeing, query).await.remove(0);
    let (id, story) = (text(&opened["id"]), text(&opened["correlationid"]));
    for (who, expected) in [(&analyst, "[masked]"), (&seeing, "Printer on fire")] {
        let one = who.get(&format!("/v1/events/{id}")).await.ok();
        assert_eq!(one["data"]["subject"], expected);
        let story = who.get(&format!("/v1/correlations/{story}")).await.ok();
        assert_eq!(items(&story)[0]["event"]["data"]["subject"], expected);
        let lines = send(who.query(&format!("/v1/events?{query}")).header("accept", "application/x-ndjson")).await;
        assert!(lines.text.matches(expected).count() >= 2, "{}", lines.text);
        assert!(!lines.text.contains("v1:"), "nothing leaves sealed: {}", lines.text);
    }

    let engine = event_store::schema::connect(&world.node.database_url, "test", event_store::Role::Engine, 2).await;
    let vault = event_store::Vault::open(engine.expect("Postgres answers"), test_support::root_keys()).await;
    let ada = kernel::SubjectId(world.ada().id.0);
    vault.expect("the vault opens").destroy(world.tenant, ada, "a test").await.expect("the key is destroyed");
    eventually("what was erased is gone for everybody", Duration::from_secs(10), async || {
        subjects(&seeing).await == ["[erased]", "Printer on fire"]
    })
    .await;
    assert_eq!(subjects(&analyst).await, ["[masked]", "[masked]"], "whether it was erased is not told either");
}
