//! Events that cannot be folded, and logs that tell another history.

use crate::fixtures::{
    self, Boxed, Boxes, Dice, Running, Unreadable, assert_equal_to_log, execute, models, record, record_some, state,
    until, wait,
};
use event_store::Log;
use kernel::{Event, Position};
use projector::{Options, State, WaitError};
use sqlx::{PgPool, query, query_scalar};
use std::time::Duration;
use uuid::Uuid;

async fn checkpoint(pool: &PgPool, name: &str) -> i64 {
    query_scalar("select position from projection.checkpoints where name = $1")
        .bind(name)
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn wait_for_failure(log: &Log) {
    until("it has stopped", async || {
        let all = projector::status(log.pool()).await.unwrap();
        all.iter().any(|status| status.name == "test.boxes" && status.state == State::Failed)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_an_unknown_type_stops_who_listens_to_it() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let mut dice = Dice::new(16);
    let before = record_some(&pool, &mut dice, 300, 50).await;
    let running = Running::start(&log, models(), Options::default()).await;
    wait(&pool, "test.boxes", before).await;
    // Recorded by a newer build.
    let mut events = vec![(Uuid::from_u128(1), Boxed::CATEGORY, Unreadable::Dropped {}.encode())];
    events.extend((0..20).map(|_| dice.event(50)));
    let last = record(&pool, 3, events).await;
    let bad = Position(last.0 - 20);
    wait_for_failure(&log).await;
    let all = projector::status(log.pool()).await.unwrap();
    assert!(all.iter().all(|status| status.error.as_deref().is_none_or(|error| error.contains("test.box.dropped"))));
    assert!(checkpoint(&pool, "test.boxes").await < bad.0);
    let waited = projector::wait_for(&pool, "test.boxes", last, Duration::from_secs(20)).await;
    assert!(matches!(waited, Err(WaitError::Stopped { .. })), "nobody waits in vain: {waited:?}");
    running.stop().await;

    // With a build that knows it (in a test, by a change of history), it goes on from exactly there.
    query("update log.events set type = 'burnt' where position = $1").bind(bad.0).execute(&pool).await.unwrap();
    let running = Running::start(&log, models(), Options::default()).await;
    fixtures::live(&pool, "test.boxes", 1).await;
    wait(&pool, "test.boxes", last).await;
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
    running.stop().await;
}

/// A projector on a log that another history was put under is stopped before it folds anything on top.
async fn diverges(pool: &PgPool, log: &Log, running: Running, position: Position) {
    let error = tokio::time::timeout(Duration::from_secs(20), running.task).await.unwrap().unwrap().unwrap_err();
    assert!(error.is_divergence(), "{error}");
    let text = error.to_string();
    assert!(text.contains("LOG_DIVERGED") && text.contains("sillage log adopt"), "{text}");
    let all = projector::status(log.pool()).await.unwrap();
    assert!(all.iter().any(|status| status.state == State::Diverged && status.error.as_deref() == Some(text.as_str())));
    assert!(all.iter().all(|status| status.position == position), "nothing was folded: {all:?}");
    let waited = projector::wait_for(pool, "test.boxes", position.next(), Duration::from_secs(5)).await;
    assert!(waited.is_err());
}

async fn live() -> (PgPool, Log, Running, Position) {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let last = record_some(&pool, &mut Dice::new(11), 500, 50).await;
    let running = Running::start(&log, models(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    wait(&pool, "test.labels", last).await;
    (pool, log, running, last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_history_is_noticed_at_the_start() {
    let (pool, log, running, last) = live().await;
    running.stop().await;
    query("update log.events set event_id = gen_random_uuid() where position = $1")
        .bind(last.0)
        .execute(&pool)
        .await
        .unwrap();
    record_some(&pool, &mut Dice::new(12), 50, 50).await;
    let running = Running::start(&log, models(), Options::default()).await;
    diverges(&pool, &log, running, last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_ends_before_the_checkpoint_is_noticed_while_running() {
    let (pool, log, running, last) = live().await;
    let mut promoted = pool.begin().await.unwrap();
    query("delete from log.events where position > $1 - 100").bind(last.0).execute(&mut *promoted).await.unwrap();
    query("update log.head set position = position - 100").execute(&mut *promoted).await.unwrap();
    promoted.commit().await.unwrap();
    diverges(&pool, &log, running, last).await;
}

/// The positions are used again before the projector looks: the checkpoint is not moved over them.
async fn another_history_at_the_same_positions(epoch: i32) -> (PgPool, Log, Running, Position) {
    let (pool, log, running, last) = live().await;
    let mut promoted = pool.begin().await.unwrap();
    query("update log.events set event_id = gen_random_uuid() where position > $1 - 100")
        .bind(last.0)
        .execute(&mut *promoted)
        .await
        .unwrap();
    query("update log.head set epoch = $1").bind(epoch).execute(&mut *promoted).await.unwrap();
    promoted.commit().await.unwrap();
    record_some(&pool, &mut Dice::new(12), 50, 50).await;
    (pool, log, running, last)
}

/// Whoever adopted it knows: the projector stays, and each read model stands where it was until it is healed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adopted_log_with_another_history_is_not_folded() {
    let (pool, log, running, last) = another_history_at_the_same_positions(2).await;
    for name in ["test.boxes", "test.labels"] {
        until("it is told", async || state(&log, name, 1).await == State::Diverged).await;
    }
    let waited = projector::wait_for(&pool, "test.boxes", last.next(), Duration::from_secs(5)).await;
    assert!(waited.is_err(), "nobody waits in vain: {waited:?}");
    let all = projector::status(log.pool()).await.unwrap();
    assert!(all.iter().all(|status| status.position == last), "nothing was folded: {all:?}");
    running.shutdown.cancel();
    // Whoever hears it from the log itself, and not from a read model, ends before it is told to.
    if let Err(error) = running.task.await.unwrap() {
        assert!(error.is_divergence(), "{error}");
    }
}

/// A standby was promoted and nobody has told the log so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_history_in_the_same_epoch_is_not_folded() {
    let (pool, log, running, last) = another_history_at_the_same_positions(1).await;
    diverges(&pool, &log, running, last).await;
}

/// An adopted log whose history is the same up to the checkpoint is folded on, in its new epoch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_epoch_of_the_same_history_is_folded_on() {
    let (pool, _, running, _) = live().await;
    execute(&pool, "update log.head set epoch = 2").await;
    let last = record_some(&pool, &mut Dice::new(12), 50, 50).await;
    wait(&pool, "test.boxes", last).await;
    let epoch: i32 = query_scalar("select min(epoch) from projection.checkpoints where name = 'test.boxes'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(epoch, 2);
    running.stop().await;
}
