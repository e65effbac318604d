//! Stretches of the log that lie in files: which there are, taking one out of the database, bringing one back.
//!
//! What the files look like is their writer's affair. Here it counts that they hold the same events, and that is one hash:
//! SHA-256 of the events as `COPY (FORMAT binary)` tells them. Whoever reads a file makes the same bytes of it.

mod binary;

pub use binary::Hasher;

use crate::copy;
use crate::log::{Log, ReadError};
use binary::Rows;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use kernel::{EventData, EventId, Position, Recorded};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, PgPool, Row, query};
use std::pin::pin;
use std::time::Duration;

/// How long everybody else may wait at most for a stretch to go, each time that it is tried: the whole log is locked while
/// its readers are waited for.
const LOCK_WAIT: &str = "set local lock_timeout = '250ms'";
const BETWEEN_TRIES: Duration = Duration::from_millis(750);
/// `lock_not_available`.
const LOCKED: &str = "55P03";

/// A stretch of the log in the database: one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its first position.
    pub first: Position,
    /// Its last position; the log may not have got there yet.
    pub last: Position,
    /// What it takes on disk, indexes included.
    pub size_bytes: i64,
}

/// SHA-256 of events; see [`Hasher`].
pub type ContentHash = [u8; 32];

/// A stretch that was archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Its first position.
    pub first: Position,
    /// Its last position.
    pub last: Position,
    /// When its first event was recorded.
    pub first_recorded_at: DateTime<Utc>,
    /// When its last event was recorded.
    pub last_recorded_at: DateTime<Utc>,
    /// The event at the last position.
    pub last_event_id: EventId,
    /// Where the manifest of its files lies, as the operator named it.
    pub manifest: String,
    /// SHA-256 of the manifest.
    pub manifest_sha256: Vec<u8>,
    /// SHA-256 of its events.
    pub content_sha256: Vec<u8>,
    /// When it was taken out of the database, if it is not there now.
    pub detached_at: Option<DateTime<Utc>>,
}

/// Why an archive could not be made or brought back. The log is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Postgres refused.
    #[error("{0}")]
    Database(&'static str, #[source] sqlx::Error),
    /// Others read the log without a pause.
    #[error("others have been reading the log for all of {} s", .0.as_secs())]
    Busy(Duration),
    /// What came back is not what went away.
    #[error("the events from {first} to {last} are not those that were archived")]
    Altered {
        /// The first position.
        first: Position,
        /// The last position.
        last: Position,
    },
}

fn doing(what: &'static str) -> impl Fn(sqlx::Error) -> ArchiveError {
    move |error| ArchiveError::Database(what, error)
}

/// The stretches that are in the database, in order. The pool must work as the owner.
///
/// # Errors
/// Postgres does not answer.
pub async fn stretches(owner: &PgPool) -> Result<Vec<Stretch>, sqlx::Error> {
    let rows = query("select first_position, last_position, size_bytes from log.stretches()").fetch_all(owner).await?;
    let stretch = |row: &PgRow| {
        Ok(Stretch { first: Position(row.try_get(0)?), last: Position(row.try_get(1)?), size_bytes: row.try_get(2)? })
    };
    rows.iter().map(stretch).collect()
}

/// Everything that was ever archived, in order; also what has come back.
///
/// # Errors
/// Postgres does not answer.
pub async fn list(pool: &PgPool) -> Result<Vec<Archive>, sqlx::Error> {
    let rows = query(
        "select first_position, last_position, first_recorded_at, last_recorded_at, last_event_id, manifest, \
         manifest_sha256, content_sha256, detached_at from log.archives order by 1",
    );
    let archive = |row: &PgRow| {
        Ok(Archive {
            first: Position(row.try_get(0)?),
            last: Position(row.try_get(1)?),
            first_recorded_at: row.try_get(2)?,
            last_recorded_at: row.try_get(3)?,
            last_event_id: EventId(row.try_get(4)?),
            manifest: row.try_get(5)?,
            manifest_sha256: row.try_get(6)?,
            content_sha256: row.try_get(7)?,
            detached_at: row.try_get(8)?,
        })
    };
    rows.fetch_all(pool).await?.iter().map(archive).collect()
}

/// Hashes the events after `after` up to `up_to` as the log has them now. `progress` hears how many bytes were read.
///
/// # Errors
/// Postgres does not answer, or some of them are archived.
pub async fn content_hash(
    log: &Log,
    after: Position,
    up_to: Position,
    progress: impl Fn(usize),
) -> Result<ContentHash, ReadError> {
    let mut hasher = Hasher::of_bytes();
    let mut blocks = pin!(copy::raw(log.pool().clone(), after, up_to));
    while let Some(block) = blocks.next().await {
        let block = block?;
        hasher.bytes(&block);
        progress(block.len());
    }
    Ok(hasher.finish())
}

/// Takes a stretch out of the database, with the row that says where it lies, in one short transaction. The whole log is
/// locked meanwhile, so it only tries for moments, for as long as `patience`.
///
/// # Errors
/// Postgres refuses, or the log is read without a pause.
pub async fn detach(owner: &PgPool, archive: &Archive, operator: &str, patience: Duration) -> Result<(), ArchiveError> {
    const DOING: &str = "taking the stretch out of the database";
    let began = tokio::time::Instant::now();
    let mut connection = owner.acquire().await.map_err(doing(DOING))?.detach();
    loop {
        match detach_now(&mut connection, archive, operator).await {
            Ok(()) => return Ok(()),
            Err(error) if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(LOCKED)) => {
                if began.elapsed() >= patience {
                    return Err(ArchiveError::Busy(patience));
                }
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            Err(error) => return Err(ArchiveError::Database(DOING, error)),
        }
    }
}

async fn detach_now(connection: &mut PgConnection, archive: &Archive, operator: &str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    query(LOCK_WAIT).execute(&mut *transaction).await?;
    query(
        "select log.detach(row($1::bigint, $2::bigint, $3::timestamptz, $4::timestamptz, $5::uuid, $6::text, $7::bytea, \
         null, null, $8::bytea)::log.archives, $9)",
    )
    .bind(archive.first.0)
    .bind(archive.last.0)
    .bind(archive.first_recorded_at)
    .bind(archive.last_recorded_at)
    .bind(archive.last_event_id.0)
    .bind(&archive.manifest)
    .bind(&archive.manifest_sha256)
    .bind(&archive.content_sha256)
    .bind(operator)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// A stretch on its way back into the database. Nobody sees anything of it before [`Restore::finish`], and a crash leaves
/// nothing of it.
pub struct Restore {
    connection: PgConnection,
    archive: Archive,
    hasher: Hasher,
}

impl Restore {
    /// Begins to bring back the last archive.
    ///
    /// # Errors
    /// Postgres refuses, or it is not the last one.
    pub async fn begin(owner: &PgPool, archive: &Archive) -> Result<Self, ArchiveError> {
        let begun = async {
            let mut connection = owner.acquire().await?.detach();
            query("begin").execute(&mut connection).await?;
            // Ten million events take their time. A session whose process was killed must not: while it tries to get the log to
            // itself, whoever takes up its work waits for its table, and keeps the log from it.
            for setting in [
                "set local statement_timeout = 0",
                "set local idle_in_transaction_session_timeout = 0",
                "set local client_connection_check_interval = '500ms'",
            ] {
                query(setting).execute(&mut connection).await?;
            }
            query("select log.begin_restore($1, $2)")
                .bind(archive.first.0)
                .bind(archive.last.0)
                .execute(&mut connection)
                .await?;
            Ok(connection)
        };
        let connection = begun.await.map_err(doing("beginning to bring the archive back"))?;
        Ok(Self { connection, archive: archive.clone(), hasher: Hasher::of_events() })
    }

    /// Adds events, which must follow those before.
    ///
    /// # Errors
    /// Postgres refuses.
    pub async fn put(&mut self, events: &[Recorded<EventData>]) -> Result<(), ArchiveError> {
        let copied = async {
            let table = format!("log.events_{}_{}", self.archive.first, self.archive.last);
            let statement = format!("copy {table} ({}) from stdin (format binary)", crate::log::columns!());
            let mut copy = self.connection.copy_in_raw(&statement).await?;
            let mut rows = Rows::begin();
            for event in events {
                rows.put(event);
                if rows.is_large() {
                    copy.send(rows.take()).await?;
                }
            }
            copy.send(rows.end()).await?;
            copy.finish().await
        };
        copied.await.map_err(doing("bringing events back"))?;
        for event in events {
            self.hasher.event(event);
        }
        Ok(())
    }

    /// Makes them a part of the log again, if they are what went away.
    ///
    /// # Errors
    /// They are not, or Postgres refuses.
    pub async fn finish(mut self, operator: &str) -> Result<(), ArchiveError> {
        let altered = || ArchiveError::Altered { first: self.archive.first, last: self.archive.last };
        let hasher = std::mem::replace(&mut self.hasher, Hasher::of_events());
        if hasher.finish()[..] != self.archive.content_sha256[..] {
            return Err(altered());
        }
        // What was sent is one thing, what is in the table another.
        let table = format!("log.events_{}_{}", self.archive.first, self.archive.last);
        let stored = copy::raw_of(&mut self.connection, &table).await.map_err(doing("reading back what came back"))?;
        if stored[..] != self.archive.content_sha256[..] {
            return Err(altered());
        }
        let attached = async {
            query("select log.attach($1, $2, $3)")
                .bind(self.archive.first.0)
                .bind(self.archive.last.0)
                .bind(operator)
                .execute(&mut self.connection)
                .await?;
            query("commit").execute(&mut self.connection).await?;
            sqlx::raw_sql(AssertSqlSafe(format!("analyze {table}"))).execute(&mut self.connection).await
        };
        attached.await.map(drop).map_err(doing("making what came back a part of the log"))
    }
}
