//! The followers' control table: how far each has come, who may write, and why one stands still.

use event_store::ReadError;
use kernel::{Epoch, EventId, LogId, Position, Recorded, reactor::Start};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row, query, query_scalar};
use uuid::Uuid;

/// A place in the log that can be proved: the event that stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The life of the log.
    pub epoch: Epoch,
    /// The last event; 0 before the first.
    pub position: Position,
    /// That event's id.
    pub event_id: Option<EventId>,
}

impl Place {
    /// The place of an event.
    pub fn of<E>(event: &Recorded<E>) -> Self {
        Self { epoch: event.epoch, position: event.position, event_id: Some(event.event_id) }
    }
}

/// A checkpoint as its owner knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) log_id: LogId,
    pub(crate) at: Place,
    pub(crate) owner_epoch: i64,
}

/// Why Postgres could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{doing}")]
    Database {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
}

impl ControlError {
    pub(crate) fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }
}

/// Makes the checkpoints that are missing, all at one place of the log: an effect that is asked for by a new reactor is
/// seen by its new outbox.
pub(crate) async fn declare(pool: &PgPool, followers: &[(&str, Start)]) -> Result<(), ControlError> {
    let (names, starts): (Vec<&str>, Vec<bool>) =
        followers.iter().map(|(name, start)| (*name, *start == Start::Beginning)).unzip();
    query(
        "insert into effects.followers (name, log_id, epoch, position, event_id) \
         select name, log_id, epoch, case when beginning then 0 else position end, \
         case when beginning then null else event_id end \
         from unnest($1::text[], $2::boolean[]) as wanted(name, beginning), log.head, log.identity \
         on conflict (name) do nothing",
    )
    .bind(names)
    .bind(starts)
    .execute(pool)
    .await
    .map(drop)
    .map_err(ControlError::doing("declaring followers of the log"))
}

/// Takes a follower over: whoever wrote its checkpoint before can no longer. The caller holds the lease.
pub(crate) async fn take_over(pool: &PgPool, name: &str) -> Result<Checkpoint, ControlError> {
    let row = query(
        "update effects.followers set owner_epoch = owner_epoch + 1, state = 'running', error = null, \
         error_position = null, updated_at = clock_timestamp() \
         where name = $1 returning log_id, epoch, position, event_id, owner_epoch",
    )
    .bind(name)
    .fetch_one(pool)
    .await;
    row.and_then(|row| checkpoint(&row)).map_err(ControlError::doing("taking a follower of the log over"))
}

fn checkpoint(row: &PgRow) -> Result<Checkpoint, sqlx::Error> {
    Ok(Checkpoint {
        log_id: LogId(row.try_get(0)?),
        at: Place {
            epoch: Epoch(row.try_get(1)?),
            position: Position(row.try_get(2)?),
            event_id: row.try_get::<Option<Uuid>, _>(3)?.map(EventId),
        },
        owner_epoch: row.try_get(4)?,
    })
}

/// Moves a checkpoint, inside the transaction that wrote what it led to.
///
/// Answers `false`, having to be rolled back, unless it is still at `from` and owned by the caller, and both places are in
/// the log as it is now.
pub(crate) async fn advance(
    connection: &mut PgConnection,
    name: &str,
    owner_epoch: i64,
    from: Place,
    to: Place,
) -> Result<bool, sqlx::Error> {
    let moved = query(
        "update effects.followers \
         set epoch = $3, position = $4, event_id = $5, updated_at = clock_timestamp() \
         where name = $1 and owner_epoch = $2 and position = $6 and event_id is not distinct from $7 \
         and log_id = (select log_id from log.identity) \
         and ($6 = 0 or exists (select from log.events e where e.position = $6 and e.event_id = $7)) \
         and exists (select from log.events e where e.position = $4 and e.event_id = $5)",
    )
    .bind(name)
    .bind(owner_epoch)
    .bind(to.epoch.0)
    .bind(to.position.0)
    .bind(to.event_id.map(|id| id.0))
    .bind(from.position.0)
    .bind(from.event_id.map(|id| id.0))
    .execute(connection)
    .await?
    .rows_affected();
    Ok(moved == 1)
}

/// Whether the log, as it is now, has this place.
pub(crate) async fn log_has(pool: &PgPool, log_id: LogId, place: Place) -> Result<bool, ControlError> {
    query_scalar(
        "select exists (select from log.identity where log_id = $1) \
         and ($2 = 0 or exists (select from log.events where position = $2 and event_id = $3))",
    )
    .bind(log_id.0)
    .bind(place.position.0)
    .bind(place.event_id.map(|id| id.0))
    .fetch_one(pool)
    .await
    .map_err(ControlError::doing("comparing a checkpoint with the log"))
}

/// It stands still: `state` is `stopped` or `diverged`.
pub(crate) async fn mark(
    pool: &PgPool,
    name: &str,
    state: &'static str,
    error: &str,
    at: Position,
) -> Result<(), ControlError> {
    query("update effects.followers set state = $2, error = $3, error_position = $4 where name = $1")
        .bind(name)
        .bind(state)
        .bind(error)
        .bind(at.0)
        .execute(pool)
        .await
        .map(drop)
        .map_err(ControlError::doing("recording why a follower of the log stands still"))
}

/// Whether every follower's checkpoint is in the log as it is now.
pub(crate) async fn is_mended(pool: &PgPool) -> Result<bool, ControlError> {
    query_scalar("select not exists (select from effects.followers where not log.holds(log_id, position, event_id))")
        .fetch_one(pool)
        .await
        .map_err(ControlError::doing("comparing the followers of the log with the log"))
}
