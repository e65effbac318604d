//! Ownership: one process folds a generation at a time.
//!
//! The owner holds an advisory lock on a session of its own. The session is a lease measured by the database's clock:
//! the server ends it when it hears nothing for [`LEASE`], so a process that is paused, or whose machine is gone without
//! a word, loses its locks as surely as one that is killed. What such a process still tries to write is refused by the
//! owner epoch in its checkpoints; the lock only keeps two owners from getting in each other's way.

use crate::control::Generation;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row, query, raw_sql};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// After so much silence the server gives the locks away, as `idle_session_timeout`.
const LEASE: &str = "6s";
/// How often the session speaks, and asks for locks that others hold.
const PULSE: Duration = Duration::from_secs(1);
/// A pulse that takes longer means that the session is lost.
const PULSE_TIMEOUT: Duration = Duration::from_secs(3);

/// What the keeper tells.
#[derive(Debug)]
pub(crate) enum News {
    /// This process now owns these generations, by their index.
    Gained(Vec<usize>),
    /// It owns nothing any more.
    Lost(String),
}

/// What the keeper is asked.
#[derive(Clone, Copy)]
enum Ask {
    /// To take the lock of a generation as soon as it can be had.
    Want(usize, i64),
    /// To give it back, or not to want it any more.
    Leave(usize),
}

/// Holds the locks until it is released or dropped.
pub(crate) struct Keeper {
    news: mpsc::Receiver<News>,
    asks: mpsc::UnboundedSender<Ask>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Holds no lock yet.
    pub(crate) fn start(options: PgConnectOptions) -> Self {
        let (sender, news) = mpsc::channel(16);
        let (asks, asked) = mpsc::unbounded_channel();
        Self { news, asks, task: tokio::spawn(hold(options, asked, sender)) }
    }

    /// Asks for a generation's lock, and goes on asking while another process holds it.
    pub(crate) fn want(&self, index: usize, generation: &Generation) {
        // A keeper that has ended tells so itself.
        let _ = self.asks.send(Ask::Want(index, generation.lock_key()));
    }

    /// Gives a generation's lock back: nothing of this process will write its table any more.
    pub(crate) fn leave(&self, index: usize) {
        let _ = self.asks.send(Ask::Leave(index));
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

/// What the keeper's session holds and wants, by index and key.
#[derive(Default)]
struct Locks {
    wanted: Vec<(usize, i64)>,
    held: Vec<(usize, i64)>,
    unwanted: Vec<i64>,
}

impl Locks {
    fn note(&mut self, ask: Ask) {
        match ask {
            Ask::Want(index, key) => self.wanted.push((index, key)),
            Ask::Leave(index) => {
                self.wanted.retain(|(wanted, _)| *wanted != index);
                self.unwanted.extend(self.held.iter().filter(|(held, _)| *held == index).map(|(_, key)| *key));
                self.held.retain(|(held, _)| *held != index);
            }
        }
    }
}

async fn hold(options: PgConnectOptions, mut asks: mpsc::UnboundedReceiver<Ask>, news: mpsc::Sender<News>) {
    let mut connection = match within(open(&options)).await {
        Ok(connection) => connection,
        Err(reason) => return tell(&news, News::Lost(reason)).await,
    };
    let mut locks = Locks::default();
    while !news.is_closed() {
        while let Ok(ask) = asks.try_recv() {
            locks.note(ask);
        }
        match within(pulse(&mut connection, &mut locks)).await {
            Ok(gained) if gained.is_empty() => {}
            Ok(gained) => tell(&news, News::Gained(gained)).await,
            Err(reason) => return tell(&news, News::Lost(reason)).await,
        }
        tokio::select! {
            () = tokio::time::sleep(PULSE) => {}
            Some(ask) = asks.recv() => locks.note(ask),
            () = news.closed() => {}
        }
    }
    // The server frees the locks with the session, whether or not the farewell arrives.
    let _ = within(connection.close()).await;
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

/// Shows the server that this process lives, gives back what is not wanted any more and takes what can be had of what is.
async fn pulse(connection: &mut PgConnection, locks: &mut Locks) -> Result<Vec<usize>, sqlx::Error> {
    if !locks.unwanted.is_empty() {
        query("select pg_advisory_unlock(key) from unnest($1::bigint[]) as key")
            .bind(&locks.unwanted)
            .execute(&mut *connection)
            .await?;
        locks.unwanted.clear();
    }
    let keys: Vec<i64> = locks.wanted.iter().map(|(_, key)| *key).collect();
    let rows = query("select key from unnest($1::bigint[]) as key where pg_try_advisory_lock(key)")
        .bind(&keys)
        .fetch_all(connection)
        .await?;
    let taken = rows.iter().map(|row| row.try_get::<i64, _>(0)).collect::<Result<Vec<i64>, _>>()?;
    let (gained, wanted) = locks.wanted.drain(..).partition(|(_, key)| taken.contains(key));
    locks.wanted = wanted;
    locks.held.extend(&gained);
    Ok(gained.into_iter().map(|(index, _)| index).collect())
}
