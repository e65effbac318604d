//! Two generations compared: every row that differs is found and shown field by field, and nothing else.

use crate::fixtures::{Boxes, Dice, Running, keep_recording, live, record_some, until, wait};
use event_store::Log;
use projector::acts::By;
use projector::compare::{CompareError, compare, kept};
use projector::operate::Plan;
use projector::{Operator, Options, Projection, SwitchMode, projection};
use sqlx::{AssertSqlSafe, PgPool, query, query_scalar};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const NAME: &str = "test.boxes";

fn by() -> By {
    By::itself("a test")
}

/// One read model, live, with a second generation of it beside.
async fn two() -> (PgPool, Log, Running) {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let last = record_some(&pool, &mut Dice::new(1), 4_000, 400).await;
    let running = Running::start(&log, vec![projection::<Boxes<1>>()], Options::default()).await;
    wait(&pool, NAME, last).await;
    live(&pool, NAME, 1).await;
    let plan = Plan { switch: SwitchMode::Ask, ..Plan::default() };
    Operator::new(pool.clone()).rebuild(NAME, plan, by()).await.unwrap();
    live(&pool, NAME, 2).await;
    (pool, log, running)
}

/// What somebody could do to a row, and the field in which that shows.
const CORRUPTIONS: [(&str, &str); 8] = [
    ("label = coalesce(label, '') || 'x'", "label"),
    ("colour = case colour when 'red' then 'dark_blue' else 'red' end", "colour"),
    ("open = not open", "open"),
    ("takes = takes + 1", "takes"),
    ("amount = amount - 1", "amount"),
    ("seen_at = seen_at + interval '1 microsecond'", "seen_at"),
    ("tags = tags || '[\"x\"]'::jsonb", "tags"),
    ("at_position = at_position - 1", "at_position"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_one_of_many_corruptions_is_found_and_its_field_is_shown() {
    let (pool, _log, running) = two().await;
    let same = compare(&pool, NAME, 1, 2, 20).await.unwrap();
    assert!(same.is_none() && same.before.hash == same.after.hash && same.before.rows > 50, "{same:?}");
    running.stop().await;
    let mut dice = Dice::new(7);
    for round in 0..100 {
        let (change, field) = CORRUPTIONS[usize::try_from(dice.roll(8)).unwrap()];
        let skip = i64::try_from(dice.roll(u64::try_from(same.before.rows).unwrap())).unwrap();
        let id: uuid::Uuid = query_scalar("select id from read.test_boxes_g2 order by id, tenant_id offset $1 limit 1")
            .bind(skip)
            .fetch_one(&pool)
            .await
            .unwrap();
        let mut inside = pool.begin().await.unwrap();
        let statement = format!("update read.test_boxes_g2 set {change} where id = $1");
        query(AssertSqlSafe(statement)).bind(id).execute(&mut *inside).await.unwrap();
        inside.commit().await.unwrap();
        let found = compare(&pool, NAME, 1, 2, 20).await.unwrap();
        assert_eq!((found.rows_changed, found.rows_gone, found.rows_new), (1, 0, 0), "round {round}: {change}");
        assert_ne!(found.before.hash, found.after.hash);
        let sample = &found.samples[0];
        assert_eq!(sample.key, [id.to_string()]);
        let fields: Vec<&str> = sample.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(fields, [field], "round {round}: {change}");
        assert_ne!(sample.fields[0].before, sample.fields[0].after);
        // And back, from the other one.
        let statement = "update read.test_boxes_g2 b set (label, colour, open, takes, amount, seen_at, tags, at_position) = \
                         (a.label, a.colour, a.open, a.takes, a.amount, a.seen_at, a.tags, a.at_position) \
                         from read.test_boxes_g1 a where a.id = b.id and a.tenant_id = b.tenant_id and b.id = $1";
        query(statement).bind(id).execute(&pool).await.unwrap();
    }
    assert!(compare(&pool, NAME, 1, 2, 20).await.unwrap().is_none());
}

/// Each value is still there as often as before, only not where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_exchange_a_field_differ() {
    let (pool, _log, running) = two().await;
    running.stop().await;
    let exchange = "with two as (select (select id from read.test_boxes_g2 order by takes, id limit 1) as one, \
                    (select id from read.test_boxes_g2 order by takes desc, id limit 1) as other) \
                    update read.test_boxes_g2 b set takes = (select c.takes from read.test_boxes_g2 c, two \
                    where c.id = case b.id when one then other else one end) from two where b.id in (one, other)";
    assert_eq!(query(exchange).execute(&pool).await.unwrap().rows_affected(), 2);
    let found = compare(&pool, NAME, 1, 2, 5).await.unwrap();
    assert_eq!((found.rows_changed, found.rows_gone, found.rows_new), (2, 0, 0), "{found:?}");
    assert_ne!(found.before.hash, found.after.hash);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_gone_or_too_many_are_counted_and_samples_are_bounded() {
    let (pool, _log, running) = two().await;
    running.stop().await;
    query("delete from read.test_boxes_g2 where ctid in (select ctid from read.test_boxes_g2 limit 7)")
        .execute(&pool)
        .await
        .unwrap();
    query(
        "delete from read.test_boxes_g1 where ctid in (select ctid from read.test_boxes_g1 a where exists \
           (select from read.test_boxes_g2 b where a.id = b.id and a.tenant_id = b.tenant_id) limit 5)",
    )
    .execute(&pool)
    .await
    .unwrap();
    query("update read.test_boxes_g2 set takes = takes + 1").execute(&pool).await.unwrap();
    let found = compare(&pool, NAME, 1, 2, 10).await.unwrap();
    assert_eq!((found.rows_gone, found.rows_new), (7, 5));
    assert!(found.rows_changed > 20 && found.samples.len() == 10, "{found:?}");
    let keys: BTreeSet<_> = found.samples.iter().map(|sample| (sample.tenant_id.0, sample.key.clone())).collect();
    assert_eq!(keys.len(), 10, "each row once");
    assert!(matches!(compare(&pool, NAME, 1, 9, 10).await, Err(CompareError::NoGeneration { generation: 9, .. })));
}

/// While events come in, equal generations are never told to differ, at equal positions or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_generations_are_equal_under_load_too() {
    let (pool, _log, running) = two().await;
    let stop = Arc::new(AtomicBool::new(false));
    let recording = keep_recording(pool.clone(), 3, Arc::clone(&stop));
    for _ in 0..10 {
        let found = compare(&pool, NAME, 1, 2, 5).await.unwrap();
        assert_eq!((found.rows_gone, found.rows_new, found.rows_changed), (0, 0, 0), "{found:?}");
        assert_eq!(found.before.position, found.after.position, "one process follows both in one transaction");
    }
    // One of them stands still: only what both are sure of is compared, and that is equal.
    Operator::new(pool.clone()).pause(NAME, Some(2), by()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    for _ in 0..3 {
        let found = compare(&pool, NAME, 1, 2, 5).await.unwrap();
        assert_eq!((found.rows_gone, found.rows_new, found.rows_changed), (0, 0, 0), "{found:?}");
        assert!(found.before.position > found.after.position && found.rows_undecided > 0);
    }
    stop.store(true, Ordering::SeqCst);
    recording.await.unwrap();
    running.stop().await;
}

/// A version that counts in another way: built beside, compared by itself, and the result is there to be read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_new_version_changes_is_kept_for_whoever_asks() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let last = record_some(&pool, &mut Dice::new(1), 2_000, 200).await;
    let both = || -> Vec<Box<dyn Projection>> { vec![projection::<Boxes<2>>(), projection::<Boxes<1>>()] };
    let older = Running::start(&log, vec![projection::<Boxes<1>>()], Options::default()).await;
    wait(&pool, NAME, last).await;
    live(&pool, NAME, 1).await;
    older.stop().await;
    let running = Running::start(&log, both(), Options::default()).await;
    until("readers are switched", async || {
        let serving = "select generation from projection.projections where serving";
        query_scalar::<_, i32>(serving).fetch_one(&pool).await.unwrap() == 2
    })
    .await;
    running.stop().await;
    let found = kept(&pool, NAME, 2).await.unwrap().expect("it was compared before the switch");
    assert_eq!((found.before.version, found.after.version), (1, 2));
    assert!(found.rows_changed > 20 && found.rows_gone == 0 && found.rows_new == 0, "{found:?}");
    assert!(!found.samples.is_empty());
    for sample in &found.samples {
        let fields: Vec<&str> = sample.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(fields, ["amount"], "{sample:?}");
    }
}
