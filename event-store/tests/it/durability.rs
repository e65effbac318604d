//! What was acknowledged survives the death of Postgres, although the head is free again before the disk has answered.

use crate::fixtures::{append, change};
use event_store::append::AppenderOptions;
use event_store::{Append, Appender, Idempotency, Log};
use kernel::Position;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use uuid::Uuid;

const WRITERS: usize = 24;
const ROUNDS: usize = 6;

/// Appends until told to stop; a request is repeated with its key until it is answered. Gives position by stream.
async fn write(appender: Appender, stop: Arc<AtomicBool>) -> Vec<(Uuid, Position)> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut request: Append = append(vec![change(Uuid::now_v7(), 0, &[1, 2])]);
        request.idempotency = Idempotency { key: Uuid::now_v7(), request_hash: Uuid::nil() };
        for attempt in 0.. {
            assert!(attempt < 500, "the appender does not recover");
            match appender.append(request.clone()).await {
                Ok(answer) => {
                    acknowledged.push((request.changes[0].stream_id, answer.position));
                    break;
                }
                // A conflict with oneself: stored, but the answer was lost on the way. The key tells.
                Err(event_store::AppendError::Conflict { version, .. }) => {
                    request.changes[0].expected = version;
                    request.changes[0].events.clear();
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
            }
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_postgres_loses_nothing_that_was_acknowledged() {
    let mut servers = test_support::start(true).await;
    let (url, pool) = test_support::empty_database(&servers.database_url).await;
    event_store::schema::migrate(&pool, 100_000).await.unwrap();
    event_store::schema::check_server(&pool, false).await.unwrap();
    let appender = Appender::start(&url, pool.clone(), &AppenderOptions::default()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(write(appender.clone(), Arc::clone(&stop)));
    }
    let postgres = servers.postgres.as_mut().unwrap();
    for round in 0..ROUNDS {
        tokio::time::sleep(Duration::from_millis(150 + 37 * u64::try_from(round).unwrap())).await;
        postgres.kill().await.unwrap();
        postgres.restart().await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let acknowledged: HashMap<Uuid, Position> = writers.join_all().await.into_iter().flatten().collect();

    let log = Log::new(pool.clone());
    let (mut at, mut stored) = (Position::ZERO, HashMap::new());
    loop {
        let events = log.read(at, 1_000).await.unwrap();
        let Some(last) = events.last() else { break };
        assert_eq!(last.position.0 - at.0, i64::try_from(events.len()).unwrap(), "positions have a gap");
        at = last.position;
        for event in events {
            let (count, position) = stored.entry(event.stream_id).or_insert((0, event.position));
            (*count, *position) = (*count + 1, event.position);
        }
    }
    eprintln!("durability: {} acknowledged over {ROUNDS} kills, {at} events stored", acknowledged.len());
    assert!(acknowledged.len() > 100, "the test wrote too little to prove anything");
    for (stream, position) in &acknowledged {
        assert_eq!(
            stored.get(stream),
            Some(&(2, *position)),
            "an acknowledged append is missing, doubled or elsewhere"
        );
    }
    drop(appender);
    servers.stop().await.unwrap();
}
