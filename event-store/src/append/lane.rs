//! The lane: one connection that stores one batch after the other and answers its requests.
//!
//! One lane, not several: the head admits one append at a time anyway, and batches that overlap are smaller ones.
//! Measured with two: a third of the batch size and half as much work again per event.

use super::batch::Batch;
use super::claims::StreamKey;
use super::flusher::{Landed, Session, Who, announce};
use super::refusal;
use super::waiting::{Load, Waiting};
use super::{Answer, Append, AppendError};
use crate::schema;
use crate::tail::NOT_ADOPTED;
use kernel::{Epoch, Position};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, PgPool};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// How often a batch is tried anew before its requests are told that the log is not available.
const MAX_ATTEMPTS: usize = 8;
/// How long Postgres may take for a batch.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests are refused at once after Postgres could not be reached.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// A request and whoever waits for its answer.
pub(super) struct Pending {
    pub(super) append: Append,
    /// The connection in whose time it was decided; `None` where nothing was decided upon a state.
    pub(super) life: Option<u64>,
    pub(super) answer: oneshot::Sender<Result<Answer, AppendError>>,
}

/// The only writer of this process.
pub(super) struct Lane {
    pub(super) waiting: Waiting,
    pub(super) session: PgConnectOptions,
    pub(super) pool: PgPool,
    pub(super) partition_size: i64,
    pub(super) next_partition: Position,
    pub(super) landed: mpsc::Sender<Landed>,
    pub(super) flushing: Session,
    pub(super) committed: watch::Sender<Position>,
    pub(super) connection: Option<PgConnection>,
    pub(super) unreachable_until: Option<Instant>,
    pub(super) epoch: Epoch,
    /// Counts connections: each may lead to another history of the log.
    pub(super) life: Arc<AtomicU64>,
}

impl Lane {
    /// Stores batches until nothing can come any more.
    pub(super) async fn run(mut self) {
        while let Some(load) = self.waiting.next().await {
            self.commit(load).await;
        }
    }

    /// Stores the batch and answers every request in it.
    async fn commit(&mut self, load: Load) {
        let Load { requests: mut batch, alone } = load;
        let started = Instant::now();
        metrics::histogram!("append_batch_requests").record(to_f64(batch.len()));
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt(&mut batch, alone).await {
                Ok(()) => {
                    metrics::histogram!("append_seconds").record(started.elapsed().as_secs_f64());
                    return;
                }
                Err(Failure::Again) => {}
                Err(Failure::Fatal(reason)) if batch.len() > 1 => {
                    // One request may be to blame that Postgres cannot store: each for itself.
                    tracing::warn!(reason, requests = batch.len(), "a batch failed; appending one by one");
                    for pending in batch {
                        Box::pin(self.commit(Load { requests: vec![pending], alone })).await;
                    }
                    return;
                }
                Err(Failure::Fatal(reason) | Failure::Unreachable(reason)) => return fail(batch, &reason),
            }
        }
        fail(batch, "the batch was refused again and again");
    }

    async fn attempt(&mut self, batch: &mut Vec<Pending>, alone: bool) -> Result<(), Failure> {
        let mut connection = self.connected().await?;
        self.refuse_of_before(batch);
        if batch.is_empty() {
            self.connection = Some(connection);
            return Ok(());
        }
        // Without a flusher to vouch for it, the commit itself waits for the disk.
        let session = self.flushing.now();
        let flush = alone || session == 0;
        let outcome = self.send(&mut connection, batch, flush).await;
        if matches!(outcome, Outcome::Failed(Failure::Again | Failure::Unreachable(_))) {
            self.waiting.forget();
        } else {
            self.connection = Some(connection);
        }
        match outcome {
            Outcome::Stored(answers, head) => {
                let mut stored = Vec::with_capacity(answers.len());
                for (pending, answer) in std::mem::take(batch).into_iter().zip(answers) {
                    self.epoch = answer.epoch;
                    for change in &pending.append.changes {
                        let reached = change.expected.0 + i32::try_from(change.events.len()).unwrap_or(i32::MAX);
                        self.waiting.learn(StreamKey::of(&pending.append, change), reached);
                    }
                    stored.push((pending.answer, answer));
                }
                self.land(stored, head, (!flush).then_some(session)).await;
                self.keep_partitions_ahead(head);
                Ok(())
            }
            Outcome::Refused(mut refusals) => {
                for (index, pending) in std::mem::take(batch).into_iter().enumerate() {
                    match refusals.remove(&index) {
                        // The first answer was perhaps not yet given: it must be on disk like any other.
                        Some(Ok(answer)) => {
                            self.land(vec![(pending.answer, answer)], answer.position, Some(session)).await;
                        }
                        Some(Err(error)) => self.refuse(pending, error),
                        None => batch.push(pending),
                    }
                }
                if batch.is_empty() { Ok(()) } else { Err(Failure::Again) }
            }
            Outcome::Failed(failure) => Err(failure),
        }
    }

    async fn send(&self, connection: &mut PgConnection, batch: &[Pending], flush: bool) -> Outcome {
        let appends: Vec<&Append> = batch.iter().map(|pending| &pending.append).collect();
        let arrays = Batch::of(appends.iter().copied());
        let error = match bounded(arrays.send(connection, flush)).await {
            Ok(written) => return Outcome::Stored(arrays.answers(&written), arrays.head(&written)),
            Err(error) => error,
        };
        match code_of(&error).as_deref() {
            // A condition did not hold: log.append raised it, or a unique index found it.
            Some("SL001" | "23505") => match bounded(refusal::find(connection, &appends, self.epoch)).await {
                Ok(refusals) => Outcome::Refused(refusals),
                Err(error) => Outcome::Failed(Failure::of(&error)),
            },
            // No partition for the position.
            Some("23514") => match schema::make_partitions(&self.pool, self.partition_size).await {
                Ok(()) => Outcome::Refused(HashMap::new()),
                Err(error) => Outcome::Failed(Failure::Fatal(error.to_string())),
            },
            _ => Outcome::Failed(Failure::of(&error)),
        }
    }

    fn refuse(&mut self, pending: Pending, error: AppendError) {
        if let AppendError::Conflict { stream_id, version } = &error
            && let Some(change) = pending.append.changes.iter().find(|change| change.stream_id == *stream_id)
        {
            self.waiting.learn(StreamKey::of(&pending.append, change), version.0);
        }
        let _ = pending.answer.send(Err(error));
    }

    fn keep_partitions_ahead(&mut self, head: Position) {
        if head < self.next_partition {
            return;
        }
        self.next_partition = Position(head.0 + self.partition_size);
        let (pool, size) = (self.pool.clone(), self.partition_size);
        tokio::spawn(async move {
            if let Err(error) = schema::make_partitions(&pool, size).await {
                tracing::error!(error = %error, "partitions could not be made ahead of need");
            }
        });
    }

    /// Answers at once what the commit has already flushed, and leaves the rest to the flusher's session.
    async fn land(
        &self,
        stored: Vec<(oneshot::Sender<Result<Answer, AppendError>>, Answer)>,
        head: Position,
        session: Option<u64>,
    ) {
        if let Some(session) = session {
            // Should the flusher be gone, so are those who wait: the channels close.
            let _ = self.landed.send(Landed { session, who: Who::Stored(stored, head) }).await;
            return;
        }
        announce(&self.committed, head);
        for (asker, answer) in stored {
            let _ = asker.send(Ok(answer));
        }
    }

    /// What was decided before this connection was made may rest on events that the log no longer has: it is decided anew.
    fn refuse_of_before(&mut self, batch: &mut Vec<Pending>) {
        let life = self.life.load(Ordering::Acquire);
        for pending in batch.extract_if(.., |pending| pending.life.is_some_and(|decided| decided != life)) {
            let primary = pending.append.changes.first();
            let (stream_id, version) = primary.map(|change| (change.stream_id, change.expected)).unwrap_or_default();
            let _ = pending.answer.send(Err(AppendError::Conflict { stream_id, version }));
        }
    }

    async fn connected(&mut self) -> Result<PgConnection, Failure> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        if self.unreachable_until.is_some_and(|until| Instant::now() < until) {
            return Err(Failure::Unreachable("Postgres cannot be reached".into()));
        }
        self.waiting.forget();
        match tokio::time::timeout(Duration::from_secs(2), connect(&self.session)).await {
            Ok(Ok((connection, true))) => {
                self.unreachable_until = None;
                self.life.fetch_add(1, Ordering::AcqRel);
                Ok(connection)
            }
            outcome => {
                self.unreachable_until = Some(Instant::now() + RECONNECT_PAUSE);
                let reason = match outcome {
                    Ok(Ok(_)) => format!("LOG_DIVERGED: {NOT_ADOPTED}"),
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => "connecting took too long".into(),
                };
                tracing::error!(reason, "the appender cannot reach Postgres");
                Err(Failure::Unreachable(reason))
            }
        }
    }
}

/// A connection, and whether its server may go on with the log: a server becomes another one only while nobody is
/// connected.
async fn connect(session: &PgConnectOptions) -> Result<(PgConnection, bool), sqlx::Error> {
    let mut connection = PgConnection::connect_with(session).await?;
    let is_adopted = sqlx::query_scalar("select log.is_adopted()").fetch_one(&mut connection).await?;
    Ok((connection, is_adopted))
}

enum Outcome {
    Stored(Vec<Answer>, Position),
    /// These cannot be stored; the others can be sent again.
    Refused(refusal::Refusals),
    Failed(Failure),
}

enum Failure {
    /// The connection is gone, or this is worth another try at once.
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

fn code_of(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
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
