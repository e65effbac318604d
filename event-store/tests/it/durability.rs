//! What was acknowledged survives the death of Postgres and a full disk, although the head is free again before the disk has
//! answered.

use crate::fixtures::{append, change};
use event_store::append::AppenderOptions;
use event_store::{Append, AppendError, Appender, Idempotency, Log, schema};
use kernel::Position;
use sqlx::{PgPool, query_scalar};
use std::collections::HashMap;
use std::process::Command;
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
    schema::migrate(&pool, 100_000).await.unwrap();
    schema::check_server(&pool, false).await.unwrap();
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

/// Files beyond this are refused, as on a full disk; a segment of the write-ahead log has 16 MiB.
const FULL: &str = "--fsize=20971520:unlimited";
const ROOM: &str = "--fsize=unlimited:unlimited";

/// Sets a limit for a whole Postgres. `false`: this machine has no such limits.
async fn limit(pool: &PgPool, limit: &str) -> bool {
    let folder: String = query_scalar("show data_directory").fetch_one(pool).await.unwrap();
    let lock = std::fs::read_to_string(format!("{folder}/postmaster.pid")).unwrap();
    let mut processes: Vec<i32> =
        query_scalar("select pid from pg_stat_activity where pid is not null").fetch_all(pool).await.unwrap();
    processes.push(lock.lines().next().unwrap().parse().unwrap());
    // A process that has ended meanwhile needs no limit.
    processes
        .iter()
        .filter_map(|pid| Command::new("prlimit").args(["--pid", &pid.to_string(), limit]).output().ok())
        .any(|output| output.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_acknowledges_nothing_and_goes_on_when_there_is_room() {
    let servers = test_support::start(true).await;
    let (url, pool) = test_support::empty_database(&servers.database_url).await;
    schema::migrate(&pool, schema::PARTITION_SIZE).await.unwrap();
    let appender = Appender::start(&url, pool.clone(), &AppenderOptions::default()).unwrap();
    let log = Log::new(pool.clone());
    if !limit(&pool, FULL).await {
        eprintln!("there is no prlimit here: nothing was tried");
        return;
    }
    let (mut stored, mut refused) = (0, None);
    for _ in 0..60 {
        let request = append(vec![change(Uuid::now_v7(), 0, &[1; 4_000])]);
        match appender.append(request.clone()).await {
            Ok(_) => stored += 4_000,
            Err(error) => {
                refused = Some((request, error));
                break;
            }
        }
    }
    let (request, error) = refused.expect("the disk is full");
    assert!(stored > 0 && matches!(error, AppendError::Unavailable(_)), "{stored}: {error:?}");
    assert_eq!(log.head().await.unwrap().position, Position(stored), "nothing of it is there");
    assert_eq!(log.read(Position::ZERO, 10).await.unwrap().len(), 10, "readers go on");

    limit(&pool, ROOM).await;
    let mut answer = appender.append(request.clone()).await;
    for _ in 0..100 {
        if answer.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer = appender.append(request.clone()).await;
    }
    assert_eq!(answer.unwrap().position, Position(stored + 4_000), "once, right behind the others");
    servers.stop().await.unwrap();
}
