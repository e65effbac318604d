//! Generations: declared, built beside, switched, taken up again.

use crate::fixtures::{
    BoxRow, Boxes, Dice, Labels, Running, assert_equal_to_log, live, models, record_some, state, until, wait,
};
use event_store::Log;
use kernel::{Position, ReadModel};
use projector::{Options, Projection, ProjectionStatus, State, WaitError, projection};
use sqlx::{PgPool, Row, query, query_scalar};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn only<M: ReadModel>() -> Vec<Box<dyn Projection>> {
    vec![projection::<M>()]
}

async fn status_of(log: &Log, generation: i32) -> ProjectionStatus {
    let all = projector::status(log.pool()).await.unwrap();
    all.into_iter().find(|one| one.name == "test.boxes" && one.generation == generation).expect("it is there")
}

async fn serving(pool: &PgPool) -> i32 {
    query_scalar("select generation from projection.projections where name = 'test.boxes' and serving")
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Reads the view as fast as it can, by a statement that is prepared once, and with its own transactions; counts.
fn keep_reading(pool: PgPool, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<(usize, usize)> {
    tokio::spawn(async move {
        let (mut reads, mut rows) = (0, 0);
        while !stop.load(Ordering::SeqCst) {
            let list = projector::row::column_list(Boxes::<1>::TABLE.columns, "");
            let statement = format!("select {list} from read.test_boxes where tenant_id = $1 limit 5");
            let read = query(sqlx::AssertSqlSafe(statement)).bind(uuid::Uuid::from_u128(1)).fetch_all(&pool).await;
            for row in read.expect("a reader never sees an error") {
                let _: BoxRow = projector::row::read(&Boxes::<1>::TABLE, &row).expect("a row is whole");
                rows += 1;
            }
            reads += 1;
        }
        (reads, rows)
    })
}

/// Records events as fast as it can; the last position.
fn keep_recording(pool: PgPool, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<Position> {
    tokio::spawn(async move {
        let mut last = Position::ZERO;
        let mut dice = Dice::new(2);
        while !stop.load(Ordering::SeqCst) {
            last = record_some(&pool, &mut dice, 20, 100).await;
        }
        last
    })
}

/// What readers are shown never goes back, whichever generation it is.
fn watch_serving(pool: PgPool, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut before = (0, 0);
        while !stop.load(Ordering::SeqCst) {
            let row = query(
                "select p.generation, c.position from projection.projections p \
                 join projection.checkpoints c using (name, generation) where p.serving",
            )
            .fetch_one(&pool)
            .await
            .unwrap();
            let now: (i32, i64) = (row.get(0), row.get(1));
            assert!(now.1 >= before.1, "from generation and position {before:?} to {now:?}");
            before = now;
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_is_built_beside_and_shown_while_readers_read() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let first = record_some(&pool, &mut Dice::new(1), 3_000, 200).await;
    let running = Running::start(&log, only::<Boxes<1>>(), Options::default()).await;
    wait(&pool, "test.boxes", first).await;
    live(&pool, "test.boxes", 1).await;
    running.stop().await;

    let stop = Arc::new(AtomicBool::new(false));
    let reading: Vec<_> = (0..3).map(|_| keep_reading(pool.clone(), Arc::clone(&stop))).collect();
    for version in 2..6 {
        let last = record_some(&pool, &mut Dice::new(10), 500, 200).await;
        let models = match version {
            2 => only::<Boxes<2>>(),
            3 => only::<Boxes<3>>(),
            4 => only::<Boxes<4>>(),
            _ => only::<Boxes<5>>(),
        };
        let running = Running::start(&log, models, Options { catch_up_batch: 300, ..Options::default() }).await;
        until("readers are switched", async || serving(&pool).await == version).await;
        wait(&pool, "test.boxes", last).await;
        assert_eq!(state(&log, "test.boxes", version).await, State::Live);
        let before = status_of(&log, version - 1).await;
        assert!(before.kept && !before.serving && before.state == State::Live, "it is kept: {before:?}");
        running.stop().await;
    }
    stop.store(true, Ordering::SeqCst);
    for reader in reading {
        let (reads, rows) = reader.await.unwrap();
        assert!(reads > 50 && rows > 50, "{reads} reads, {rows} rows");
    }
    assert!(assert_equal_to_log::<Boxes<5>>(&log, 5).await > 20);
    let same: bool = query_scalar(
        "select (select count(*) from (table read.test_boxes except table read.test_boxes_g5) d) = 0 \
         and (select count(*) from (table read.test_boxes except table read.test_boxes_g1) d) > 0",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(same, "the view is over the new table");
}

/// While an old and a new version run side by side, as in a rolling deployment, each folds its own generation, and the
/// older one does not take readers back. Alone again, it does: that is a rollback.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_side_by_side_fold_side_by_side() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let first = record_some(&pool, &mut Dice::new(1), 1_000, 100).await;
    let older = Running::start(&log, only::<Boxes<1>>(), Options::default()).await;
    wait(&pool, "test.boxes", first).await;
    let stop = Arc::new(AtomicBool::new(false));
    let recording = keep_recording(pool.clone(), Arc::clone(&stop));
    let watching = watch_serving(pool.clone(), Arc::clone(&stop));
    let newer = Running::start(&log, only::<Boxes<2>>(), Options::default()).await;
    until("readers are switched", async || serving(&pool).await == 2).await;
    stop.store(true, Ordering::SeqCst);
    let last = recording.await.unwrap();
    watching.await.unwrap();
    until("both go on", async || {
        projector::status(log.pool()).await.unwrap().iter().all(|status| status.position == last && status.gap == 0)
    })
    .await;
    older.stop().await;
    let older = Running::start(&log, only::<Boxes<1>>(), Options::default()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(serving(&pool).await, 2, "the older side of a deployment leaves readers where they are");
    newer.stop().await;
    until("the older version is alone and serves again", async || serving(&pool).await == 1).await;
    let last = record_some(&pool, &mut Dice::new(3), 200, 100).await;
    wait(&pool, "test.boxes", last).await;
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
    older.stop().await;
}

/// A reader who holds the view for long delays the switch, and is not disturbed; nor is anybody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_waits_for_a_long_reader_without_holding_up_others() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let last = record_some(&pool, &mut Dice::new(1), 500, 100).await;
    let running = Running::start(&log, only::<Boxes<1>>(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    running.stop().await;
    let mut reader = pool.begin().await.unwrap();
    query("select count(*) from read.test_boxes").execute(&mut *reader).await.unwrap();

    let running = Running::start(&log, only::<Boxes<2>>(), Options::default()).await;
    until("the new generation is live", async || {
        let all = projector::status(log.pool()).await.unwrap();
        all.iter().any(|status| status.generation == 2 && status.state == State::Live)
    })
    .await;
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    while begun.elapsed() < Duration::from_secs(4) {
        let before = Instant::now();
        query("select count(*) from read.test_boxes").execute(&pool).await.unwrap();
        slowest = slowest.max(before.elapsed());
        assert_eq!(serving(&pool).await, 1);
    }
    assert!(slowest < Duration::from_millis(900), "a reader waited {slowest:?} behind the switch");
    let more = record_some(&pool, &mut Dice::new(2), 50, 100).await;
    until("folding goes on", async || {
        projector::status(log.pool())
            .await
            .unwrap()
            .iter()
            .any(|status| status.generation == 2 && status.position == more)
    })
    .await;
    reader.rollback().await.unwrap();
    until("readers are switched", async || serving(&pool).await == 2).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_read_model_joins_those_that_are_live() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let last = record_some(&pool, &mut Dice::new(1), 5_000, 100).await;
    let running = Running::start(&log, only::<Boxes<1>>(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    running.stop().await;
    let stop = Arc::new(AtomicBool::new(false));
    let recording = keep_recording(pool.clone(), Arc::clone(&stop));
    let options = Options { batch: 100, catch_up_batch: 700, ..Options::default() };
    let running = Running::start(&log, models(), options).await;
    until("both are live", async || {
        let all = projector::status(log.pool()).await.unwrap();
        all.len() == 2 && all.iter().all(|status| status.state == State::Live)
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::SeqCst);
    let last = recording.await.unwrap();
    wait(&pool, "test.boxes", last).await;
    wait(&pool, "test.labels", last).await;
    let together: i64 =
        query_scalar("select count(distinct updated_at) from projection.checkpoints where position = $1")
            .bind(last.0)
            .fetch_one(&pool)
            .await
            .unwrap();
    assert!(together <= 2);
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
    assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_wait_for_their_own_writes_and_are_told_when_it_is_in_vain() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let soon = Duration::from_millis(100);
    assert!(matches!(projector::wait_for(&pool, "test.boxes", Position(1), soon).await, Err(WaitError::Unknown(_))));
    let last = record_some(&pool, &mut Dice::new(1), 100, 10).await;
    // Before the projector has ever run.
    let early = {
        let pool = pool.clone();
        tokio::spawn(async move { projector::wait_for(&pool, "test.boxes", last, Duration::from_mins(1)).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let running = Running::start(&log, models(), Options::default()).await;
    assert_eq!(early.await.unwrap().unwrap(), last);
    let begun = Instant::now();
    let beyond = projector::wait_for(&pool, "test.boxes", last.next(), soon).await;
    assert!(matches!(beyond, Err(WaitError::TimedOut { at, .. }) if at == last));
    assert!(begun.elapsed() >= soon && begun.elapsed() < soon * 5);
    let woken = running.progress.wait_for(&pool, "test.labels", last, Duration::from_secs(20)).await;
    assert_eq!(woken.unwrap(), last);
    let mut dice = Dice::new(2);
    let (waited, recorded) = tokio::join!(
        running.progress.wait_for(&pool, "test.labels", last.next(), Duration::from_secs(20)),
        record_some(&pool, &mut dice, 1, 10),
    );
    assert_eq!(waited.unwrap(), recorded);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_view_lists_columns_and_lets_nobody_around_row_security() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let last = record_some(&pool, &mut Dice::new(1), 10, 10).await;
    let running = Running::start(&log, models(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    let row = query(
        "select c.reloptions::text, obj_description(c.oid), \
         (select string_agg(attname, ' ' order by attnum) from pg_attribute where attrelid = c.oid and attnum > 0) \
         from pg_class c where c.oid = 'read.test_boxes'::regclass",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(row.get::<&str, _>(0), "{security_invoker=true}");
    assert_eq!(row.get::<&str, _>(1), "read model test.boxes: the serving generation, now 1");
    assert_eq!(
        row.get::<&str, _>(2),
        "tenant_id id label colour open takes amount ratio seen_at day tags tied_to extra at_position"
    );
    running.stop().await;
}

/// The events that a build would begin with were moved into files: it stops and says so, and readers notice nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_over_archived_history_stops_and_says_what_to_do() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let first = record_some(&pool, &mut Dice::new(3), 500, 50).await;
    let running = Running::start(&log, only::<Boxes<1>>(), Options::default()).await;
    wait(&pool, "test.boxes", first).await;
    running.stop().await;
    let last = record_some(&pool, &mut Dice::new(4), 100, 50).await;
    // As `log.detach` leaves it, without files.
    for statement in [
        "insert into log.archives select 1, 300, now(), now(), gen_random_uuid(), '/archive', '', now(), now(), ''",
        "delete from log.events where position <= 300",
    ] {
        query(statement).execute(&pool).await.unwrap();
    }
    let running = Running::start(&log, only::<Boxes<2>>(), Options::default()).await;
    until("the build has stopped", async || {
        let all = projector::status(&pool).await.unwrap();
        all.iter().any(|one| one.generation == 2 && one.state == State::Failed)
    })
    .await;
    let failed = status_of(&log, 2).await;
    let told = failed.error.unwrap_or_default();
    assert!(told.contains("the events from 1 to 300 are archived"), "{told}");
    assert_eq!(serving(&pool).await, 1);
    running.stop().await;
    let running = Running::start(&log, only::<Boxes<1>>(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    running.stop().await;
}
