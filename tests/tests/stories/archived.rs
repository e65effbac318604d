//! Old history is in files: whoever needs it is told so, and everything else goes on.

use crate::world::{World, act, number, open_ticket};
use event_store::archive::{self, Archive};
use event_store::{Log, Role, schema};
use kernel::{EventId, Position};
use projector::acts::By;
use projector::operate::{OperateError, Plan};
use projector::{Operator, State};
use serde_json::json;
use sqlx::PgPool;
use std::time::Duration;
use tests::node::{TestNode, tenant};

const PARTITION: i64 = 10;

/// Takes the partition that begins at a position out of the log, as if its files had been written.
async fn detach(owner: &PgPool, log: &Log, first: i64) {
    let after = Position(first - 1);
    let events = log.read(after, usize::try_from(PARTITION).expect("a few")).await.expect("the log answers");
    let (begin, end) = (&events[0], &events[events.len() - 1]);
    let archive = Archive {
        first: begin.position,
        last: end.position,
        first_recorded_at: begin.recorded_at,
        last_recorded_at: end.recorded_at,
        last_event_id: EventId(end.event_id.0),
        manifest: "/somewhere/manifest.json".to_owned(),
        manifest_sha256: vec![0; 32],
        content_sha256: archive::content_hash(log, after, end.position, |_| ())
            .await
            .expect("the log answers")
            .to_vec(),
        detached_at: None,
    };
    archive::detach(owner, &archive, "a test", Duration::from_secs(30)).await.expect("it goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_archived_history_says_so_and_everything_else_goes_on() {
    let (url, owner) = test_support::empty_database(&test_support::servers().database_url).await;
    schema::migrate(&owner, PARTITION).await.expect("two small partitions");
    let node = TestNode::on(url.clone(), Some(test_support::servers().nats_url.clone())).await;
    let world = World { node, tenant: tenant() };
    let (ada, alice) = (world.ada(), world.alice());
    let analyst = world.node.actor(world.tenant, 0xa7a, &["analyst.events:read"]);
    let log = Log::new(schema::connect(&url, "test-archived", Role::Engine, 2).await.expect("Postgres answers"));

    let old = open_ticket(&ada).await;
    let path = format!("/v1/support/tickets/{}", old.id);
    act(&alice, &format!("{path}/replies"), json!({"content": "Hello"})).await;
    let stream = analyst.get("/v1/events?limit=1").await.ok();
    let (early_cursor, before) = (stream["cursor"].as_str().expect("a cursor").to_owned(), "2001-01-01T00:00:00Z");
    let mut last = old.position;
    while last < 2 * PARTITION + 5 {
        last = open_ticket(&ada).await.position;
    }
    let shown = alice.get(&format!("{path}?min_position={last}")).await.ok();
    detach(&owner, &log, 1).await;
    detach(&owner, &log, 1 + PARTITION).await;
    // A process that has nothing in memory.
    let sibling = world.node.sibling().await;
    let world = World { node: sibling, tenant: world.tenant };
    let (ada, alice) = (world.ada(), world.alice());
    let analyst = world.node.actor(world.tenant, 0xa7a, &["analyst.events:read"]);

    let mut now = alice.get(&path).await.ok();
    now["as_of_position"].take();
    assert_eq!(now["number"], shown["number"], "what was folded is still shown");
    for question in [
        format!("{path}?as_of={}", old.position),
        format!("{path}?as_of={last}"),
        format!("{path}/history"),
        format!("{path}/diff?from={}&to={last}", old.position),
    ] {
        let told = alice.get(&question).await.refused(410, "log_archived");
        assert_eq!(number(&told["archived_up_to"]), 20, "{question}: {told}");
        assert!(told.get("manifest").is_none(), "where files lie is no caller's business: {told}");
    }
    for question in [
        "/v1/events".to_owned(),
        format!("/v1/events?recorded_from={before}"),
        format!("/v1/events?cursor={early_cursor}"),
        format!("/v1/events?stream_id={}", old.id),
    ] {
        analyst.get(&question).await.refused(410, "log_archived");
    }
    let later = analyst.get("/v1/events?from_position=21").await.ok();
    assert!(!later["items"].as_array().expect("items").is_empty(), "{later}");

    let told =
        alice.post(&format!("{path}/replies"), json!({"content": "Too late"})).await.refused(409, "log_archived");
    assert_eq!(number(&told["archived_up_to"]), 20);
    let new = open_ticket(&ada).await;
    let path = format!("/v1/support/tickets/{}", new.id);
    let position = act(&alice, &format!("{path}/replies"), json!({"content": "In time"})).await;
    alice.get(&format!("{path}/history?min_position={position}")).await.ok();

    // A rebuild would begin with what is not there.
    let operator =
        Operator::new(schema::connect(&url, "test-operator", Role::Owner, 2).await.expect("Postgres answers"));
    let refused = operator.rebuild("support.tickets", Plan::default(), By::itself("a test")).await;
    assert!(matches!(refused, Err(OperateError::Archived(Position(20)))), "{refused:?}");
    let status = projector::status(&owner).await.expect("the status");
    let serving = status.iter().find(|one| one.name == "support.tickets" && one.serving).expect("one serves");
    assert_eq!(serving.state, State::Live);
}
