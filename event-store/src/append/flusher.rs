//! The flusher: acknowledges what is on disk, and only that.
//!
//! Batches that follow each other closely commit without waiting for the disk, so that the head is free for the next
//! one while the disk works. Their requests are answered here, after a commit of its own that does wait: the write-ahead
//! log is one sequence, so flushing a later record flushes everything before it. While one flush runs, the next
//! answers gather. ADR 0004 has the reasoning and the numbers.
//!
//! A server that dies takes what was not flushed with it, and the one that comes back flushes gladly. So a flush
//! vouches only for what was stored while the very same session was already open: a session does not outlive its server.

use super::{Answer, AppendError};
use kernel::Position;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Writes a record of no meaning and waits until it is on disk (and on the synchronous standby, if there is one).
pub(crate) const FLUSH: &str = "select pg_logical_emit_message(true, 'sillage.flush', '')";
/// How long a flush may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before connecting again.
const PAUSE: Duration = Duration::from_millis(250);

/// The flusher's session, counted from 1; 0 while it has none.
#[derive(Clone, Debug, Default)]
pub(super) struct Session(Arc<AtomicU64>);

impl Session {
    /// The session that is open now. Ask before storing or reading what it is to vouch for.
    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Something that waits for the disk, and the session that was open before it was stored or read.
pub(super) struct Landed {
    pub(super) session: u64,
    pub(super) who: Who,
}

pub(super) enum Who {
    /// Requests that were stored, and the end of the log after them.
    Stored(Vec<(oneshot::Sender<Result<Answer, AppendError>>, Answer)>, Position),
    /// Somebody who is about to rely on what he has read.
    Reader(oneshot::Sender<Result<(), AppendError>>),
}

pub(super) struct Flusher {
    pub(super) landed: mpsc::Receiver<Landed>,
    pub(super) options: PgConnectOptions,
    pub(super) committed: watch::Sender<Position>,
    pub(super) connection: Option<PgConnection>,
    pub(super) session: Session,
    pub(super) sessions: u64,
    /// Raised when a flush failed: what was learned from answers that were never given is doubtful.
    pub(super) doubt: Arc<AtomicBool>,
}

impl Flusher {
    /// Flushes until nobody can land any more.
    pub(super) async fn run(mut self) {
        let mut landed = Vec::new();
        loop {
            if self.connection.is_none() {
                self.connect().await;
            }
            let count = if self.connection.is_some() {
                self.landed.recv_many(&mut landed, 1_024).await
            } else {
                tokio::select! {
                    count = self.landed.recv_many(&mut landed, 1_024) => count,
                    () = tokio::time::sleep(PAUSE) => continue,
                }
            };
            if count == 0 {
                return;
            }
            let flushed = self.flush().await;
            for landed in landed.drain(..) {
                self.tell(landed, &flushed);
            }
        }
    }

    fn tell(&self, landed: Landed, flushed: &Result<u64, AppendError>) {
        let outcome = match flushed {
            Ok(session) if *session == landed.session => Ok(()),
            // Whether it reached the disk is open; the key tells when the caller asks again.
            Ok(_) => Err(AppendError::Unavailable("Postgres went away before the disk had answered".into())),
            Err(error) => Err(error.clone()),
        };
        if outcome.is_err() {
            // Before anybody is told: whoever asks again must not be judged by what may be gone.
            self.doubt.store(true, Ordering::Release);
        }
        match landed.who {
            Who::Stored(answers, head) => {
                if outcome.is_ok() {
                    announce(&self.committed, head);
                }
                for (asker, answer) in answers {
                    let _ = asker.send(outcome.clone().map(|()| answer));
                }
            }
            Who::Reader(asker) => drop(asker.send(outcome)),
        }
    }

    async fn connect(&mut self) {
        let connecting = tokio::time::timeout(TIMEOUT, PgConnection::connect_with(&self.options)).await;
        if let Ok(Ok(connection)) = connecting {
            self.connection = Some(connection);
            self.sessions += 1;
            self.session.0.store(self.sessions, Ordering::Release);
        }
    }

    /// Flushes, and says which session vouches for it.
    async fn flush(&mut self) -> Result<u64, AppendError> {
        let gone = |reason: String| AppendError::Unavailable(format!("flushing the log: {reason}"));
        let Some(mut connection) = self.connection.take() else {
            return Err(gone("Postgres cannot be reached".into()));
        };
        match tokio::time::timeout(TIMEOUT, sqlx::query(FLUSH).execute(&mut connection)).await {
            Ok(Ok(_)) => {
                self.connection = Some(connection);
                Ok(self.sessions)
            }
            failed => {
                self.session.0.store(0, Ordering::Release);
                Err(gone(failed.map_or_else(
                    |_| "it took too long".into(),
                    |result| result.err().map_or_else(String::new, |error| error.to_string()),
                )))
            }
        }
    }
}

/// Tells whoever follows the log that it is durable up to `head`.
pub(super) fn announce(committed: &watch::Sender<Position>, head: Position) {
    committed.send_if_modified(|at| {
        let news = head > *at;
        *at = head.max(*at);
        news
    });
}
