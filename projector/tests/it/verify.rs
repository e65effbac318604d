//! Whatever is altered in a read model's table, or in the events it was folded from, the row and the field are found.

use crate::fixtures::{Boxed, Boxes, Dice, Labels, Running, models, record_boxed, record_some, wait};
use event_store::Log;
use event_store::verify::{Divergence, Pace};
use kernel::{Position, ReadModel};
use projector::Options;
use projector::naive::{CompareError, Limits, compare};
use sqlx::{AssertSqlSafe, PgPool, query_as, query_scalar, raw_sql};
use uuid::Uuid;

async fn execute(pool: &PgPool, sql: impl Into<String>) {
    raw_sql(AssertSqlSafe(sql.into())).execute(pool).await.unwrap();
}

async fn verify<M: ReadModel>(log: &Log, rows: usize) -> Option<Divergence> {
    compare::<M>(log, 1, Limits { rows }, &mut Pace::new(None)).await.unwrap().divergence
}

/// A folded log, its projector stopped: both tables are what the log says.
async fn folded() -> (PgPool, Log) {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    // One stream is set aside, and stays so.
    record_boxed(&pool, 0xbad, Boxed::Cursed {}).await;
    record_boxed(&pool, 0xbad, Boxed::Taken { amount: 2 }).await;
    let last = record_some(&pool, &mut Dice::new(1), 600, 60).await;
    let running = Running::start(&log, models(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    wait(&pool, "test.labels", last).await;
    running.stop().await;
    (pool, log)
}

/// What is done to one row of `test.boxes`, in which field it shows, and what is expected there.
fn alteration(dice: &mut Dice, row: &str) -> (String, &'static str, Option<String>) {
    let set = |sql: &str| format!("update read.test_boxes_g1 set {sql} where id = '{row}'");
    match dice.roll(13) {
        0 => (format!("delete from read.test_boxes_g1 where id = '{row}'"), "row", Some("a row".into())),
        1 => {
            let sql = format!(
                "insert into read.test_boxes_g1 select (jsonb_populate_record(t, jsonb_build_object('id', \
                 gen_random_uuid()))).* from read.test_boxes_g1 t where id = '{row}'"
            );
            (sql, "row", Some("none".into()))
        }
        2 => (set("label = coalesce(label, '') || 'x'"), "label", None),
        3 => (set("colour = case colour when 'red' then 'dark_blue' else 'red' end"), "colour", None),
        4 => (set("open = not open"), "open", None),
        5 => (set("takes = takes + 1"), "takes", None),
        6 => (set("amount = -amount - 1"), "amount", None),
        7 => (set("ratio = case when ratio = 1 then 2 else 1 end"), "ratio", None),
        8 => (set("seen_at = seen_at + interval '1 microsecond'"), "seen_at", None),
        9 => (set("day = coalesce(day, '2020-01-01') + 1"), "day", None),
        10 => (set("tags = tags || '[\"x\"]'"), "tags", None),
        11 => (set("tied_to = gen_random_uuid()"), "tied_to", None),
        _ => (set("at_position = at_position - 1"), "at_position", None),
    }
}

/// 40 alterations; with `SILLAGE_TEST_FULL=1` the hundred of the promise.
fn rounds() -> usize {
    if std::env::var_os("SILLAGE_TEST_FULL").is_some() { 100 } else { 40 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_row_and_field_of_a_random_alteration_are_found() {
    let (pool, log) = folded().await;
    execute(&pool, "create table saved as table read.test_boxes_g1").await;
    let restore = "delete from read.test_boxes_g1; insert into read.test_boxes_g1 table saved";
    let ids: Vec<Uuid> = query_scalar("select id from read.test_boxes_g1 order by id").fetch_all(&pool).await.unwrap();
    assert!(ids.len() > 20);
    let mut dice = Dice::new(2);
    for round in 0..rounds() {
        assert_eq!(verify::<Boxes<1>>(&log, 10_000).await, None, "round {round}: what is well is well");
        let row = ids[usize::try_from(dice.roll(ids.len() as u64)).unwrap()].to_string();
        let (sql, field, expected) = alteration(&mut dice, &row);
        let at: i64 = query_scalar("select at_position from saved where id = $1::uuid")
            .bind(Uuid::parse_str(&row).unwrap())
            .fetch_one(&pool)
            .await
            .unwrap();
        execute(&pool, sql.clone()).await;
        // All rows in memory, and a few at a time.
        for rows in [10_000, 30] {
            let found = verify::<Boxes<1>>(&log, rows).await.unwrap_or_else(|| panic!("not found: {sql}"));
            assert_eq!((&*found.part, &*found.field), ("test.boxes", field), "{sql}: {found}");
            assert_eq!(found.position, Some(Position(at)), "{sql}: {found}");
            assert!(expected.as_ref().is_none_or(|expected| *expected == found.expected), "{sql}: {found}");
            let is_new = field == "row" && expected.as_deref() == Some("none");
            assert!(is_new || found.subject.contains(&row), "{sql}: {found}");
        }
        execute(&pool, restore).await;
    }
}

/// An event whose payload was changed after it was folded shows in the rows that were made of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_altered_payload_shows_in_the_rows_that_were_made_of_it() {
    let (pool, log) = folded().await;
    let (position, stream): (i64, Uuid) = query_as(
        "select at_position, id from read.test_boxes b join log.events e on e.position = b.at_position \
         where e.type = 'taken' and e.stream_id = b.id order by 1 limit 1",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    execute(&pool, format!("update log.events set data = '{{\"amount\":1000000}}' where position = {position}")).await;
    let found = verify::<Boxes<1>>(&log, 10_000).await.expect("it is found");
    assert_eq!((found.position, &*found.field), (Some(Position(position)), "amount"), "{found}");
    assert!(found.subject.contains(&stream.to_string()), "{found}");
    assert_eq!(verify::<Labels>(&log, 10_000).await, None, "labels were not made of it");
    // And one that cannot be read is told, with its place.
    execute(&pool, format!("update log.events set data = '{{' where position = {position}")).await;
    let unread = compare::<Boxes<1>>(&log, 1, Limits::default(), &mut Pace::new(None)).await;
    assert!(matches!(unread, Err(CompareError::Decode { position: at, .. }) if at == Position(position)), "{unread:?}");
}
