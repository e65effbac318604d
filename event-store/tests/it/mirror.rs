//! The JetStream mirror: sequence = position, and nothing is lost whatever happens to it.

use crate::fixtures::{Store, append, change, store};
use event_store::jetstream::{self, MirrorOptions};
use event_store::relay::RelayState;
use event_store::{Log, Relay, Tail};
use kernel::Position;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

async fn write(store: &Store, count: usize) {
    for _ in 0..count {
        store.appender.append(append(vec![change(Uuid::now_v7(), 0, &[1])])).await.unwrap();
    }
}

fn relay(store: &Store, url: &str, shutdown: &CancellationToken) -> tokio::sync::watch::Receiver<RelayState> {
    let relay = Relay::new(store.log.clone(), MirrorOptions::new(url), store.appender.committed());
    let state = relay.state();
    tokio::spawn(relay.run(shutdown.clone()));
    state
}

async fn relayed(state: &mut tokio::sync::watch::Receiver<RelayState>, position: i64) {
    let reached = state.wait_for(|state| matches!(state, RelayState::Relaying(at) if at.0 >= position));
    tokio::time::timeout(Duration::from_secs(15), reached).await.expect("the relay gets there").unwrap();
}

/// Every message of the mirror is the event at the position that its sequence says.
async fn assert_mirror(store: &Store, url: &str, first: i64) {
    let head = store.log.head().await.unwrap();
    let context = jetstream::context(async_nats::connect(url).await.unwrap());
    let info = jetstream::find(&context, &head).await.unwrap().expect("the mirror exists");
    assert_eq!(info.state.last_sequence, head.position.0.unsigned_abs());
    assert_eq!(info.state.first_sequence, first.unsigned_abs());
    let stream = context.get_stream(info.config.name).await.unwrap();
    for event in store.log.read(Position(first - 1), 10_000).await.unwrap() {
        let message = stream.get_raw_message(event.position.0.unsigned_abs()).await.unwrap();
        let mirrored: event_store::cloud_event::CloudEvent<'_> = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(mirrored.into_recorded().unwrap(), event);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_relays_publish_each_event_once_at_its_position() {
    let store = store().await;
    let url = &test_support::servers().nats_url;
    let shutdown = CancellationToken::new();
    let mut states: Vec<_> = (0..3).map(|_| relay(&store, url, &shutdown)).collect();
    for state in &mut states {
        relayed(state, 0).await;
    }
    write(&store, 300).await;
    for state in &mut states {
        relayed(state, 300).await;
    }
    assert_mirror(&store, url, 1).await;
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_mirror_is_made_again_at_the_right_sequence() {
    let store = store().await;
    let url = &test_support::servers().nats_url;
    let shutdown = CancellationToken::new();
    let mut state = relay(&store, url, &shutdown);
    relayed(&mut state, 0).await;
    write(&store, 50).await;
    relayed(&mut state, 50).await;
    let head = store.log.head().await.unwrap();
    let context = jetstream::context(async_nats::connect(url).await.unwrap());
    context.delete_stream(jetstream::stream_name(head.log_id, head.epoch)).await.unwrap();
    let tail = Tail::start(store.log.clone(), Some(url.clone()), shutdown.clone()).await.unwrap();
    write(&store, 50).await;
    relayed(&mut state, 100).await;
    let head = store.log.head().await.unwrap();
    let info = jetstream::find(&context, &head).await.unwrap().unwrap();
    assert_eq!(info.state.last_sequence, 100);
    let mut at = Position(50);
    while at < Position(100) {
        for event in tokio::time::timeout(Duration::from_secs(5), tail.next(at, 10)).await.unwrap().unwrap() {
            assert_eq!(event.position, at.next());
            at = event.position;
        }
    }
    shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nats_readers_poll_and_afterwards_the_mirror_catches_up() {
    let store = store().await;
    let mut servers = test_support::start(false).await;
    let url = servers.nats_url.clone().unwrap();
    let nats = servers.nats.as_mut().unwrap();
    let shutdown = CancellationToken::new();
    let mut state = relay(&store, &url, &shutdown);
    relayed(&mut state, 0).await;
    let tail = Tail::start(store.log.clone(), Some(url.clone()), shutdown.clone()).await.unwrap();
    write(&store, 20).await;
    relayed(&mut state, 20).await;
    nats.kill().await.unwrap();
    write(&store, 20).await;
    let mut at = Position(20);
    while at < Position(40) {
        let events = tokio::time::timeout(Duration::from_millis(1_500), tail.next(at, 100))
            .await
            .expect("polling takes over")
            .unwrap();
        at = events.last().unwrap().position;
    }
    nats.restart().await.unwrap();
    relayed(&mut state, 40).await;
    assert_mirror(&store, &url, 1).await;
    nats.wipe().await.unwrap();
    nats.restart().await.unwrap();
    write(&store, 20).await;
    relayed(&mut state, 60).await;
    let head = store.log.head().await.unwrap();
    let context = jetstream::context(async_nats::connect(&url).await.unwrap());
    assert_eq!(jetstream::find(&context, &head).await.unwrap().unwrap().state.last_sequence, 60);
    shutdown.cancel();
    servers.stop().await.unwrap();
}

/// A database that has lost its tail must not be mistaken for the log that the mirror has seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_ahead_of_the_log_is_reported_and_left_alone() {
    let store = store().await;
    let url = &test_support::servers().nats_url;
    let shutdown = CancellationToken::new();
    let mut state = relay(&store, url, &shutdown);
    relayed(&mut state, 0).await;
    write(&store, 10).await;
    relayed(&mut state, 10).await;
    shutdown.cancel();
    sqlx::raw_sql("delete from log.events where position > 5; update log.head set position = 5")
        .execute(&store.pool)
        .await
        .unwrap();
    let shutdown = CancellationToken::new();
    let mut state = relay(&store, url, &shutdown);
    let diverged = state.wait_for(|state| matches!(state, RelayState::Diverged(_)));
    tokio::time::timeout(Duration::from_secs(5), diverged).await.expect("it is noticed").unwrap();
    shutdown.cancel();
}

/// After a promotion an operator adopts the log: the mirror of the new epoch begins where the log ends.
#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_log_has_a_mirror_of_its_own() {
    let store = store().await;
    let url = &test_support::servers().nats_url;
    let shutdown = CancellationToken::new();
    let mut state = relay(&store, url, &shutdown);
    relayed(&mut state, 0).await;
    write(&store, 5).await;
    relayed(&mut state, 5).await;
    assert_eq!(Log::new(store.pool.clone()).adopt("a test").await.unwrap(), kernel::Epoch(2));
    write(&store, 5).await;
    relayed(&mut state, 10).await;
    let head = store.log.head().await.unwrap();
    let context = jetstream::context(async_nats::connect(url).await.unwrap());
    let mut info = jetstream::find(&context, &head).await.unwrap();
    for _ in 0..50 {
        if info.as_ref().is_some_and(|info| info.state.last_sequence == 10) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        info = jetstream::find(&context, &head).await.unwrap();
    }
    let info = info.expect("the new epoch has a mirror");
    assert_eq!(info.state.last_sequence, 10);
    let epochs: Vec<i32> = store.log.read(Position(5), 10).await.unwrap().iter().map(|event| event.epoch.0).collect();
    assert_eq!(epochs, [2; 5]);
    shutdown.cancel();
}
