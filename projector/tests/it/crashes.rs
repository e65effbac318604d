//! However a projector ends, each event takes effect exactly once.

use crate::fixtures::{
    Boxes, Dice, Labels, Running, assert_equal_to_log, keep_recording, models, record_some, until, wait,
};
use event_store::Log;
use kernel::Position;
use projector::Options;
use sqlx::{PgPool, Row, query};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Checkpoints as they were seen over time: scorecard C9.
fn watch_checkpoints(pool: PgPool, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<usize> {
    tokio::spawn(async move {
        let mut seen: Vec<(i64, i64)> = vec![(0, 0); 2];
        let mut steps = 0;
        while !stop.load(Ordering::SeqCst) {
            let rows = query("select position, owner_epoch from projection.checkpoints order by name")
                .fetch_all(&pool)
                .await
                .unwrap();
            for (row, before) in rows.iter().zip(&mut seen) {
                let now: (i64, i64) = (row.get(0), row.get(1));
                assert!(now.0 >= before.0 && now.1 >= before.1, "a checkpoint went from {before:?} to {now:?}");
                steps += usize::from(now != *before);
                *before = now;
            }
        }
        steps
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projector_that_is_dropped_anywhere_leaves_each_effect_exactly_once() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    record_some(&pool, &mut Dice::new(1), 3_000, 50).await;
    let stop = Arc::new(AtomicBool::new(false));
    let recording = keep_recording(pool.clone(), 2, Arc::clone(&stop));
    let watching = watch_checkpoints(pool.clone(), Arc::clone(&stop));
    let mut dice = Dice::new(3);
    for _ in 0..25 {
        let options = Options { batch: 50, catch_up_batch: 200, lanes: 2, ..Options::default() };
        let running = Running::start(&log, models(), options).await;
        tokio::time::sleep(Duration::from_micros(20_000 + dice.roll(400_000))).await;
        // The future is dropped at whatever await it stands.
        running.task.abort();
        assert!(running.task.await.unwrap_err().is_cancelled());
        running.shutdown.cancel();
    }
    stop.store(true, Ordering::SeqCst);
    let last = recording.await.unwrap();
    assert!(watching.await.unwrap() > 10, "it made progress");
    let running = Running::start(&log, models(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    wait(&pool, "test.labels", last).await;
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
    assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
    running.stop().await;
    // What was under way when the last one was dropped ends by itself, sooner than the server would end it.
    let begun = Instant::now();
    let inside =
        "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in tr%'";
    while sqlx::query_scalar::<_, i64>(inside).fetch_one(&pool).await.unwrap() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(3), "a connection stays inside a transaction");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn owner_epoch(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select coalesce(max(owner_epoch), 0) from projection.checkpoints")
        .fetch_one(pool)
        .await
        .unwrap()
}

/// The owner's locks are gone without its knowing, and another one has raised the owner epoch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_owner_is_fenced() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let before = record_some(&pool, &mut Dice::new(7), 500, 50).await;
    let running = Running::start(&log, models(), Options::default()).await;
    wait(&pool, "test.boxes", before).await;
    wait(&pool, "test.labels", before).await;
    // As another owner would, and then folds nothing.
    let mut other = pool.begin().await.unwrap();
    query("update projection.checkpoints set owner_epoch = owner_epoch + 10").execute(&mut *other).await.unwrap();
    let digest = crate::fixtures::digest(&pool, "test_boxes").await;
    let after = record_some(&pool, &mut Dice::new(8), 100, 50).await;
    // The stale owner folds the new events and waits for the checkpoint's row.
    tokio::time::sleep(Duration::from_millis(800)).await;
    other.commit().await.unwrap();
    assert_eq!(crate::fixtures::digest(&pool, "test_boxes").await, digest, "the stale owner wrote nothing");
    // Nobody else holds the locks: it becomes the owner again, properly.
    wait(&pool, "test.boxes", after).await;
    wait(&pool, "test.labels", after).await;
    assert_eq!(owner_epoch(&pool).await, 12);
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
    running.stop().await;
}

/// Rows and checkpoints are committed without waiting for the disk: a crash may take the last of them back, together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_postgres_is_folded_over() {
    let mut servers = test_support::start(true).await;
    let (_, pool) = test_support::empty_database(&servers.database_url).await;
    event_store::schema::migrate(&pool, 100_000).await.unwrap();
    let log = Log::new(pool.clone());
    record_some(&pool, &mut Dice::new(9), 20_000, 500).await;
    let running = Running::start(&log, models(), Options { batch: 20, ..Options::default() }).await;
    let mut last = Position::ZERO;
    for round in 0..4 {
        for part in 0..30 {
            last = record_some(&pool, &mut Dice::new(100 * round + part), 30, 500).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let postgres = servers.postgres.as_mut().unwrap();
        postgres.kill().await.unwrap();
        postgres.restart().await.unwrap();
        until("Postgres answers", async || query("select 1").execute(&pool).await.is_ok()).await;
    }
    wait(&pool, "test.boxes", last).await;
    wait(&pool, "test.labels", last).await;
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
    assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
    running.stop().await;
    pool.close().await;
    servers.stop().await.unwrap();
}
