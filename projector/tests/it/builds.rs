//! Builds: the log folded in memory and copied, interrupted anywhere, short of memory, slowed down.

use crate::fixtures::{
    Boxed, Boxes, Dice, Labels, Running, assert_equal_to_log, digest, keep_recording, live, record_boxed, record_some,
    until, wait,
};
use chrono::{DateTime, Utc};
use event_store::{Log, Role, Tail};
use kernel::Position;
use projector::acts::By;
use projector::operate::Plan;
use projector::{Budget, Operator, Options, Projection, Projector, SwitchMode, projection};
use sqlx::{AssertSqlSafe, PgPool, Row, query, query_as, query_scalar};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use test_support::itself::{self, Itself};
use tokio_util::sync::CancellationToken;

fn by() -> By {
    By::itself("a test")
}

fn both() -> Vec<Box<dyn Projection>> {
    vec![projection::<Boxes<1>>(), projection::<Labels>()]
}

/// A read model that has folded so many events of so many streams.
async fn started(events: usize, streams: u64) -> (PgPool, Running, Operator) {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let last = record_some(&pool, &mut Dice::new(1), events, streams).await;
    let running = Running::start(&log, vec![projection::<Boxes<1>>()], Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    live(&pool, "test.boxes", 1).await;
    let operator = Operator::new(pool.clone());
    (pool, running, operator)
}

async fn spills(pool: &PgPool, name: &str) -> i32 {
    query_scalar("select spills from projection.builds where name = $1 and generation = 1")
        .bind(name)
        .fetch_one(pool)
        .await
        .unwrap()
}

/// How many rows were copied at once.
async fn copied(pool: &PgPool, generation: i32) -> i64 {
    query_scalar("select copied from projection.builds where name = 'test.boxes' and generation = $1")
        .bind(generation)
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Memory for everything, for a few rows only, and for none: the same tables, and the same as the naive fold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_little_memory_there_is_the_rows_are_the_same() {
    for seed in 0..4 {
        let mut known = None;
        for memory in [512 << 20, 300_000, 1, 0] {
            let (_, pool) = test_support::database().await;
            let log = Log::new(pool.clone());
            let last = record_some(&pool, &mut Dice::new(seed), 9_000, 2_000).await;
            let options = Options { memory, ..Options::default() };
            let running = Running::start(&log, both(), options).await;
            wait(&pool, "test.boxes", last).await;
            wait(&pool, "test.labels", last).await;
            live(&pool, "test.boxes", 1).await;
            running.stop().await;
            assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 500);
            assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
            let spilled = spills(&pool, "test.boxes").await;
            assert_eq!(copied(&pool, 1).await > 0, memory > 0);
            assert_eq!(spilled > 0, memory > 0 && memory < 1 << 20, "{spilled} spills with {memory} bytes");
            let digests = (digest(&pool, "test_boxes").await, digest(&pool, "test_labels").await);
            assert_eq!(*known.get_or_insert(digests.clone()), digests, "seed {seed}, {memory} bytes");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_was_loaded_has_its_keys_its_indexes_and_its_wall() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let last = record_some(&pool, &mut Dice::new(1), 5_000, 500).await;
    let running = Running::start(&log, both(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    live(&pool, "test.boxes", 1).await;
    running.stop().await;
    let indexes: Vec<String> =
        query_scalar("select indexname::text from pg_indexes where tablename = 'test_boxes_g1' order by 1")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(indexes, ["test_boxes_g1_i1", "test_boxes_g1_pkey"]);
    let walled: bool = query_scalar(
        "select relrowsecurity and relforcerowsecurity from pg_class where oid = 'read.test_boxes_g1'::regclass",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(walled, "also for the owner");
}

/// Postgres refuses to copy into a table whose row level security holds for whoever copies; a superuser does not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_is_no_superuser_can_build() {
    let (_, pool) = test_support::database().await;
    let login = format!("owner_{}", uuid::Uuid::now_v7().simple());
    for statement in [
        format!("create role {login} login nosuperuser nobypassrls"),
        format!("grant sillage_engine, sillage_tenant to {login}"),
        format!("grant usage on schema log to {login}"),
        format!("alter schema read owner to {login}"),
        format!("alter schema projection owner to {login}"),
        format!("grant all on all tables in schema projection to {login}"),
        format!("grant select on all tables in schema log to {login}"),
        format!("grant execute on all functions in schema log, projection to {login}"),
    ] {
        query(AssertSqlSafe(statement)).execute(&pool).await.unwrap();
    }
    let last = record_some(&pool, &mut Dice::new(1), 5_000, 500).await;
    let options = (*pool.connect_options()).clone().username(&login);
    let own = sqlx::postgres::PgPoolOptions::new().max_connections(6).connect_with(options).await.unwrap();
    let log = Log::new(own.clone());
    let running = Running::start(&log, both(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    live(&pool, "test.boxes", 1).await;
    let made = Operator::new(own.clone()).rebuild("test.boxes", Plan::default(), by()).await.unwrap();
    live(&pool, "test.boxes", made.generation).await;
    until("readers are switched", async || {
        let serving = "select generation from projection.projections where serving and name = 'test.boxes'";
        query_scalar::<_, i32>(serving).fetch_one(&pool).await.unwrap() == made.generation
    })
    .await;
    running.stop().await;
    for generation in [1, made.generation] {
        assert!(copied(&pool, generation).await > 100, "generation {generation} was copied");
    }
    assert!(assert_equal_to_log::<Boxes<1>>(&Log::new(pool.clone()), 2).await > 100);
}

/// What cannot be folded in memory is left to the lane, which finds the event and parks its stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_folded_is_found_in_a_build_too() {
    for (bad, memory) in [(Boxed::Cursed {}, 512 << 20), (Boxed::Inked { label: "a\0b".to_owned() }, 512 << 20)] {
        let (_, pool) = test_support::database().await;
        let log = Log::new(pool.clone());
        record_some(&pool, &mut Dice::new(1), 3_000, 200).await;
        let put = Boxed::Put {
            amount: 2,
            label: "oak".to_owned(),
            ratio: 0.5,
            colour: crate::fixtures::Colour::Red,
            day: None,
            tags: Vec::new(),
        };
        record_boxed(&pool, 0xbad, put).await;
        let at = record_boxed(&pool, 0xbad, bad).await;
        let last = record_some(&pool, &mut Dice::new(2), 3_000, 200).await;
        let options = Options { memory, ..Options::default() };
        let running = Running::start(&log, both(), options).await;
        wait(&pool, "test.labels", last).await;
        until("its stream is parked and the others are folded", async || {
            let all = projector::status(&pool).await.unwrap();
            let boxes = all.iter().find(|one| one.name == "test.boxes").unwrap();
            boxes.position == last && boxes.parked_streams == 1 && boxes.parked_position == Some(at)
        })
        .await;
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_keeps_to_its_budget() {
    let (pool, running, operator) = started(12_000, 500).await;
    for (budget, least) in [
        (Budget { events_per_second: Some(3_000), percent: None }, Duration::from_secs(3)),
        (Budget { events_per_second: None, percent: None }, Duration::ZERO),
    ] {
        let plan = Plan { switch: SwitchMode::Ask, budget, memory_mb: None };
        let begun = Instant::now();
        let made = operator.rebuild("test.boxes", plan, by()).await.unwrap();
        live(&pool, "test.boxes", made.generation).await;
        let took = begun.elapsed();
        assert!(took >= least, "12,000 events took {took:?} with {budget:?}");
        operator.cancel("test.boxes", None, by()).await.unwrap();
    }
    running.stop().await;
}

/// A build reads and writes a little at a time, and to the end before it pauses: else Postgres would work on for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_rests_while_a_build_pauses() {
    let (pool, running, operator) = started(20_000, 3_000).await;
    let budget = Budget { events_per_second: None, percent: Some(20) };
    let plan = Plan { switch: SwitchMode::Ask, budget, memory_mb: None };
    let made = operator.rebuild("test.boxes", plan, by()).await.unwrap();
    let (mut reading, mut writing) = (Share::default(), Share::default());
    let (begun, mut loaded_in, mut late) = (Instant::now(), Duration::ZERO, None);
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        let phase: Option<String> =
            query_scalar("select phase from projection.builds where name = 'test.boxes' and generation = $1")
                .bind(made.generation)
                .fetch_optional(&pool)
                .await
                .unwrap();
        // What a session did last is seen for as long as it rests.
        let look = "select coalesce(bool_or(state = 'active' and query like $1), false), \
             max(query_start) filter (where query like $1 or query = $2) \
             from pg_stat_activity where datname = current_database()";
        let looking =
            |begins: &'static str, ends: &'static str| query_as(look).bind(begins).bind(ends).fetch_one(&pool);
        match phase.as_deref() {
            Some("loading") => reading.add(looking("copy (select%", "commit").await.unwrap()),
            Some("writing") => {
                writing.add(looking("copy read.%", "").await.unwrap());
                loaded_in = begun.elapsed();
                // What comes now is for the small steps after it.
                let pool = pool.clone();
                late.get_or_insert_with(|| {
                    tokio::spawn(async move { record_some(&pool, &mut Dice::new(2), 2_000, 100).await })
                });
            }
            Some("following") => break,
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    live(&pool, "test.boxes", made.generation).await;
    let rest = begun.elapsed().saturating_sub(loaded_in);
    assert!(rest < loaded_in * 4, "what was paused for is paid for: {rest:?} after {loaded_in:?}");
    late.unwrap().await.unwrap();
    for (name, share) in [("reading", reading), ("writing", writing)] {
        let Share { all, busy, begun } = share;
        assert!(all >= 20, "too short to tell: {name}, {all}");
        assert!(busy * 2 < all, "a fifth of the time was asked for: {name}, {busy} of {all}");
        assert!(begun.len() >= 5, "twenty steps were to be made: {name}, {begun:?}");
    }
    running.stop().await;
}

/// Of how many looks how many found somebody at work, and when what was done last had begun.
#[derive(Debug, Default)]
struct Share {
    all: u32,
    busy: u32,
    begun: BTreeSet<DateTime<Utc>>,
}

impl Share {
    fn add(&mut self, (busy, begun): (bool, Option<DateTime<Utc>>)) {
        self.all += 1;
        self.busy += u32::from(busy);
        self.begun.extend(begun);
    }
}

/// A projector in a process of its own, that can be killed.
fn builder(url: &str, memory: usize) -> Itself {
    Itself::running("builds::a_builder_process", &format!("{memory} {url}"))
}

/// Not a test: what [`builder`] runs. Ends by itself after two minutes, should nobody end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_builder_process() {
    let Some(told) = itself::told() else { return };
    let (memory, url) = told.split_once(' ').unwrap();
    let pool = event_store::schema::connect(url, "builder", Role::Owner, 5).await.unwrap();
    let shutdown = CancellationToken::new();
    let tail = Tail::start(Log::new(pool), None, shutdown.clone()).await.unwrap();
    let options = Options { memory: memory.parse().unwrap(), catch_up_batch: 5_000, ..Options::default() };
    let run = Projector::new(tail, both(), options).run(shutdown);
    tokio::time::timeout(Duration::from_mins(2), run).await.unwrap_or(Ok(())).unwrap();
}

/// Killed at random moments of the build, again and again: each process takes up what it finds, and at the end every
/// effect is there once. With memory for everything, and with memory for some rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_is_killed_anywhere_is_taken_up_by_the_next_process() {
    let mut phases = BTreeSet::new();
    for (round, memory) in [(0, 512 << 20), (1, 400_000)] {
        let (url, pool) = test_support::database().await;
        let log = Log::new(pool.clone());
        record_some(&pool, &mut Dice::new(round), 30_000, 3_000).await;
        let stop = Arc::new(AtomicBool::new(false));
        let recording = keep_recording(pool.clone(), 100 + round, Arc::clone(&stop));
        let mut dice = Dice::new(200 + round);
        for kill in 0..12 {
            let mut process = builder(&url, memory);
            tokio::time::sleep(Duration::from_millis(150 + dice.roll(900) + kill * 20)).await;
            process.kill();
            let seen: Vec<String> = query_scalar("select phase || ' ' || (position > 0)::text from projection.builds")
                .fetch_all(&pool)
                .await
                .unwrap_or_default();
            phases.extend(seen);
        }
        stop.store(true, Ordering::SeqCst);
        let last = recording.await.unwrap();
        let process = builder(&url, memory);
        wait(&pool, "test.boxes", last).await;
        wait(&pool, "test.labels", last).await;
        live(&pool, "test.boxes", 1).await;
        drop(process);
        assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 500);
        assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
    }
    println!("seen after kills: {phases:?}");
}

/// The future is dropped at whatever await it stands: its threads end, and the next one takes it up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_is_dropped_anywhere_is_taken_up() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let last = record_some(&pool, &mut Dice::new(5), 20_000, 2_000).await;
    let mut dice = Dice::new(6);
    for _ in 0..20 {
        let running = Running::start(&log, both(), Options::default()).await;
        tokio::time::sleep(Duration::from_micros(30_000 + dice.roll(600_000))).await;
        running.task.abort();
        assert!(running.task.await.unwrap_err().is_cancelled());
        running.shutdown.cancel();
    }
    let running = Running::start(&log, both(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    wait(&pool, "test.labels", last).await;
    live(&pool, "test.labels", 1).await;
    running.stop().await;
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 500);
    assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
    let threads: Vec<String> = std::fs::read_dir("/proc/self/task")
        .map(|tasks| {
            let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
            names.filter(|name| name.starts_with("fold test") || name.starts_with("read test")).collect()
        })
        .unwrap_or_default();
    // Those of tests beside this one may be there.
    assert!(threads.len() < 20, "threads are left: {threads:?}");
    assert!(last > Position::ZERO);
}

/// While the old version serves and commands come in, the new one is built, compared with nothing, and shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_is_built_on_deploy_while_the_old_one_serves() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let first = record_some(&pool, &mut Dice::new(1), 10_000, 1_000).await;
    let older = Running::start(&log, vec![projection::<Boxes<1>>()], Options::default()).await;
    wait(&pool, "test.boxes", first).await;
    live(&pool, "test.boxes", 1).await;
    let stop = Arc::new(AtomicBool::new(false));
    let recording = keep_recording(pool.clone(), 2, Arc::clone(&stop));
    let newer = Running::start(&log, vec![projection::<Boxes<2>>()], Options::default()).await;
    let begun = Instant::now();
    let mut seen = 0;
    loop {
        let row = query(
            "select generation, position from projection.projections \
             join projection.checkpoints using (name, generation) where serving",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        let (generation, position): (i32, i64) = (row.get(0), row.get(1));
        assert!(position >= seen, "readers were taken back");
        seen = position;
        if generation == 2 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "readers are not switched");
    }
    stop.store(true, Ordering::SeqCst);
    let last = recording.await.unwrap();
    wait(&pool, "test.boxes", last).await;
    newer.stop().await;
    older.stop().await;
    assert!(assert_equal_to_log::<Boxes<2>>(&log, 2).await > 500);
}
