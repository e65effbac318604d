//! Many writers, many tails: every event, once, in order. The usual readers run beside as controls and are caught.

use crate::fixtures::{append, change, store};
use event_store::Tail;
use kernel::Position;
use sqlx::{PgPool, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const WRITERS: usize = 16;
const TAILS: usize = 8;

/// `SILLAGE_TEST_SECONDS` makes it longer; the promise is stated for 30.
fn seconds() -> u64 {
    std::env::var("SILLAGE_TEST_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tails_see_every_event_once_in_order_and_the_usual_readers_do_not() {
    let store = store().await;
    control_tables(&store.pool).await;
    let stop = Arc::new(AtomicBool::new(false));
    let shutdown = CancellationToken::new();
    let tail = Tail::start(store.log.clone(), None, shutdown.clone()).await.unwrap();

    let mut tails = JoinSet::new();
    for _ in 0..TAILS {
        let (tail, stop, appender) = (tail.clone(), Arc::clone(&stop), store.appender.clone());
        tails.spawn(async move {
            let mut at = Position::ZERO;
            loop {
                match tokio::time::timeout(Duration::from_millis(700), tail.next(at, 500)).await {
                    Ok(events) => {
                        for event in events.unwrap() {
                            assert_eq!(event.position, at.next(), "missed, repeated or reordered");
                            at = event.position;
                        }
                    }
                    Err(_) if stop.load(Ordering::SeqCst) && at >= *appender.committed().borrow() => return at,
                    Err(_) => {}
                }
            }
        });
    }
    let naive = tokio::spawn(naive_reader(
        store.pool.clone(),
        Arc::clone(&stop),
        "select pos from control.events where pos > $1 order by pos limit 500",
    ));
    let by_xid = tokio::spawn(naive_reader(
        store.pool.clone(),
        Arc::clone(&stop),
        "select pos from control.events where pos > $1 and xid < pg_snapshot_xmin(pg_current_snapshot()) order by pos limit 500",
    ));

    let mut writers = JoinSet::new();
    let until = Instant::now() + Duration::from_secs(seconds());
    for writer in 0..WRITERS {
        let (appender, pool) = (store.appender.clone(), store.pool.clone());
        writers.spawn(async move {
            let mut written = 0;
            while Instant::now() < until {
                appender.append(append(vec![change(Uuid::now_v7(), 0, &[1])])).await.unwrap();
                control_append(&pool, i64::try_from(writer).unwrap()).await;
                written += 1;
            }
            written
        });
    }
    let written: i64 = writers.join_all().await.into_iter().sum();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::SeqCst);
    let reached = tails.join_all().await;
    assert!(reached.iter().all(|at| at.0 == written), "{reached:?} of {written}");

    let in_control: i64 =
        sqlx::query_scalar("select count(*) from control.events").fetch_one(&store.pool).await.unwrap();
    let (naive, by_xid) = (naive.await.unwrap(), by_xid.await.unwrap());
    eprintln!(
        "readers: {written} events × {TAILS} tails, 0 missed; controls over {in_control}: position {naive}, xid {by_xid} seen"
    );
    assert!(naive < in_control, "the reader over a sequence was not caught: it saw all {in_control}");
    assert!(by_xid < in_control, "the reader over xid8 was not caught: it saw all {in_control}");
    shutdown.cancel();
}

/// The usual design: positions from a sequence, in a transaction that writes something else first.
async fn control_tables(pool: &PgPool) {
    sqlx::raw_sql(
        "create schema control; \
         create table control.keys (key uuid primary key); \
         create table control.streams (id bigint primary key, version bigint not null); \
         insert into control.streams select n, 0 from generate_series(0, 63) n; \
         create table control.events (pos bigserial primary key, xid xid8 not null default pg_current_xact_id())",
    )
    .execute(pool)
    .await
    .unwrap();
}

async fn control_append(pool: &PgPool, stream: i64) {
    let pool = pool.clone();
    tokio::spawn(async move {
        let mut transaction = pool.begin().await.unwrap();
        sqlx::query("insert into control.keys values ($1)")
            .bind(Uuid::new_v4())
            .execute(&mut *transaction)
            .await
            .unwrap();
        sqlx::query("insert into control.events default values").execute(&mut *transaction).await.unwrap();
        sqlx::query("update control.streams set version = version + 1 where id = $1")
            .bind(stream)
            .execute(&mut *transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    })
    .await
    .unwrap();
}

/// Reads what comes after the highest position that it has seen; answers how many it saw.
async fn naive_reader(pool: PgPool, stop: Arc<AtomicBool>, sql: &'static str) -> i64 {
    let (mut at, mut seen) = (0_i64, 0);
    loop {
        let stopping = stop.load(Ordering::SeqCst);
        let rows = sqlx::query(sql).bind(at).fetch_all(&pool).await.unwrap();
        seen += i64::try_from(rows.len()).unwrap();
        if let Some(last) = rows.last() {
            at = last.get(0);
        } else if stopping {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}
