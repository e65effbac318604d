//! Leases: one process at a time follows the log to act on it.
//!
//! As the projector does it: an advisory lock on a session of its own, which the server ends when it hears nothing for a
//! while. What a paused owner still tries to write is refused by the owner epoch of its checkpoints; the lock only keeps
//! two owners from doing everything twice.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, query_scalar, raw_sql};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// After so much silence the server gives the lock away, as `idle_session_timeout`.
const LEASE: &str = "6s";
/// How often the session speaks.
const PULSE: Duration = Duration::from_secs(1);
/// A pulse that takes longer means that the session is lost.
const PULSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Holds the lock until it is released or dropped.
pub(crate) struct Lease {
    state: watch::Receiver<State>,
    release: CancellationToken,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Held,
    Lost(String),
}

impl Lease {
    /// Asks for the lock of this name, and goes on asking while another process holds it.
    pub(crate) fn ask(options: PgConnectOptions, name: &str) -> Self {
        let (told, state) = watch::channel(State::Waiting);
        let release = CancellationToken::new();
        Self { state, task: tokio::spawn(hold(options, lock_key(name), told, release.clone())), release }
    }

    /// Waits until it is held.
    ///
    /// # Errors
    /// Postgres is away.
    pub(crate) async fn held(&mut self) -> Result<(), String> {
        match self.state.wait_for(|state| *state != State::Waiting).await.as_deref() {
            Ok(State::Held) => Ok(()),
            Ok(State::Lost(reason)) => Err(reason.clone()),
            Ok(State::Waiting) | Err(_) => Err("the lease's task has ended".to_owned()),
        }
    }

    /// Waits until it is lost, and says why.
    pub(crate) async fn lost(&mut self) -> String {
        match self.state.wait_for(|state| matches!(state, State::Lost(_))).await.as_deref() {
            Ok(State::Lost(reason)) => reason.clone(),
            Ok(State::Waiting | State::Held) | Err(_) => "the lease's task has ended".to_owned(),
        }
    }

    /// Gives the lock back; another process can take it as soon as this returns.
    pub(crate) async fn release(self) {
        self.release.cancel();
        // A task that panicked holds nothing.
        let _ = self.task.await;
    }
}

async fn hold(options: PgConnectOptions, key: i64, told: watch::Sender<State>, release: CancellationToken) {
    let mut connection = match within(open(&options)).await {
        Ok(connection) => connection,
        Err(reason) => return drop(told.send(State::Lost(reason))),
    };
    // Dropped without a word: the owner is gone, and so is this.
    while !release.is_cancelled() && !told.is_closed() {
        let is_held = *told.borrow() == State::Held;
        match within(pulse(&mut connection, key, is_held)).await {
            Ok(true) if !is_held => drop(told.send(State::Held)),
            Ok(_) => {}
            Err(reason) => return drop(told.send(State::Lost(reason))),
        }
        tokio::select! {
            () = tokio::time::sleep(PULSE) => {}
            () = release.cancelled() => {}
            () = told.closed() => {}
        }
    }
    // The server frees the lock with the session, whether or not the farewell arrives.
    let _ = within(connection.close()).await;
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

/// Shows the server that this process lives; whether it has the lock now.
async fn pulse(connection: &mut PgConnection, key: i64, is_held: bool) -> Result<bool, sqlx::Error> {
    let sql = if is_held { "select $1::bigint is not null" } else { "select pg_try_advisory_lock($1)" };
    query_scalar(sql).bind(key).fetch_one(connection).await
}

/// A number for a name, the same everywhere: FNV-1a.
fn lock_key(name: &str) -> i64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.cast_signed()
}
