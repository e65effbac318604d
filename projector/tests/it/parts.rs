//! Projections in parts: split and merged while events come in and processes come and go.

use crate::fixtures::{
    Boxed, Boxes, Dice, Labels, Running, assert_equal_to_log, keep_recording, models, record_boxed, record_some, until,
    wait,
};
use crate::ownership::projector;
use event_store::Log;
use kernel::Position;
use projector::acts::By;
use projector::operate::OperateError;
use projector::parts::parts;
use projector::{Operator, Options, State, projection};
use sqlx::{AssertSqlSafe, PgPool, query_as, query_scalar, raw_sql};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const NAME: &str = "test.boxes";
const MINUTE: Duration = Duration::from_mins(1);

fn by() -> By {
    By::itself("a test")
}

async fn positions(pool: &PgPool) -> Vec<i64> {
    parts(pool).await.unwrap().iter().map(|part| part.position.0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_begin_where_the_whole_was_and_end_as_one() {
    let (_, pool) = test_support::database().await;
    let (log, operator, mut dice) = (Log::new(pool.clone()), Operator::new(pool.clone()), Dice::new(41));
    let last = record_some(&pool, &mut dice, 500, 50).await;
    let running = Running::start(&log, models(), Options::default()).await;
    wait(&pool, NAME, last).await;
    until("it is live", async || {
        let all = projector::status(&pool).await.unwrap();
        all.iter().all(|one| one.state == State::Live)
    })
    .await;
    let boxes = projection::<Boxes<1>>();
    operator.split(&*boxes, 4, by()).await.unwrap();
    assert_eq!(positions(&pool).await, [last.0; 4]);
    let again = operator.split(&*boxes, 2, by()).await;
    assert!(
        matches!(&again, Err(OperateError::Nothing { because, .. }) if because.contains("split already")),
        "{again:?}"
    );
    for into in [1, 65] {
        assert!(matches!(operator.split(&*boxes, into, by()).await, Err(OperateError::Nothing { .. })));
    }
    let few = operator.split(&*projection::<Labels>(), 2, by()).await;
    assert!(matches!(&few, Err(OperateError::Nothing { because, .. }) if because.contains("too few")), "{few:?}");

    let last = record_some(&pool, &mut dice, 500, 50).await;
    wait(&pool, NAME, last).await;
    assert_eq!(positions(&pool).await, [last.0; 4], "the whole is where the last of them is");
    let one = projector::status(&pool).await.unwrap().into_iter().find(|one| one.name == NAME).unwrap();
    assert_eq!((one.parts, one.position, one.state), (4, last, State::Live));
    assert!(parts(&pool).await.unwrap().iter().all(|part| part.owner.is_some() && part.gap == 0));
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);

    operator.merge(NAME, MINUTE, by()).await.unwrap();
    let unsplit = operator.merge(NAME, MINUTE, by()).await;
    assert!(matches!(unsplit, Err(OperateError::Nothing { .. })), "{unsplit:?}");
    let last = record_some(&pool, &mut dice, 500, 50).await;
    wait(&pool, NAME, last).await;
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_part_that_cannot_go_on_stops_no_other() {
    let (_, pool) = test_support::database().await;
    let (log, operator, mut dice) = (Log::new(pool.clone()), Operator::new(pool.clone()), Dice::new(42));
    let last = record_some(&pool, &mut dice, 300, 50).await;
    let running = Running::start(&log, models(), Options::default()).await;
    wait(&pool, NAME, last).await;
    until("it is live", async || projector::status(&pool).await.unwrap().iter().all(|one| one.state == State::Live))
        .await;
    operator.split(&*projection::<Boxes<1>>(), 3, by()).await.unwrap();
    let cursed = record_boxed(&pool, 7, Boxed::Cursed {}).await;
    let last = record_some(&pool, &mut dice, 100, 50).await;
    until("two go on", async || positions(&pool).await.iter().filter(|at| **at == last.0).count() == 2).await;
    until("one stands before it", async || {
        let all = parts(&pool).await.unwrap();
        all.iter()
            .any(|part| part.position < cursed && part.error.as_deref().is_some_and(|error| error.contains("cursed")))
    })
    .await;
    wait(&pool, "test.labels", last).await;
    let one = projector::status(&pool).await.unwrap().into_iter().find(|one| one.name == NAME).unwrap();
    assert_eq!(one.state, State::Failed);
    assert!(one.position < cursed, "readers are promised what all of them have");
    let behind = operator.merge(NAME, Duration::from_secs(1), by()).await;
    assert!(matches!(behind, Err(OperateError::Behind { .. })), "{behind:?}");
    running.stop().await;
}

/// Every step of every part, with whose session made it.
async fn watch_steps(pool: &PgPool) {
    let steps = "create table steps (part integer, owner_epoch bigint, position bigint, application text); \
         create function record_step() returns trigger language plpgsql security definer as $$ begin \
         insert into steps select new.part, new.owner_epoch + c.owner_epoch, new.position, \
         current_setting('application_name') from projection.checkpoints c \
         where c.name = new.name and c.generation = new.generation; return null; end $$; \
         create trigger record_step after update of position on projection.parts \
         for each row when (old.position <> new.position) execute function record_step()";
    raw_sql(AssertSqlSafe(steps)).execute(pool).await.unwrap();
}

/// Whatever is done to it at random, the table is the fold of the log, and nobody writes who is not the owner.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_splits_merges_kills_and_freezes_change_nothing() {
    let (url, pool) = test_support::database().await;
    let rounds: u64 = std::env::var("SILLAGE_TEST_PARTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let (log, operator, mut dice) = (Log::new(pool.clone()), Operator::new(pool.clone()), Dice::new(43));
    watch_steps(&pool).await;
    let stop = Arc::new(AtomicBool::new(false));
    let recording = keep_recording(pool.clone(), 44, Arc::clone(&stop));
    let mut processes = [projector(&url), projector(&url)];
    until("it is live", async || {
        let all = projector::status(&pool).await.unwrap();
        !all.is_empty() && all.iter().all(|one| one.state == State::Live)
    })
    .await;
    let (mut splits, mut merges) = (0, 0);
    for round in 0..rounds {
        let split = !parts(&pool).await.unwrap().is_empty();
        // Half of the time somebody dies or freezes in the middle of what comes next.
        let victim = usize::try_from(dice.roll(2)).unwrap();
        match dice.roll(4) {
            0 => processes[victim] = projector(&url),
            1 => processes[victim].signal("STOP"),
            _ => {}
        }
        if split && (round + 1 == rounds || dice.roll(2) == 0) {
            operator.merge(NAME, MINUTE, by()).await.unwrap();
            merges += 1;
        } else if !split {
            let into = i32::try_from(2 + dice.roll(4)).unwrap();
            until("it can be split", async || operator.split(&*projection::<Boxes<1>>(), into, by()).await.is_ok())
                .await;
            splits += 1;
        }
        processes[victim].signal("CONT");
        let at = log.head().await.unwrap().position;
        wait(&pool, NAME, at).await;
    }
    stop.store(true, Ordering::SeqCst);
    let last: Position = recording.await.unwrap();
    wait(&pool, NAME, last).await;
    wait(&pool, "test.labels", last).await;
    assert!(splits > 0 && merges > 0);
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
    assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
    let stale: Vec<(i32, i64)> = query_as(
        "select part, owner_epoch from steps group by part, owner_epoch having count(distinct application) > 1 \
         union all select a.part, a.owner_epoch from steps a join steps b \
         on a.part = b.part and a.owner_epoch < b.owner_epoch and a.position > b.position",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(stale, [], "somebody wrote who was no longer the owner");
    let steps: i64 = query_scalar("select count(*) from steps").fetch_one(&pool).await.unwrap();
    eprintln!("{rounds} rounds: {splits} splits, {merges} merges, {steps} steps of parts, none of them stale");
}
