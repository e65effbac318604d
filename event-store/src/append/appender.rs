//! The group-committing appender: one task, one connection, as many requests per commit as are waiting.
//!
//! Requests queue; the task takes all that wait (bounded) and writes them in one statement, one round trip, one
//! commit. It never waits for more to come: a lone request goes at once. While Postgres works on one batch
//! the next one gathers.
//!
//! Deliberately absent: a transaction held across a round trip, `NOTIFY`, timers, a second path for single requests.

use super::batch::Batch;
use super::refusal;
use super::{Answer, Append, AppendError};
use crate::schema::{self, SchemaError};
use kernel::{Epoch, Position};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

/// Requests per commit at most.
const MAX_REQUESTS: usize = 512;
/// Events per commit at most, unless one request alone has more.
const MAX_EVENTS: usize = 4_096;
/// Payload bytes per commit at most, unless one request alone has more.
const MAX_BYTES: usize = 8 << 20;
/// How often a batch is tried anew before its requests are told that the log is not available.
const MAX_ATTEMPTS: usize = 8;
/// How long Postgres may take for a batch.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests are refused at once after Postgres could not be reached.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);
/// Streams whose version is remembered; forgotten all at once beyond.
const MAX_KNOWN: usize = 200_000;

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

struct Pending {
    append: Append,
    answer: oneshot::Sender<Result<Answer, AppendError>>,
}

/// The way into the log. Cheap to clone; all clones share one queue.
#[derive(Clone, Debug)]
pub struct Appender {
    queue: mpsc::Sender<Pending>,
    committed: watch::Receiver<Position>,
}

impl Appender {
    /// Starts the appender's task. It ends when the last clone of the handle is dropped, after what was queued.
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
        let task = Task {
            requests,
            session: session.disable_statement_logging(),
            pool,
            partition_size: options.partition_size,
            next_partition: Position(options.partition_size),
            connection: None,
            unreachable_until: None,
            known: HashMap::new(),
            epoch: Epoch::ZERO,
            committed,
        };
        tokio::spawn(task.run());
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

type StreamKey = (Uuid, Uuid, &'static str);

struct Task {
    requests: mpsc::Receiver<Pending>,
    session: PgConnectOptions,
    pool: PgPool,
    partition_size: i64,
    next_partition: Position,
    connection: Option<PgConnection>,
    unreachable_until: Option<Instant>,
    /// Versions that streams have reached. Versions only grow, so a request that expects less has lost for
    /// certain; a request that expects more is for Postgres to judge. Forgotten with the connection.
    known: HashMap<StreamKey, i32>,
    epoch: Epoch,
    committed: watch::Sender<Position>,
}

impl Task {
    async fn run(mut self) {
        let mut waiting = VecDeque::new();
        loop {
            if waiting.is_empty() {
                match self.requests.recv().await {
                    Some(pending) => waiting.push_back(pending),
                    None => return,
                }
            }
            while waiting.len() < 2 * MAX_REQUESTS {
                match self.requests.try_recv() {
                    Ok(pending) => waiting.push_back(pending),
                    Err(_) => break,
                }
            }
            let batch = self.take(&mut waiting);
            if !batch.is_empty() {
                self.commit(batch).await;
            }
        }
    }

    /// Takes the next batch from the front: at most one request that writes a stream, at most one per key. The
    /// others keep their order for the next one.
    fn take(&self, waiting: &mut VecDeque<Pending>) -> Vec<Pending> {
        let (mut batch, mut later) = (Vec::new(), VecDeque::new());
        let (mut written, mut looked_at, mut keys) = (HashSet::new(), HashSet::new(), HashSet::new());
        let (mut events, mut bytes) = (0, 0);
        while let Some(pending) = waiting.pop_front() {
            let append = &pending.append;
            if let Some(error) = self.lost_already(append) {
                let _ = pending.answer.send(Err(error));
                continue;
            }
            let tenant = append.tenant_id.0;
            let (writes, looks): (Vec<_>, Vec<_>) = append.changes.iter().partition(|c| !c.events.is_empty());
            let name = |change: &kernel::Change| (tenant, change.stream_id, change.category);
            let clashes = writes.iter().any(|c| written.contains(&name(c)) || looked_at.contains(&name(c)))
                || looks.iter().any(|c| written.contains(&name(c)))
                || keys.contains(&(tenant, append.idempotency.key));
            if clashes {
                // Later requests on the same streams must not overtake this one.
                written.extend(append.changes.iter().map(name));
                later.push_back(pending);
                continue;
            }
            events += writes.iter().map(|c| c.events.len()).sum::<usize>();
            bytes += writes.iter().flat_map(|c| &c.events).map(|e| e.data().len()).sum::<usize>();
            if !batch.is_empty() && (events > MAX_EVENTS || bytes > MAX_BYTES) {
                waiting.push_front(pending);
                break;
            }
            written.extend(writes.into_iter().map(name));
            looked_at.extend(looks.into_iter().map(name));
            keys.insert((tenant, append.idempotency.key));
            batch.push(pending);
            if batch.len() >= MAX_REQUESTS {
                break;
            }
        }
        later.append(waiting);
        *waiting = later;
        batch
    }

    fn lost_already(&self, append: &Append) -> Option<AppendError> {
        append.changes.iter().find_map(|change| {
            let known = *self.known.get(&(append.tenant_id.0, change.stream_id, change.category))?;
            (known > change.expected.0)
                .then(|| AppendError::Conflict { stream_id: change.stream_id, version: kernel::Version(known) })
        })
    }

    /// Stores the batch and answers every request in it.
    async fn commit(&mut self, mut batch: Vec<Pending>) {
        let started = Instant::now();
        metrics::histogram!("append_batch_requests").record(to_f64(batch.len()));
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt(&mut batch).await {
                Ok(()) => {
                    metrics::histogram!("append_seconds").record(started.elapsed().as_secs_f64());
                    return;
                }
                Err(Failure::Again) => {}
                Err(Failure::Fatal(reason)) if batch.len() > 1 => {
                    // One request may be to blame that Postgres cannot store: each for itself.
                    tracing::warn!(reason, requests = batch.len(), "a batch failed; appending one by one");
                    for pending in batch {
                        Box::pin(self.commit(vec![pending])).await;
                    }
                    return;
                }
                Err(Failure::Fatal(reason) | Failure::Unreachable(reason)) => return fail(batch, &reason),
            }
            if batch.is_empty() {
                return;
            }
        }
        fail(batch, "the batch was refused again and again");
    }

    async fn attempt(&mut self, batch: &mut Vec<Pending>) -> Result<(), Failure> {
        let epoch = self.epoch;
        let mut connection = self.connected().await?;
        let (sent, failure) = {
            let appends: Vec<&Append> = batch.iter().map(|pending| &pending.append).collect();
            let arrays = Batch::of(appends.iter().copied());
            match bounded(arrays.send(&mut connection)).await {
                Ok(written) => (Some((arrays.answers(&written), arrays.head(&written))), None),
                Err(error) if is_refusal(&error) => {
                    let found = bounded(refusal::find(&mut connection, &arrays, &appends, epoch)).await;
                    (None, Some(found.map_err(|error| Failure::of(&error))))
                }
                Err(error) if is_missing_partition(&error) => {
                    let made = schema::make_partitions(&self.pool, self.partition_size).await;
                    (None, Some(made.map(|()| HashMap::new()).map_err(|error| Failure::Fatal(error.to_string()))))
                }
                Err(error) => (None, Some(Err(Failure::of(&error)))),
            }
        };
        if let Some((answers, head)) = sent {
            self.connection = Some(connection);
            self.accept(std::mem::take(batch), answers, head);
            return Ok(());
        }
        match failure.unwrap_or(Err(Failure::Again)) {
            Ok(mut refusals) => {
                self.connection = Some(connection);
                let mut index = 0..;
                for pending in std::mem::take(batch) {
                    match index.next().and_then(|index| refusals.remove(&index)) {
                        Some(answer) => self.refuse(pending, answer),
                        None => batch.push(pending),
                    }
                }
                if batch.is_empty() { Ok(()) } else { Err(Failure::Again) }
            }
            // A broken connection is dropped; a sound one that only refused the statement is kept.
            Err(Failure::Fatal(reason)) => {
                self.connection = Some(connection);
                Err(Failure::Fatal(reason))
            }
            Err(lost) => {
                self.known.clear();
                Err(lost)
            }
        }
    }

    fn accept(&mut self, batch: Vec<Pending>, answers: Vec<Answer>, head: Position) {
        if self.known.len() > MAX_KNOWN {
            self.known.clear();
        }
        for (pending, answer) in batch.into_iter().zip(answers) {
            self.epoch = answer.epoch;
            for change in &pending.append.changes {
                let reached = change.expected.0 + i32::try_from(change.events.len()).unwrap_or(i32::MAX);
                self.known.insert((pending.append.tenant_id.0, change.stream_id, change.category), reached);
            }
            let _ = pending.answer.send(Ok(answer));
        }
        self.committed.send_replace(head);
        if head >= self.next_partition {
            self.next_partition = Position(head.0 + self.partition_size);
            let (pool, size) = (self.pool.clone(), self.partition_size);
            tokio::spawn(async move {
                if let Err(error) = schema::make_partitions(&pool, size).await {
                    tracing::error!(error = %error, "partitions could not be made ahead of need");
                }
            });
        }
    }

    fn refuse(&mut self, pending: Pending, answer: Result<Answer, AppendError>) {
        if let Err(AppendError::Conflict { stream_id, version }) = &answer {
            let category = pending.append.changes.iter().find(|c| c.stream_id == *stream_id).map(|c| c.category);
            if let Some(category) = category {
                self.known.insert((pending.append.tenant_id.0, *stream_id, category), version.0);
            }
        }
        let _ = pending.answer.send(answer);
    }

    async fn connected(&mut self) -> Result<PgConnection, Failure> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        if self.unreachable_until.is_some_and(|until| Instant::now() < until) {
            return Err(Failure::Unreachable("Postgres cannot be reached".into()));
        }
        self.known.clear();
        match tokio::time::timeout(Duration::from_secs(2), PgConnection::connect_with(&self.session)).await {
            Ok(Ok(connection)) => {
                self.unreachable_until = None;
                Ok(connection)
            }
            outcome => {
                self.unreachable_until = Some(Instant::now() + RECONNECT_PAUSE);
                let reason = match outcome {
                    Ok(Err(error)) => error.to_string(),
                    _ => "connecting took too long".into(),
                };
                tracing::error!(reason, "the appender cannot reach Postgres");
                Err(Failure::Unreachable(reason))
            }
        }
    }
}

enum Failure {
    /// Trying again, perhaps with fewer requests, can help at once.
    Again,
    /// Postgres refused the statement; the connection is sound.
    Fatal(String),
    /// There is no connection.
    Unreachable(String),
}

impl Failure {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            // The server is going away or coming up; the next attempt finds a new connection or none.
            sqlx::Error::Database(database) => match database.code().as_deref() {
                Some(code) if code.starts_with("57P") || code.starts_with("08") => Self::Again,
                _ => Self::Fatal(database.to_string()),
            },
            // The connection broke: whether the batch was stored, its keys tell when it is sent again.
            _ => Self::Again,
        }
    }
}

async fn bounded<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    tokio::time::timeout(STATEMENT_TIMEOUT + Duration::from_secs(1), work)
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Protocol("Postgres did not answer in time".into())))
}

fn is_refusal(error: &sqlx::Error) -> bool {
    code_of(error).as_deref() == Some("SL001")
}

fn is_missing_partition(error: &sqlx::Error) -> bool {
    code_of(error).as_deref() == Some("23514")
}

fn code_of(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(|code| code.into_owned())
}

fn fail(batch: Vec<Pending>, reason: &str) {
    metrics::counter!("append_failed_requests").increment(batch.len() as u64);
    for pending in batch {
        let _ = pending.answer.send(Err(AppendError::Unavailable(reason.to_owned())));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a batch has at most hundreds of requests")]
const fn to_f64(count: usize) -> f64 {
    count as f64
}
