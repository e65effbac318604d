//! The group-committing appender: as many requests per commit as are waiting.
//!
//! Requests queue; the dispatcher takes all that wait (bounded) and a lane writes them in one statement, one round
//! trip, one commit.
//!
//! Deliberately absent: a transaction held across a round trip, `NOTIFY`, timers, a second path for single requests.

use super::dispatcher::Dispatcher;
use super::lane::Pending;
use super::{Answer, Append, AppendError};
use crate::schema::{self, SchemaError};
use kernel::Position;
use sqlx::{ConnectOptions, PgPool};
use tokio::sync::{mpsc, oneshot, watch};

/// How the appender runs.
#[derive(Clone, Debug)]
pub struct AppenderOptions {
    /// Requests that may wait; more are refused as overload.
    pub queue: usize,
    /// Positions per partition of the log.
    pub partition_size: i64,
}

impl Default for AppenderOptions {
    fn default() -> Self {
        Self { queue: 4_096, partition_size: schema::PARTITION_SIZE }
    }
}

/// The way into the log. Cheap to clone; all clones share one queue.
#[derive(Clone)]
pub struct Appender {
    queue: mpsc::Sender<Pending>,
    committed: watch::Receiver<Position>,
}

impl Appender {
    /// Starts the appender's tasks. They end when the last clone of the handle is dropped, after what was queued.
    ///
    /// # Errors
    /// The URL is malformed.
    pub fn start(database_url: &str, pool: PgPool, options: &AppenderOptions) -> Result<Self, SchemaError> {
        // Small parallel arrays meet large tables: only index look-ups make sense, whatever the statistics
        // said when the plan was made.
        let session = schema::session(database_url, "sillage-appender")?.options([
            ("statement_timeout", "10s"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("jit", "off"),
        ]);
        let (queue, requests) = mpsc::channel(options.queue);
        let (committed, watcher) = watch::channel(Position::ZERO);
        let session = session.disable_statement_logging();
        let dispatcher = Dispatcher::new(requests, committed, &session, pool, options.partition_size);
        tokio::spawn(dispatcher.run());
        Ok(Self { queue, committed: watcher })
    }

    /// Appends, and answers when the events are durable. Dropping the future does not undo the append.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was appended, except that `Unavailable` leaves it open.
    pub async fn append(&self, append: Append) -> Result<Answer, AppendError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Pending { append, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AppendError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => AppendError::Unavailable("the appender has stopped".into()),
        })?;
        answered.await.unwrap_or_else(|_| Err(AppendError::Unavailable("the appender has stopped".into())))
    }

    /// The end of the log as far as this process has written it: a doorbell for the relay.
    pub fn committed(&self) -> watch::Receiver<Position> {
        self.committed.clone()
    }
}
