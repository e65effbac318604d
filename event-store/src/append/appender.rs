//! The group-committing appender: as many requests per commit as are waiting.
//!
//! Requests queue; the lane takes all that wait (bounded) and writes them in one statement, one round trip, one commit;
//! the flusher answers when they are on disk. It never waits for more to come: a lone request goes at once.
//!
//! Deliberately absent: a transaction held across a round trip, `NOTIFY`, timers, a second path for single requests.

use super::flusher::{Flusher, Landed, Session, Who};
use super::lane::{Lane, Pending};
use super::waiting::Waiting;
use super::{Answer, Append, AppendError};
use crate::role::Role;
use crate::schema::{self, SchemaError};
use kernel::{Epoch, Position};
use sqlx::{ConnectOptions, PgPool};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    flush: mpsc::Sender<Landed>,
    session: Session,
    committed: watch::Receiver<Position>,
    life: Arc<AtomicU64>,
}

impl Appender {
    /// Starts the appender's tasks. They end when the last clone of the handle is dropped, after what was queued.
    ///
    /// # Errors
    /// The URL is malformed.
    pub fn start(database_url: &str, pool: PgPool, options: &AppenderOptions) -> Result<Self, SchemaError> {
        // Small parallel arrays meet large tables: only index look-ups make sense, whatever the statistics
        // said when the plan was made.
        let session = schema::session(database_url, "sillage-appender", Role::Engine)?.options([
            ("statement_timeout", "10s"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
        ]);
        let (queue, requests) = mpsc::channel(options.queue);
        let (committed, watcher) = watch::channel(Position::ZERO);
        let session = session.disable_statement_logging();
        let (flush, landed) = mpsc::channel(options.queue);
        let flushing = Session::default();
        let doubt = Arc::new(AtomicBool::new(false));
        let life = Arc::new(AtomicU64::new(0));
        let flusher = Flusher {
            landed,
            options: session.clone(),
            committed: committed.clone(),
            connection: None,
            session: flushing.clone(),
            sessions: 0,
            doubt: Arc::clone(&doubt),
        };
        tokio::spawn(flusher.run());
        let lane = Lane {
            waiting: Waiting::new(requests, doubt),
            session,
            pool,
            partition_size: options.partition_size,
            next_partition: Position(options.partition_size),
            landed: flush.clone(),
            flushing: flushing.clone(),
            committed,
            connection: None,
            unreachable_until: None,
            epoch: Epoch::ZERO,
            life: Arc::clone(&life),
        };
        tokio::spawn(lane.run());
        Ok(Self { queue, flush, session: flushing, committed: watcher, life })
    }

    /// Appends, and answers when the events are durable. Dropping the future does not undo the append.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was appended, except that `Unavailable` leaves it open.
    pub async fn append(&self, append: Append) -> Result<Answer, AppendError> {
        self.enqueue(append, None).await
    }

    /// The connection that is open now, as a number. What is decided upon a state that was loaded in its time is a conflict
    /// once it is gone: the next one may lead to a server that has lost what the decision rests on.
    pub fn life(&self) -> u64 {
        self.life.load(Ordering::Acquire)
    }

    /// [`Appender::append`], of what was decided in this life.
    pub(crate) async fn append_in(&self, life: u64, append: Append) -> Result<Answer, AppendError> {
        self.enqueue(append, Some(life)).await
    }

    async fn enqueue(&self, append: Append, life: Option<u64>) -> Result<Answer, AppendError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Pending { append, life, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AppendError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => AppendError::Unavailable("the appender has stopped".into()),
        })?;
        answered.await.unwrap_or_else(|_| Err(AppendError::Unavailable("the appender has stopped".into())))
    }

    /// Reads, and answers when what was read is on disk: an event can be seen a moment before that, and nobody may
    /// answer a caller on the strength of one that a crash could still take back.
    ///
    /// # Errors
    /// The database is away, or went away meanwhile.
    pub async fn once_on_disk<T, E: From<AppendError>>(
        &self,
        read: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let stopped = || AppendError::Unavailable("the appender has stopped".into());
        let session = self.session.now();
        let value = read.await?;
        let (asker, answered) = oneshot::channel();
        self.flush.send(Landed { session, who: Who::Reader(asker) }).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))?;
        Ok(value)
    }

    /// The end of the log as far as this process has written it and it is on disk: a doorbell for the relay.
    pub fn committed(&self) -> watch::Receiver<Position> {
        self.committed.clone()
    }
}
