//! Several processes share the projections, take over from each other, and never write for each other.

use crate::fixtures::{Boxes, Dice, Labels, assert_equal_to_log, models, record, until, wait};
use event_store::{Log, Tail};
use kernel::Position;
use projector::{Options, Projector};
use sqlx::{AssertSqlSafe, PgPool, query_as, query_scalar, raw_sql};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use test_support::itself::{self, Itself};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// The longest that a read model may stand without an owner.
const TAKE_OVER: Duration = Duration::from_secs(10);

/// A projector in a process of its own, that can be killed and frozen.
pub(crate) fn projector(url: &str) -> Itself {
    Itself::running("ownership::a_projector_process", url)
}

/// How many read models a process folds, as the others see it.
async fn folds(process: &Itself, pool: &PgPool) -> i64 {
    query_scalar(
        "select count(*) from projection.leases join projection.processes using (process) \
         where place like '% ' || $1 and projection.is_alive(beat_at, backend_pid)",
    )
    .bind(process.id().to_string())
    .fetch_one(pool)
    .await
    .unwrap()
}

/// Not a test: what [`projector`] runs. Ends by itself, should nobody end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projector_process() {
    let Some(url) = itself::told() else { return };
    let pool = event_store::schema::connect(&url, "projector", event_store::Role::Owner, 5).await.unwrap();
    let shutdown = CancellationToken::new();
    let tail = Tail::start(Log::new(pool), None, shutdown.clone()).await.unwrap();
    let options = Options { batch: 50, ..Options::default() };
    let run = Projector::new(tail, models(), options).run(shutdown);
    tokio::time::timeout(Duration::from_mins(30), run).await.unwrap_or(Ok(())).unwrap();
}

/// A log that grows, and every step of every checkpoint with whose session made it.
struct Stage {
    url: String,
    pool: PgPool,
    stop: Arc<AtomicBool>,
    recording: tokio::task::JoinHandle<Position>,
}

impl Stage {
    async fn new(seed: u64) -> Self {
        let (url, pool) = test_support::database().await;
        let steps = "create table steps (name text, owner_epoch bigint, position bigint, application text); \
             create function record_step() returns trigger language plpgsql security definer as $$ begin \
             insert into steps values (new.name, new.owner_epoch, new.position, current_setting('application_name')); \
             return null; end $$; \
             create trigger record_step after update of position on projection.checkpoints \
             for each row execute function record_step()";
        raw_sql(AssertSqlSafe(steps)).execute(&pool).await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let recording = {
            let (pool, stop) = (pool.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut dice = Dice::new(seed);
                let mut last = Position::ZERO;
                while !stop.load(Ordering::SeqCst) {
                    let events = (0..=dice.roll(40)).map(|_| dice.event(50)).collect();
                    last = record(&pool, 3, events).await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                last
            })
        };
        Self { url, pool, stop, recording }
    }

    /// Every position was folded by one owner, and each owner was one process.
    /// Answers how many steps checkpoints made.
    async fn ends_well(self) -> i64 {
        self.stop.store(true, Ordering::SeqCst);
        let last = self.recording.await.unwrap();
        let log = Log::new(self.pool.clone());
        wait(&self.pool, "test.boxes", last).await;
        wait(&self.pool, "test.labels", last).await;
        assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
        assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
        let stale: Vec<(String, i64)> = query_as(
            "select name, owner_epoch from steps group by name, owner_epoch having count(distinct application) > 1 \
             union all select a.name, a.owner_epoch from steps a join steps b \
             on a.name = b.name and a.owner_epoch < b.owner_epoch and a.position > b.position",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        assert_eq!(stale, [], "somebody wrote who was no longer the owner");
        query_scalar("select count(*) from steps").fetch_one(&self.pool).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_and_take_over_from_one_that_is_killed() {
    let stage = Stage::new(5).await;
    let pool = &stage.pool;
    let mut first = projector(&stage.url);
    until("the first folds both", async || folds(&first, pool).await == 2).await;
    for _ in 0..2 {
        let second = projector(&stage.url);
        until("they share", async || folds(&first, pool).await == 1 && folds(&second, pool).await == 1).await;
        let begun = Instant::now();
        first.kill();
        until("the second folds both", async || folds(&second, pool).await == 2).await;
        assert!(begun.elapsed() < TAKE_OVER, "took over after {:?}", begun.elapsed());
        first = second;
    }
    stage.ends_well().await;
}

/// Scorecard row 6. `SILLAGE_TEST_FROZEN=20x30` freezes twenty times for thirty seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_owner_is_replaced_and_writes_nothing_when_it_wakes_up() {
    let wanted = std::env::var("SILLAGE_TEST_FROZEN").unwrap_or_else(|_| "2x8".to_owned());
    let (rounds, seconds) = wanted.split_once('x').expect("ROUNDSxSECONDS");
    let stage = Stage::new(6).await;
    let pool = &stage.pool;
    let (mut sleeper, mut other) = (projector(&stage.url), projector(&stage.url));
    let mut longest = Duration::ZERO;
    for round in 0..rounds.parse().unwrap() {
        until("they share", async || folds(&sleeper, pool).await == 1 && folds(&other, pool).await == 1).await;
        sleeper.signal("STOP");
        let begun = Instant::now();
        until("the other folds both", async || folds(&other, pool).await == 2).await;
        let took = begun.elapsed();
        assert!(took < TAKE_OVER, "round {round}: took over after {took:?}");
        longest = longest.max(took);
        eprintln!("round {round}: took over after {} ms", took.as_millis());
        tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap()).saturating_sub(took)).await;
        sleeper.signal("CONT");
        std::mem::swap(&mut sleeper, &mut other);
    }
    until("they share again", async || folds(&sleeper, pool).await == 1 && folds(&other, pool).await == 1).await;
    let steps = stage.ends_well().await;
    eprintln!("{rounds} rounds of {seconds} s: longest {} ms; none of {steps} steps was stale", longest.as_millis());
}

/// Between a process and Postgres: forwards, until it is told to let nothing through and to close nothing.
async fn cable(url: &str, cut: CancellationToken) -> String {
    let (front, rest) = url.split_once("://").unwrap();
    let (who, place) = rest.split_once('@').unwrap();
    let (address, database) = place.split_once('/').unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("{front}://{who}@{}/{database}", listener.local_addr().unwrap());
    let address = address.to_owned();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (address, cut) = (address.clone(), cut.clone());
            tokio::spawn(async move {
                let mut far = TcpStream::connect(address).await.unwrap();
                cut.run_until_cancelled(copy_bidirectional(&mut near, &mut far)).await;
                if cut.is_cancelled() {
                    // Both ends stay open, and neither hears anything.
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    own
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_is_cut_off_from_postgres_is_replaced() {
    let stage = Stage::new(7).await;
    let pool = &stage.pool;
    let cut = CancellationToken::new();
    let far = projector(&cable(&stage.url, cut.clone()).await);
    until("the first folds both", async || folds(&far, pool).await == 2).await;
    let near = projector(&stage.url);
    until("they share", async || folds(&far, pool).await == 1 && folds(&near, pool).await == 1).await;
    cut.cancel();
    let begun = Instant::now();
    until("the other folds both", async || folds(&near, pool).await == 2).await;
    assert!(begun.elapsed() < TAKE_OVER, "took over after {:?}", begun.elapsed());
    stage.ends_well().await;
}
