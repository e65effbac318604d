//! Ownership: one process folds a generation at a time, and several share them.
//!
//! The owner holds an advisory lock on a session of its own. The session is a lease measured by the database's clock:
//! the server ends it when it hears nothing for [`LEASE`], so a process that is paused, or whose machine is gone without
//! a word, loses its locks as surely as one that is killed. What such a process still tries to write is refused by the
//! owner epoch in its checkpoints; the lock only keeps two owners from getting in each other's way.
//!
//! Once a second each process says that it lives and what it can fold, reads the same of the others, and comes to the same
//! plan as they ([`crate::share`]): it takes what is planned for it and gives back what is planned for somebody else.

use crate::control::Generation;
use crate::share;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row, query, query_scalar, raw_sql};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// After so much silence the server gives the locks away, as `idle_session_timeout`.
const LEASE: &str = "6s";
/// How often the session speaks, and asks for locks that others hold.
const PULSE: Duration = Duration::from_secs(1);
/// A pulse that takes longer means that the session is lost.
const PULSE_TIMEOUT: Duration = Duration::from_secs(3);

/// What nobody has taken for so long is taken by whoever can, whatever the plan says.
const ABANDONED: Duration = Duration::from_secs(4);

/// A process as others see it.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    id: Uuid,
    place: String,
}

impl Me {
    pub(crate) fn new() -> Self {
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".to_owned());
        Self { id: Uuid::now_v7(), place: format!("{host} {}", std::process::id()) }
    }

    /// By which its sessions are known. A name in Postgres has 63 bytes.
    pub(crate) fn application(&self) -> String {
        format!("sillage-projector-{}", self.id.simple())
    }
}

/// What the keeper tells.
#[derive(Debug)]
pub(crate) enum News {
    /// This process now owns these generations, by their index.
    Gained(Vec<usize>),
    /// Others are to have these: to be given back when what is in hand is written.
    Asked(Vec<usize>),
    /// It owns nothing any more.
    Lost(String),
}

/// What the keeper is asked.
#[derive(Clone)]
enum Ask {
    /// To take the lock of a generation as soon as it can be had.
    Want(usize, Generation),
    /// To give it back, or not to want it any more.
    Leave(usize),
    /// To give it back, and take it again when it is this process's turn.
    GiveBack(usize),
}

/// Holds the locks until it is released or dropped.
pub(crate) struct Keeper {
    news: mpsc::Receiver<News>,
    asks: Asks,
    task: JoinHandle<()>,
}

/// By which a keeper is asked. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Asks(mpsc::UnboundedSender<Ask>);

impl Asks {
    /// Asks for a generation's lock, and goes on asking while another process holds it.
    pub(crate) fn want(&self, index: usize, generation: &Generation) {
        // A keeper that has ended tells so itself.
        let _ = self.0.send(Ask::Want(index, generation.clone()));
    }

    /// Gives a generation's lock back for good: nothing of this process will write its table any more.
    pub(crate) fn leave(&self, index: usize) {
        let _ = self.0.send(Ask::Leave(index));
    }

    /// Gives a generation's lock back; this process may get it again.
    pub(crate) fn give_back(&self, index: usize) {
        let _ = self.0.send(Ask::GiveBack(index));
    }
}

impl Keeper {
    /// Holds no lock yet.
    pub(crate) fn start(options: PgConnectOptions, me: Me) -> Self {
        let (sender, news) = mpsc::channel(16);
        let (asks, asked) = mpsc::unbounded_channel();
        Self { news, asks: Asks(asks), task: tokio::spawn(hold(options, me, asked, sender)) }
    }

    /// By which it is asked.
    pub(crate) fn asks(&self) -> Asks {
        self.asks.clone()
    }

    /// The next piece of news; [`News::Lost`] is the last.
    pub(crate) async fn news(&mut self) -> News {
        self.news.recv().await.unwrap_or_else(|| News::Lost("the keeper has stopped".to_owned()))
    }

    /// Gives the locks back; another process can take them as soon as this returns.
    pub(crate) async fn release(self) {
        drop(self.news);
        // A keeper that panicked holds nothing.
        let _ = self.task.await;
    }
}

/// A generation's lock.
#[derive(Clone)]
struct Lock {
    index: usize,
    key: i64,
    generation: Generation,
}

/// What the keeper's session holds and wants.
#[derive(Default)]
struct Locks {
    wanted: Vec<Lock>,
    held: Vec<Lock>,
    unwanted: Vec<i64>,
    /// Since when nobody holds what is wanted.
    free_since: BTreeMap<i64, Instant>,
}

impl Locks {
    fn note(&mut self, ask: Ask) {
        match ask {
            Ask::Want(index, generation) => {
                self.wanted.push(Lock { index, key: generation.lock_key(), generation });
            }
            Ask::Leave(index) => {
                self.wanted.retain(|lock| lock.index != index);
                self.free(index);
            }
            Ask::GiveBack(index) => {
                let freed = self.free(index);
                self.wanted.extend(freed);
            }
        }
    }

    fn free(&mut self, index: usize) -> Vec<Lock> {
        let freed: Vec<Lock> = self.held.extract_if(.., |lock| lock.index == index).collect();
        self.unwanted.extend(freed.iter().map(|lock| lock.key));
        // From now on it is free, whenever it was before.
        for lock in &freed {
            self.free_since.remove(&lock.key);
        }
        freed
    }

    fn keys(&self) -> Vec<i64> {
        self.wanted.iter().chain(&self.held).map(|lock| lock.key).collect()
    }

    /// Whether nobody has held it for long, though everybody could know that it is wanted.
    fn is_abandoned(&mut self, key: i64, holders: &BTreeMap<i64, Uuid>) -> bool {
        if holders.contains_key(&key) {
            self.free_since.remove(&key);
            return false;
        }
        self.free_since.entry(key).or_insert_with(Instant::now).elapsed() > ABANDONED
    }
}

async fn hold(options: PgConnectOptions, me: Me, mut asks: mpsc::UnboundedReceiver<Ask>, news: mpsc::Sender<News>) {
    let mut connection = match within(open(&options)).await {
        Ok(connection) => connection,
        Err(reason) => return tell(&news, News::Lost(reason)).await,
    };
    let mut locks = Locks::default();
    while !news.is_closed() {
        while let Ok(ask) = asks.try_recv() {
            locks.note(ask);
        }
        match within(pulse(&mut connection, &me, &mut locks)).await {
            Ok(Pulse { gained, asked }) => {
                for told in [News::Gained(gained), News::Asked(asked)] {
                    if !matches!(&told, News::Gained(indexes) | News::Asked(indexes) if indexes.is_empty()) {
                        tell(&news, told).await;
                    }
                }
            }
            Err(reason) => return tell(&news, News::Lost(reason)).await,
        }
        tokio::select! {
            () = tokio::time::sleep(PULSE) => {}
            Some(ask) = asks.recv() => locks.note(ask),
            () = news.closed() => {}
        }
    }
    // So that others need not wait until it has been silent for long; the server frees the locks with the session, whether
    // or not the farewell arrives.
    let _ = within(farewell(connection, &me)).await;
}

async fn farewell(mut connection: PgConnection, me: &Me) -> Result<(), sqlx::Error> {
    query(
        "with gone as (delete from projection.leases where process = $1) \
         delete from projection.processes where process = $1",
    )
    .bind(me.id)
    .execute(&mut connection)
    .await?;
    connection.close().await
}

async fn tell(news: &mpsc::Sender<News>, told: News) {
    // Nobody listens any more: the locks are about to be released.
    let _ = news.send(told).await;
}

async fn within<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, String> {
    match tokio::time::timeout(PULSE_TIMEOUT, work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("Postgres did not answer in time".to_owned()),
    }
}

async fn open(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    let lease = format!("set idle_session_timeout = '{LEASE}'; set tcp_user_timeout = '{LEASE}'");
    raw_sql(sqlx::AssertSqlSafe(lease)).execute(&mut connection).await?;
    Ok(connection)
}

/// What a pulse came to.
struct Pulse {
    gained: Vec<usize>,
    asked: Vec<usize>,
}

/// Shows the others that this process lives, gives back what is not wanted any more, takes what is planned for it and can be
/// had, and says what is planned for others.
async fn pulse(connection: &mut PgConnection, me: &Me, locks: &mut Locks) -> Result<Pulse, sqlx::Error> {
    if !locks.unwanted.is_empty() {
        query(
            "with gone as (delete from projection.leases where lock_key = any($1) and process = $2) \
             select pg_advisory_unlock(key) from unnest($1::bigint[]) as key",
        )
        .bind(&locks.unwanted)
        .bind(me.id)
        .execute(&mut *connection)
        .await?;
        locks.unwanted.clear();
    }
    query(
        "insert into projection.processes as p (process, place, application, backend_pid, wants) \
         values ($1, $2, $3, pg_backend_pid(), $4) on conflict (process) do update \
         set backend_pid = excluded.backend_pid, wants = excluded.wants, beat_at = excluded.beat_at",
    )
    .bind(me.id)
    .bind(&me.place)
    .bind(me.application())
    .bind(locks.keys())
    .execute(&mut *connection)
    .await?;
    let (wants, holders) = others(connection).await?;
    let plan = share::plan(&wants, &holders);
    let asked = locks.held.iter().filter(|lock| plan.get(&lock.key).is_some_and(|planned| *planned != me.id));
    let asked = asked.map(|lock| lock.index).collect();
    let wanted: Vec<i64> = locks.wanted.iter().map(|lock| lock.key).collect();
    let mut mine = Vec::new();
    for key in wanted {
        let is_abandoned = locks.is_abandoned(key, &holders);
        if is_abandoned || plan.get(&key) == Some(&me.id) {
            mine.push(key);
        }
    }
    let gained = if mine.is_empty() { Vec::new() } else { take(connection, me, locks, &mine).await? };
    Ok(Pulse { gained, asked })
}

/// What each live process wants, and who holds what.
async fn others(
    connection: &mut PgConnection,
) -> Result<(BTreeMap<Uuid, BTreeSet<i64>>, BTreeMap<i64, Uuid>), sqlx::Error> {
    let rows = query("select process, wants, projection.is_alive(beat_at, backend_pid) from projection.processes")
        .fetch_all(&mut *connection)
        .await?;
    let mut wants = BTreeMap::new();
    let mut any_is_gone = false;
    for row in rows {
        if row.try_get(2)? {
            wants.insert(row.try_get(0)?, row.try_get::<Vec<i64>, _>(1)?.into_iter().collect());
        } else {
            any_is_gone = true;
        }
    }
    if any_is_gone {
        let evicted: i32 = query_scalar("select projection.evict()").fetch_one(&mut *connection).await?;
        tracing::warn!(evicted, "a process that folded read models is gone, or does not move");
    }
    let rows = query("select lock_key, process from projection.leases").fetch_all(connection).await?;
    let holders = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?;
    Ok((wants, holders))
}

/// Takes those of the locks that can be had.
async fn take(
    connection: &mut PgConnection,
    me: &Me,
    locks: &mut Locks,
    keys: &[i64],
) -> Result<Vec<usize>, sqlx::Error> {
    let rows = query("select key from unnest($1::bigint[]) as key where pg_try_advisory_lock(key)")
        .bind(keys)
        .fetch_all(&mut *connection)
        .await?;
    let taken = rows.iter().map(|row| row.try_get::<i64, _>(0)).collect::<Result<Vec<i64>, _>>()?;
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let gained: Vec<Lock> = locks.wanted.extract_if(.., |lock| taken.contains(&lock.key)).collect();
    query(
        "insert into projection.leases (lock_key, name, generation, process) \
         select k, n, g, $4 from unnest($1::bigint[], $2::text[], $3::integer[]) as u(k, n, g) \
         on conflict (lock_key) do update set process = excluded.process, taken_at = excluded.taken_at",
    )
    .bind(gained.iter().map(|lock| lock.key).collect::<Vec<_>>())
    .bind(gained.iter().map(|lock| lock.generation.name).collect::<Vec<_>>())
    .bind(gained.iter().map(|lock| lock.generation.number).collect::<Vec<_>>())
    .bind(me.id)
    .execute(connection)
    .await?;
    let indexes = gained.iter().map(|lock| lock.index).collect();
    locks.held.extend(gained);
    Ok(indexes)
}
