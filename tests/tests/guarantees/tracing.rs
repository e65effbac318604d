//! One id tells the whole story, from the caller's header to the mirror.

use crate::world::{CUSTOMER, ticket};
use event_store::{Log, Role, jetstream, schema};
use kernel::Position;
use std::collections::BTreeSet;
use std::time::Duration;
use tests::node::{TestNode, eventually, send, tenant};
use uuid::Uuid;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

async fn log_of(node: &TestNode) -> Log {
    Log::new(schema::connect(&node.database_url, "test-trace", Role::Engine, 2).await.expect("Postgres answers"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_leads_from_the_request_to_the_log_and_the_mirror() {
    // Every log reserves a gigabyte for its mirror: the shared NATS runs out of them in a long suite.
    let servers = test_support::start(false).await;
    let nats_url = servers.nats_url.clone().expect("NATS was asked for");
    let node = TestNode::on(servers.database_url.clone(), Some(nats_url.clone())).await;
    let ada = node.actor(tenant(), 1, CUSTOMER);
    let log = log_of(&node).await;
    let head = log.head().await.expect("the log answers");
    let client = async_nats::connect(&nats_url).await.expect("NATS answers");
    let context = jetstream::context(client);
    let name = jetstream::stream_name(head.log_id, head.epoch);
    // A mirror begins where the log ends when it is made.
    eventually("there is a mirror", Duration::from_secs(10), async || context.get_stream(&name).await.is_ok()).await;

    let story = Uuid::now_v7();
    let request = ada.command("/v1/support/tickets").header("idempotency-key", "k").json(&ticket("Traced"));
    let request = request.header("traceparent", format!("00-{TRACE}-{SPAN}-01"));
    let position = send(request.header("x-correlation-id", story.to_string())).await.position();
    let event = log.event_at(Position(position)).await.expect("the log answers").expect("the event is there");
    let trace = event.trace.expect("the row has a trace").to_string();
    assert!(trace.starts_with(&format!("00-{TRACE}-")) && trace.ends_with("-01"), "{trace}");
    assert!(!trace.contains(SPAN), "the request is a span of its own");
    assert_eq!(event.correlation_id.0, story);

    let mut mirrored = None;
    eventually("the event is mirrored", Duration::from_secs(10), async || {
        let Ok(stream) = context.get_stream(&name).await else { return false };
        mirrored = stream.get_raw_message(position.unsigned_abs()).await.ok();
        mirrored.is_some()
    })
    .await;
    let header = mirrored.as_ref().and_then(|message| message.headers.get("traceparent"));
    assert_eq!(header.map(ToString::to_string), Some(trace), "the mirror says what the log says");
    node.stop().await;
    servers.stop().await.expect("the servers stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_usable_headers_a_request_begins_a_story_of_its_own() {
    let node = TestNode::start().await;
    let ada = node.actor(tenant(), 1, CUSTOMER);
    let log = log_of(&node).await;
    let mut stories = BTreeSet::new();
    for (number, header) in
        ["", "garbage", "00-00000000000000000000000000000000-b7ad6b7169203331-01"].iter().enumerate()
    {
        let request = ada.command("/v1/support/tickets").header("idempotency-key", format!("k{number}"));
        let request = request.header("x-correlation-id", "garbage").header("traceparent", *header);
        let position = send(request.json(&ticket("Traced"))).await.position();
        let event = log.event_at(Position(position)).await.expect("the log answers").expect("the event is there");
        let trace = event.trace.expect("the row has a trace");
        assert_eq!(event.correlation_id.0.as_u128(), trace.trace_id());
        stories.insert(trace.trace_id());
    }
    assert_eq!(stories.len(), 3);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_trace() {
    let node = TestNode::start().await;
    let ada = node.actor(tenant(), 1, CUSTOMER);
    let request = ada.query(&format!("/v1/support/tickets/{}", Uuid::now_v7()));
    let answer = send(request.header("traceparent", format!("00-{TRACE}-{SPAN}-01"))).await;
    assert_eq!(answer.refused(404, "not_found")["trace_id"], TRACE);
    node.stop().await;
}
