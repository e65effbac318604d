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

/// Holds the locks until it is released or dropped.
pub(crate) struct Keeper {
    news: mpsc::Receiver<News>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Asks for every generation's lock, and goes on asking for those that others hold.
    pub(crate) fn start(options: PgConnectOptions, generations: &[Generation]) -> Self {
        let (sender, news) = mpsc::channel(16);
        let wanted = generations.iter().map(Generation::lock_key).enumerate().collect();
        Self { news, task: tokio::spawn(hold(options, wanted, sender)) }
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

async fn hold(options: PgConnectOptions, mut wanted: Vec<(usize, i64)>, news: mpsc::Sender<News>) {
    let mut connection = match within(open(&options)).await {
        Ok(connection) => connection,
        Err(reason) => return tell(&news, News::Lost(reason)).await,
    };
    while !news.is_closed() {
        match within(pulse(&mut connection, &mut wanted)).await {
            Ok(gained) if gained.is_empty() => {}
            Ok(gained) => tell(&news, News::Gained(gained)).await,
            Err(reason) => return tell(&news, News::Lost(reason)).await,
        }
        tokio::select! {
            () = tokio::time::sleep(PULSE) => {}
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

/// Shows the server that this process lives, and takes what can be had of `wanted`.
async fn pulse(connection: &mut PgConnection, wanted: &mut Vec<(usize, i64)>) -> Result<Vec<usize>, sqlx::Error> {
    let keys: Vec<i64> = wanted.iter().map(|(_, key)| *key).collect();
    let rows = query("select key from unnest($1::bigint[]) as key where pg_try_advisory_lock(key)")
        .bind(&keys)
        .fetch_all(connection)
        .await?;
    let taken = rows.iter().map(|row| row.try_get::<i64, _>(0)).collect::<Result<Vec<i64>, _>>()?;
    let gained = wanted.iter().filter(|(_, key)| taken.contains(key)).map(|(index, _)| *index).collect();
    wanted.retain(|(_, key)| !taken.contains(key));
    Ok(gained)
}
