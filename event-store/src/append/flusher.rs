//! The flusher: acknowledges what is on disk, and only that.
//!
//! Batches that follow each other closely commit without waiting for the disk, so that the head is free for the next
//! one while the disk works. Their requests are answered here, after a commit of its own that does wait: the write-ahead
//! log is one sequence, so flushing a later record flushes everything before it. While one flush runs, the next
//! answers gather. ADR 0004 has the reasoning and the numbers.

use super::{Answer, AppendError};
use kernel::Position;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Writes a record of no meaning and waits until it is on disk (and on the synchronous standby, if there is one).
pub(crate) const FLUSH: &str = "select pg_logical_emit_message(true, 'sillage.flush', '')";
/// How long a flush may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Something that waits for the disk.
pub(super) enum Landed {
    /// Requests that were stored, and the end of the log after them.
    Stored(Vec<(oneshot::Sender<Result<Answer, AppendError>>, Answer)>, Position),
    /// Somebody who is about to rely on what he has read.
    Barrier(oneshot::Sender<Result<(), AppendError>>),
}

pub(super) struct Flusher {
    pub(super) landed: mpsc::Receiver<Landed>,
    pub(super) session: PgConnectOptions,
    pub(super) committed: watch::Sender<Position>,
    pub(super) connection: Option<PgConnection>,
    /// Raised when a flush failed: what was learned from answers that were never given is doubtful.
    pub(super) doubt: Arc<AtomicBool>,
}

impl Flusher {
    /// Flushes until nobody can land any more.
    pub(super) async fn run(mut self) {
        let mut landed = Vec::new();
        while self.landed.recv_many(&mut landed, 1_024).await > 0 {
            let outcome = self.flush().await;
            if outcome.is_err() {
                // Before anybody is told: whoever asks again must not be judged by what may be gone.
                self.doubt.store(true, Ordering::Release);
            }
            for landed in landed.drain(..) {
                self.tell(landed, &outcome);
            }
        }
    }

    fn tell(&self, landed: Landed, outcome: &Result<(), AppendError>) {
        match landed {
            Landed::Stored(answers, head) => {
                if outcome.is_ok() {
                    announce(&self.committed, head);
                }
                for (asker, answer) in answers {
                    let _ = asker.send(outcome.clone().map(|()| answer));
                }
            }
            Landed::Barrier(asker) => {
                let _ = asker.send(outcome.clone());
            }
        }
    }

    async fn flush(&mut self) -> Result<(), AppendError> {
        let flush = async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => PgConnection::connect_with(&self.session).await?,
            };
            sqlx::query(FLUSH).execute(&mut connection).await?;
            Ok::<_, sqlx::Error>(connection)
        };
        match tokio::time::timeout(TIMEOUT, flush).await {
            Ok(Ok(connection)) => {
                self.connection = Some(connection);
                Ok(())
            }
            // Whether it reached the disk is open; the key tells when the caller asks again.
            Ok(Err(error)) => Err(AppendError::Unavailable(format!("flushing the log: {error}"))),
            Err(_) => Err(AppendError::Unavailable("flushing the log took too long".into())),
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
