//! A rough measure, for working on the engine: `cargo test --release -p projector speed -- --nocapture` with
//! `SILLAGE_SPEED_EVENTS=1000000`. Small by default, to see only that it works.

use crate::fixtures::{Boxes, Dice, Labels, Running, assert_equal_to_log, models, record, tenant, wait};
use event_store::append::AppenderOptions;
use event_store::jetstream::MirrorOptions;
use event_store::{Append, Appender, Idempotency, Log, Relay, Tail};
use kernel::{Actor, ActorId, Change, CommandId, CorrelationId, Position, Version};
use projector::{Options, Projector, projection};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speed_of_catching_up() {
    let events: usize = std::env::var("SILLAGE_SPEED_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let mut dice = Dice::new(1);
    let mut last = Position::ZERO;
    let mut made = 0;
    // Some ten events per box, of a thousand boxes at a time.
    while made < events {
        let part: Vec<_> = (0..20_000.min(events - made))
            .map(|number| {
                let (stream, category, event) = dice.event(1_000);
                (Uuid::from_u128(stream.as_u128() + u128::try_from((made + number) / 10).unwrap()), category, event)
            })
            .collect();
        made += part.len();
        last = record(&pool, 3, part).await;
    }
    for (name, model) in [("test.boxes", projection::<Boxes<1>>()), ("test.labels", projection::<Labels>())] {
        let begun = Instant::now();
        let running = Running::start(&log, vec![model], Options::default()).await;
        wait(&pool, name, last).await;
        let rate = i32::try_from(events).map_or(f64::MAX, f64::from) / begun.elapsed().as_secs_f64();
        println!("{name}: {events} events in {:?}, {rate:.0} events/s", begun.elapsed());
        running.stop().await;
    }
    assert_equal_to_log::<Boxes<1>>(&log, 1).await;
    assert_equal_to_log::<Labels>(&log, 1).await;
}

/// From an append's answer to the row being there for readers, through JetStream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speed_of_following() {
    let (url, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let appender = Appender::start(&url, pool.clone(), &AppenderOptions::default()).unwrap();
    let shutdown = CancellationToken::new();
    let nats = test_support::servers().nats_url.clone();
    let relay = Relay::new(log.clone(), MirrorOptions::new(nats.clone()), appender.committed());
    let relaying = tokio::spawn(relay.run(shutdown.clone()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let tail = Tail::start(log.clone(), Some(nats), shutdown.clone()).await.unwrap();
    let projector = Projector::new(tail, models(), Options::default());
    let progress = projector.progress();
    let projecting = tokio::spawn(projector.run(shutdown.clone()));
    let mut dice = Dice::new(1);
    let mut took = Vec::new();
    let events: usize = std::env::var("SILLAGE_SPEED_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    for number in 0..(events / 500).max(20) {
        let (_, category, event) = dice.event(1_000);
        let stream_id = Uuid::now_v7();
        let change = Change { category, stream_id, expected: Version(0), events: vec![event] };
        let position = appender.append(append(change)).await.unwrap().position;
        let begun = Instant::now();
        if number == 0 {
            wait(&pool, "test.labels", position).await;
        }
        progress.wait_for(&pool, "test.labels", position, Duration::from_secs(20)).await.unwrap();
        took.push(begun.elapsed());
    }
    took.remove(0);
    took.sort();
    println!("following: median {:?}, 99 % {:?}", took[took.len() / 2], took[took.len() * 99 / 100]);
    shutdown.cancel();
    projecting.await.unwrap().unwrap();
    relaying.await.unwrap().unwrap();
    assert_equal_to_log::<Boxes<1>>(&log, 1).await;
}

fn append(change: Change) -> Append {
    let command_id = CommandId(Uuid::now_v7());
    Append {
        tenant_id: tenant(1),
        actor: Actor::user(ActorId(Uuid::from_u128(7))),
        command_id,
        correlation_id: CorrelationId(command_id.0),
        causation_id: None,
        trace: None,
        occurred_at: chrono::Utc::now(),
        idempotency: Idempotency { key: command_id.0, request_hash: Uuid::nil() },
        changes: vec![change],
        reserve: Vec::new(),
        release: Vec::new(),
        counter: None,
    }
}
