//! What operators do about parked streams: each act is one transaction that also records it.

use crate::acts::{self, Act, By, Queue};
use crate::aside::StreamName;
use crate::row::RowError;
use event_store::{Log, ReadError};
use kernel::Position;
use serde::Serialize;
use sqlx::{ConnectOptions, Connection, PgConnection, Row, query, query_scalar, raw_sql};
use uuid::Uuid;

/// A frozen operator must not hold up the owner for longer than this.
const SESSION: &str =
    "set statement_timeout = '60s'; set lock_timeout = '5s'; set idle_in_transaction_session_timeout = '20s'";

/// An act on one parked stream of one generation.
#[derive(Clone, Debug)]
pub struct Request {
    /// The generation.
    pub generation: i32,
    /// The stream.
    pub stream: StreamName,
    /// Try it, and take it back.
    pub dry_run: bool,
    /// Who asks and why, for the record.
    pub by: By,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ParkingError {
    /// No stream of that id is parked.
    #[error("{name} has not parked stream {stream_id}")]
    Unknown {
        /// The read model.
        name: String,
        /// The stream.
        stream_id: Uuid,
    },
    /// It is not said enough which.
    #[error("{name} has parked several streams with the id {stream_id}")]
    Several {
        /// The read model.
        name: String,
        /// The stream.
        stream_id: Uuid,
    },
    /// The rows are folded by other code.
    #[error("generation {generation} of {name} is folded by version {version}, which this program is not")]
    OtherVersion {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
        /// The version of its code.
        version: i32,
    },
    /// There is nothing to do.
    #[error("stream {stream} is not parked in generation {generation} of {name}")]
    NotParked {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
        /// The stream.
        stream: StreamName,
    },
    /// Only the first event that waits can be skipped.
    #[error("the first event that waits is at position {first}, not {asked}")]
    NotFirst {
        /// Where it is.
        first: Position,
        /// What was asked for.
        asked: Position,
    },
    /// An event that was folded once cannot be folded by this program.
    #[error("the event at position {position}, of another stream, cannot be folded by this program: {reason}")]
    Elsewhere {
        /// The event.
        position: Position,
        /// What is wrong.
        reason: String,
    },
    /// Postgres refuses the rows, whatever part of the queue is folded.
    #[error("the rows cannot be written: {0}")]
    Refused(String),
    /// The owner's batches were always faster.
    #[error("the read model moved on each time; try again")]
    Busy,
    /// A row of the table could not be read.
    #[error("reading the table")]
    Row(#[from] RowError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Postgres does not answer or refuses.
    #[error("working on a parked stream")]
    Database(#[from] sqlx::Error),
}

impl ParkingError {
    /// What the operator can do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Unknown { .. } | Self::NotParked { .. } => "`sillage projections parked list` shows what is parked.",
            Self::Several { .. } => {
                "Name the tenant or the generation; `sillage projections parked list --json` shows both."
            }
            Self::OtherVersion { .. } => "Ask a program of that version, or deploy this one: it builds its own.",
            Self::NotFirst { .. } => "Skip the first one, or none: one event at a time.",
            Self::Elsewhere { .. } => "Mend the code, or deploy the program that folded it.",
            Self::Refused(_) => "Mend the code: `dry-run` says what it would write.",
            Self::Busy => "Try again; a projector that is paused or slower helps.",
            Self::Row(_) => "Somebody has changed the table: rebuild the read model.",
            Self::Read(_) | Self::Database(_) => "Try again when Postgres answers.",
        }
    }

    /// A stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } | Self::NotParked { .. } => "stream_not_parked",
            Self::Several { .. } => "several_streams",
            Self::OtherVersion { .. } => "other_version",
            Self::NotFirst { .. } => "not_the_first_event",
            Self::Elsewhere { .. } => "event_unreadable",
            Self::Refused(_) | Self::Row(_) => "rows_refused",
            Self::Busy => "read_model_busy",
            Self::Read(_) | Self::Database(_) => "database",
        }
    }
}

/// What a skip left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = SkippedEvent)]
pub struct Skipped {
    /// The event that is the first to wait now; none: the stream is no longer parked.
    pub next: Option<Position>,
}

/// A session of its own, closed at the end: no transaction can stay behind. One operator at a time works on a read model.
pub(crate) async fn open(log: &Log, name: &str) -> Result<PgConnection, sqlx::Error> {
    let mut connection = log.pool().connect_options().connect().await?;
    raw_sql(SESSION).execute(&mut connection).await?;
    query("select pg_advisory_lock(hashtextextended('projection.parking ' || $1, 0))")
        .bind(name)
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

/// Where a generation stands; its owner cannot move it before the transaction ends, if `held`.
pub(crate) async fn checkpoint(
    connection: &mut PgConnection,
    name: &str,
    generation: i32,
    held: bool,
) -> Result<Option<Position>, sqlx::Error> {
    let sql = if held {
        "select position from projection.checkpoints where name = $1 and generation = $2 for update"
    } else {
        "select position from projection.checkpoints where name = $1 and generation = $2"
    };
    let position = query_scalar(sql).bind(name).bind(generation).fetch_optional(connection).await?;
    Ok(position.map(Position))
}

/// Ends the ownership of whoever folds the generation: what it knows of rows and parked streams is no longer true.
pub(crate) async fn end_ownership(
    connection: &mut PgConnection,
    name: &str,
    generation: i32,
) -> Result<(), sqlx::Error> {
    query("update projection.checkpoints set owner_epoch = owner_epoch + 1 where name = $1 and generation = $2")
        .bind(name)
        .bind(generation)
        .execute(connection)
        .await
        .map(drop)
}

/// Nothing of the stream waits any more.
pub(crate) async fn unpark(connection: &mut PgConnection, name: &str, request: &Request) -> Result<(), sqlx::Error> {
    query(
        "delete from projection.parked where name = $1 and generation = $2 and tenant_id = $3 and stream_id = $4 \
         and category = $5",
    )
    .bind(name)
    .bind(request.generation)
    .bind(request.stream.tenant_id.0)
    .bind(request.stream.stream_id)
    .bind(&request.stream.category)
    .execute(connection)
    .await
    .map(drop)
}

/// Records an act, with its outcome in words, and notes it for the log.
pub(crate) async fn record(
    connection: &mut PgConnection,
    act: Act,
    name: &str,
    request: &Request,
    queue: &Queue,
    outcome: &str,
) -> Result<(), sqlx::Error> {
    acts::note_on_stream(connection, name, request.generation, act, queue, &request.by).await?;
    query(
        "insert into projection.parking_acts (act, operator, reason, name, generation, stream, position, outcome) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(act.as_str())
    .bind(request.by.to_string())
    .bind(&request.by.reason)
    .bind(name)
    .bind(request.generation)
    .bind(request.stream.to_string())
    .bind(queue.position.0)
    .bind(outcome)
    .execute(connection)
    .await
    .map(drop)
}

/// Takes the first event that waits in a parked stream out of a generation, for good. The next one is then the first; with
/// none left the stream goes on.
///
/// # Errors
/// The stream is not parked, `position` is not its first event, or Postgres does not answer.
pub async fn skip(log: &Log, name: &str, request: &Request, position: Position) -> Result<Skipped, ParkingError> {
    let mut connection = open(log, name).await?;
    let mut transaction = connection.begin().await?;
    checkpoint(&mut transaction, name, request.generation, true).await?;
    let stream = &request.stream;
    let row = query(
        "select k.position, (select e.position from log.events e where e.tenant_id = k.tenant_id \
         and e.stream_id = k.stream_id and e.category = k.category and e.position > k.position \
         and e.position <= c.position order by e.version limit 1) \
         from projection.parked k join projection.checkpoints c using (name, generation) \
         where name = $1 and generation = $2 and k.tenant_id = $3 and k.stream_id = $4 and k.category = $5",
    )
    .bind(name)
    .bind(request.generation)
    .bind(stream.tenant_id.0)
    .bind(stream.stream_id)
    .bind(&stream.category)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(row) = row else { return Err(not_parked(name, request)) };
    let (first, next) = (Position(row.try_get(0)?), row.try_get::<Option<i64>, _>(1)?.map(Position));
    if first != position {
        return Err(ParkingError::NotFirst { first, asked: position });
    }
    query("insert into projection.skipped (name, generation, position) values ($1, $2, $3)")
        .bind(name)
        .bind(request.generation)
        .bind(position.0)
        .execute(&mut *transaction)
        .await?;
    if let Some(next) = next {
        moved(&mut transaction, name, request, next, "not tried yet: the event before it was skipped", false).await?;
    } else {
        unpark(&mut transaction, name, request).await?;
        end_ownership(&mut transaction, name, request.generation).await?;
    }
    let outcome = next.map_or_else(|| "unparked".to_owned(), |next| format!("{next} is the first to wait"));
    let queue = Queue { stream: stream.clone(), position, folded: 0, next_position: next };
    record(&mut transaction, Act::Skipped, name, request, &queue, &outcome).await?;
    if request.dry_run {
        transaction.rollback().await?;
    } else {
        transaction.commit().await?;
    }
    Ok(Skipped { next })
}

/// Another event of the stream is now the first that waits.
pub(crate) async fn moved(
    connection: &mut PgConnection,
    name: &str,
    request: &Request,
    to: Position,
    error: &str,
    tried: bool,
) -> Result<(), sqlx::Error> {
    query(
        "update projection.parked set position = $6, error = $7, \
         event_id = (select event_id from log.events where position = $6), \
         tried_at = case when $8 then clock_timestamp() end \
         where name = $1 and generation = $2 and tenant_id = $3 and stream_id = $4 and category = $5",
    )
    .bind(name)
    .bind(request.generation)
    .bind(request.stream.tenant_id.0)
    .bind(request.stream.stream_id)
    .bind(&request.stream.category)
    .bind(to.0)
    .bind(error)
    .bind(tried)
    .execute(connection)
    .await
    .map(drop)
}

pub(crate) fn not_parked(name: &str, request: &Request) -> ParkingError {
    let (name, stream) = (name.to_owned(), request.stream.clone());
    ParkingError::NotParked { name, generation: request.generation, stream }
}
