//! Copies that yield: many transactions, of which each can be the last.

use crate::fixtures::{Boxed, Boxes, Dice, Running, assert_equal_to_log, live, record, record_some, until, wait};
use event_store::Log;
use kernel::personal::sealing;
use kernel::{
    Column, ColumnKind, Event, Keys, Personal, Position, ReadModel, Recorded, SubjectId, Table, TenantId, typed_id,
};
use projector::acts::By;
use projector::operate::Plan;
use projector::status::BuildStatus;
use projector::{Budget, Operator, Options, Projection, SwitchMode, projection};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgPool, query, query_scalar};
use std::time::{Duration, Instant};
use uuid::Uuid;

typed_id! {
    /// A guest.
    pub(crate) struct GuestId;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Guest {
    Came { name: Personal<String> },
}

impl Event for Guest {
    const CATEGORY: &'static str = "test.guest";
    fn examples() -> Vec<Self> {
        Vec::new()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct GuestRow {
    id: GuestId,
    name: Personal<String>,
}

struct Guests;

impl ReadModel for Guests {
    type Event = Guest;
    type Key = GuestId;
    type Row = GuestRow;
    const NAME: &'static str = "test.guests";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[Column::new("id", ColumnKind::Uuid), Column::optional("name", ColumnKind::Personal)],
        indexes: &[],
    };

    fn keys(event: &Recorded<Guest>) -> Keys<GuestId> {
        Keys::One(GuestId(event.stream_id))
    }

    fn apply(_: Option<GuestRow>, key: &GuestId, event: &Recorded<Guest>) -> Option<GuestRow> {
        let Guest::Came { name } = &event.event;
        Some(GuestRow { id: *key, name: name.clone() })
    }
}

/// A second generation whose rows are being copied, some at a time; at least so many of them are there.
async fn copying(
    log: &Log,
    model: Box<dyn Projection>,
    last: Position,
    (rows, percent): (i64, u8),
) -> (Running, String) {
    let (name, pool) = (model.name(), log.pool().clone());
    let running = Running::start(log, vec![model], Options::default()).await;
    wait(&pool, name, last).await;
    live(&pool, name, 1).await;
    let budget = Budget { events_per_second: None, percent: Some(percent) };
    let plan = Plan { switch: SwitchMode::Ask, budget, memory_mb: None };
    Operator::new(pool.clone()).rebuild(name, plan, By::itself("a test")).await.unwrap();
    let table = format!("read.{}_g2", name.replace('.', "_"));
    until("rows are there before the last one is", async || count(&pool, &table).await >= rows).await;
    (running, table)
}

/// What the build of the second generation tells, once it tells that this holds it up.
async fn held_by(log: &Log, what: &str) -> BuildStatus {
    let told = async || {
        let all = projector::status(log.pool()).await.unwrap();
        all.into_iter().find(|one| one.generation == 2).unwrap().build.unwrap()
    };
    until("it tells what holds it up", async || told().await.held_by.as_deref() == Some(what)).await;
    told().await
}

async fn count(pool: &PgPool, table: &str) -> i64 {
    let there: bool = query_scalar("select to_regclass($1) is not null").bind(table).fetch_one(pool).await.unwrap();
    if !there {
        return 0;
    }
    query_scalar(AssertSqlSafe(format!("select count(*) from {table}"))).fetch_one(pool).await.unwrap()
}

async fn boxes(events: usize) -> (Log, Position) {
    let (_, pool) = test_support::database().await;
    let last = record_some(&pool, &mut Dice::new(1), events, 3_000).await;
    (Log::new(pool), last)
}

/// Not even where the next one folds without memory, all at once, and what was copied is burnt in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_copy_left_behind_is_no_row_of_the_next_fold() {
    for memory in [0, 512 << 20] {
        let (log, last) = boxes(1_500).await;
        let (running, table) = copying(&log, projection::<Boxes<1>>(), last, (100, 20)).await;
        running.task.abort();
        assert!(running.task.await.unwrap_err().is_cancelled());
        let copied: Vec<Uuid> = query_scalar(AssertSqlSafe(format!("select id from {table} order by id")))
            .fetch_all(log.pool())
            .await
            .unwrap();
        assert!((100..900).contains(&copied.len()), "not all of the rows: {}", copied.len());
        let burnt = |id: &Uuid| (*id, Boxed::CATEGORY, Boxed::Burnt {}.encode());
        record(log.pool(), 3, copied.iter().take(100).map(burnt).collect()).await;
        let options = Options { memory, ..Options::default() };
        let running = Running::start(&log, vec![projection::<Boxes<1>>()], options).await;
        live(log.pool(), "test.boxes", 2).await;
        running.stop().await;
        assert!(assert_equal_to_log::<Boxes<1>>(&log, 2).await > 500);
    }
}

/// It takes as long as it is told to, so it says how far it is, and hears when it is to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_tells_how_far_it_is_and_can_be_paused() {
    let (log, last) = boxes(6_000).await;
    let (running, table) = copying(&log, projection::<Boxes<1>>(), last, (300, 5)).await;
    held_by(&log, "budget").await;
    let operator = Operator::new(log.pool().clone());
    operator.pause("test.boxes", None, By::itself("a test")).await.unwrap();
    let build = held_by(&log, "pause").await;
    assert_eq!(build.phase, "writing");
    assert!((300..build.rows).contains(&build.copied), "{} of {} rows", build.copied, build.rows);
    let then = count(log.pool(), &table).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(count(log.pool(), &table).await, then);
    let open = "select count(*) from pg_stat_activity where datname = current_database() and xact_start < \
         clock_timestamp() - interval '400 milliseconds' and query like 'copy%'";
    assert_eq!(query_scalar::<_, i64>(open).fetch_one(log.pool()).await.unwrap(), 0, "no transaction waits with it");
    operator.resume("test.boxes", None, By::itself("a test")).await.unwrap();
    live(log.pool(), "test.boxes", 2).await;
    assert!(count(log.pool(), &table).await > then);
    running.stop().await;
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 2).await > 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_taken_over_from_copies_no_more() {
    let (log, last) = boxes(6_000).await;
    let (running, table) = copying(&log, projection::<Boxes<1>>(), last, (600, 20)).await;
    query("update projection.checkpoints set owner_epoch = owner_epoch + 1 where generation = 2")
        .execute(log.pool())
        .await
        .unwrap();
    let then = count(log.pool(), &table).await;
    let deadline = Instant::now() + Duration::from_mins(1);
    // Whoever owns it next empties the table and begins with one step.
    loop {
        let now = count(log.pool(), &table).await;
        if now < then {
            break;
        }
        assert!(now == then, "{then} rows have become {now}");
        assert!(Instant::now() < deadline, "nobody has taken over");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    live(log.pool(), "test.boxes", 2).await;
    running.stop().await;
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 2).await > 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_while_a_copy_rests_is_in_clear_nowhere() {
    let (_, pool) = test_support::database().await;
    let vault = test_support::vault(&pool).await;
    let house = TenantId(Uuid::nil());
    let guests: Vec<Uuid> = (0..1_500).map(Uuid::from_u128).collect();
    let ring = vault.ring(house, &guests.iter().copied().map(SubjectId).collect()).await.unwrap();
    let events = sealing(ring, || {
        let came = |id: &Uuid| Guest::Came { name: Personal::new(SubjectId(*id), format!("Guest {id}")) }.encode();
        guests.iter().map(|id| (*id, Guest::CATEGORY, came(id))).collect()
    });
    let last = record(&pool, 1, events).await;
    let log = Log::new(pool.clone()).with_vault(vault.clone());
    let (running, table) = copying(&log, projection::<Guests>(), last, (100, 20)).await;
    let operator = Operator::new(pool.clone());
    operator.pause("test.guests", None, By::itself("a test")).await.unwrap();
    held_by(&log, "pause").await;
    let clear = format!("select count(*) from {table} where name is not null");
    let erased: Vec<_> = guests.iter().map(|id| (house, SubjectId(*id))).collect();
    for (tenant_id, subject) in &erased {
        vault.destroy(*tenant_id, *subject, "they asked for it").await.unwrap();
    }
    let told: i64 = query_scalar(AssertSqlSafe(clear.clone())).fetch_one(&pool).await.unwrap();
    assert!((100..1_400).contains(&told), "some are in clear, and others still to come: {told}");
    projector::scrub::scrub(&pool, &erased).await.unwrap();
    operator.resume("test.guests", None, By::itself("a test")).await.unwrap();
    live(&pool, "test.guests", 2).await;
    assert_eq!(count(&pool, &table).await, 1_500);
    assert_eq!(query_scalar::<_, i64>(AssertSqlSafe(clear)).fetch_one(&pool).await.unwrap(), 0);
    running.stop().await;
}
