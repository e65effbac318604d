//! The control tables: which generations exist, how far each is, who may write.

use crate::ddl::DeclarationError;
use crate::part::Part;
use crate::parts::OwnedParts;
use event_store::ReadError;
use kernel::{Epoch, EventData, EventId, LogId, Position, Recorded};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row, query, query_scalar};
use std::time::Duration;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Between two tries to record that the log is another one, and how many there are: a minute.
const RECORDING_PAUSE: Duration = Duration::from_millis(500);
const RECORDING_TRIES: usize = 120;

/// A place in a log that can be proved: the event that stands there.
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
    /// Before the first event.
    pub const BEGINNING: Self = Self { epoch: Epoch::ZERO, position: Position::ZERO, event_id: None };

    /// The place of an event.
    pub fn of(event: &Recorded<EventData>) -> Self {
        Self { epoch: event.epoch, position: event.position, event_id: Some(event.event_id) }
    }
}

/// A read model's table, built by one version of its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// The read model.
    pub name: &'static str,
    /// 1, 2, 3, …
    pub number: i32,
    /// The version of the code that folds it.
    pub version: i32,
    /// Which of its rows: all, unless it is split.
    pub part: Part,
}

impl Generation {
    /// The key of the advisory lock that its owner holds.
    pub(crate) fn lock_key(&self) -> i64 {
        if self.part.is_whole() {
            return generation_key(self.name, self.number);
        }
        part_key(self.name, self.number, self.part)
    }
}

/// The key of the advisory lock of a generation's owner.
pub(crate) fn generation_key(name: &str, generation: i32) -> i64 {
    lock_key(&format!("projection {name} {generation}"))
}

/// The key of the advisory lock of a part's owner.
pub(crate) fn part_key(name: &str, generation: i32, part: Part) -> i64 {
    lock_key(&format!("projection {name} {generation} part {} of {}", part.number, part.of))
}

/// The keys of all advisory locks by which a generation may be owned now.
pub(crate) async fn owner_keys(
    connection: &mut PgConnection,
    name: &str,
    generation: i32,
) -> Result<Vec<i64>, sqlx::Error> {
    let rows = query("select part, of from projection.parts where name = $1 and generation = $2")
        .bind(name)
        .bind(generation)
        .fetch_all(connection)
        .await?;
    let parts = rows.iter().map(|row| Ok(Part { number: row.try_get(0)?, of: row.try_get(1)? }));
    let keys = parts.map(|part| part.map(|part| part_key(name, generation, part)));
    let mut keys = keys.collect::<Result<Vec<_>, sqlx::Error>>()?;
    keys.push(generation_key(name, generation));
    Ok(keys)
}

/// A number for a name, the same everywhere: FNV-1a.
fn lock_key(name: &str) -> i64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash.cast_signed()
}

/// Whether Postgres is away or busy, so that the same may succeed later; otherwise it is what was asked that is wrong.
pub(crate) fn passes(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return true };
    // Connection, transaction rolled back, resources, state of objects (locks), operator, system.
    matches!(error.code().as_deref().and_then(|code| code.get(..2)), Some("08" | "40" | "53" | "55" | "57" | "58"))
}

/// A checkpoint as its owner knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) log_id: LogId,
    pub(crate) at: Place,
    pub(crate) owner_epoch: i64,
}

/// Why the control tables could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// A read model's declaration is no table.
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
    /// The log's head could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Postgres does not answer or refuses.
    #[error("{doing}")]
    Database {
        /// What was tried.
        doing: String,
        /// What Postgres says.
        #[source]
        source: sqlx::Error,
    },
}

impl ControlError {
    pub(crate) fn doing(doing: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing: doing.into(), source }
    }

    /// Whether waiting may help.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Declaration(_) | Self::Read(ReadError::Damaged(_) | ReadError::Archived(_)) => false,
            Self::Read(ReadError::Database(source)) | Self::Database { source, .. } => passes(source),
        }
    }
}

/// Takes a generation over: whoever wrote it before can no longer. The caller holds the advisory lock.
///
/// `None`: it was split, or what it is a part of was merged.
pub(crate) async fn take_over(pool: &PgPool, generation: &Generation) -> Result<Option<Checkpoint>, sqlx::Error> {
    if !generation.part.is_whole() {
        return crate::parts::take_over(pool, generation).await;
    }
    let row = query(
        "update projection.checkpoints set owner_epoch = owner_epoch + 1, updated_at = clock_timestamp() \
         where name = $1 and generation = $2 \
         and not exists (select from projection.parts p where p.name = $1 and p.generation = $2) \
         returning log_id, epoch, position, event_id, owner_epoch",
    )
    .bind(generation.name)
    .bind(generation.number)
    .fetch_optional(pool)
    .await?;
    row.as_ref().map(checkpoint).transpose()
}

pub(crate) fn checkpoint(row: &PgRow) -> Result<Checkpoint, sqlx::Error> {
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

/// Who may write, as its number; `None` where there is no such generation.
pub(crate) async fn owner_epoch(pool: &PgPool, generation: &Generation) -> Result<Option<i64>, sqlx::Error> {
    if !generation.part.is_whole() {
        return crate::parts::owner_epoch(pool, generation).await;
    }
    query_scalar("select owner_epoch from projection.checkpoints where name = $1 and generation = $2")
        .bind(generation.name)
        .bind(generation.number)
        .fetch_optional(pool)
        .await
}

/// Whose checkpoints are moved, as parallel arrays.
#[derive(Default)]
pub(crate) struct Owned {
    names: Vec<&'static str>,
    generations: Vec<i32>,
    owner_epochs: Vec<i64>,
    pub(crate) parts: OwnedParts,
}

impl Owned {
    pub(crate) fn push(&mut self, generation: &Generation, owner_epoch: i64) {
        if !generation.part.is_whole() {
            return self.parts.push(generation, owner_epoch);
        }
        self.names.push(generation.name);
        self.generations.push(generation.number);
        self.owner_epochs.push(owner_epoch);
    }
}

/// Moves checkpoints from one place to another, inside the transaction that wrote the rows.
///
/// Answers `false`, having to be rolled back, unless every one of them is still at `from` and owned by the caller, and both
/// places are in the log as it is now: a paused owner cannot write, nor can one whose events come from another history.
pub(crate) async fn advance(
    connection: &mut PgConnection,
    owned: &Owned,
    from: Place,
    to: Place,
) -> Result<bool, sqlx::Error> {
    if !owned.parts.advance(connection, from, to).await? {
        return Ok(false);
    }
    if owned.names.is_empty() {
        return Ok(true);
    }
    let moved = query(
        "update projection.checkpoints as c \
         set epoch = $1, position = $2, event_id = $3, updated_at = clock_timestamp() \
         from unnest($4::text[], $5::integer[], $6::bigint[]) as m(name, generation, owner_epoch) \
         where c.name = m.name and c.generation = m.generation and c.owner_epoch = m.owner_epoch \
         and not exists (select from projection.parts p where p.name = c.name and p.generation = c.generation) \
         and c.position = $7 and c.event_id is not distinct from $8 \
         and c.log_id = (select log_id from log.identity) \
         and ($7 = 0 or exists (select from log.events where position = $7 and event_id = $8)) \
         and exists (select from log.events where position = $2 and event_id = $3)",
    )
    .bind(to.epoch.0)
    .bind(to.position.0)
    .bind(to.event_id.map(|id| id.0))
    .bind(&owned.names)
    .bind(&owned.generations)
    .bind(&owned.owner_epochs)
    .bind(from.position.0)
    .bind(from.event_id.map(|id| id.0))
    .execute(connection)
    .await?
    .rows_affected();
    Ok(usize::try_from(moved) == Ok(owned.names.len()))
}

/// Whether the caller still owns the generation, which is still at `from`. Nobody takes it over before the transaction ends.
pub(crate) async fn holds(
    connection: &mut PgConnection,
    generation: &Generation,
    owner_epoch: i64,
    from: Place,
) -> Result<bool, sqlx::Error> {
    let found = query(
        "select from projection.checkpoints where name = $1 and generation = $2 and owner_epoch = $3 and position = $4 \
         and event_id is not distinct from $5 for no key update",
    )
    .bind(generation.name)
    .bind(generation.number)
    .bind(owner_epoch)
    .bind(from.position.0)
    .bind(from.event_id.map(|id| id.0))
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// Moves a checkpoint back to the beginning, inside the transaction that empties the table; what was set aside is found
/// again. Answers whether it still belongs to the caller.
pub(crate) async fn begin_again(
    connection: &mut PgConnection,
    generation: &Generation,
    owner_epoch: i64,
) -> Result<bool, sqlx::Error> {
    query("delete from projection.parked where name = $1 and generation = $2")
        .bind(generation.name)
        .bind(generation.number)
        .execute(&mut *connection)
        .await?;
    let moved = query(
        "update projection.checkpoints set position = 0, event_id = null, updated_at = clock_timestamp() \
         where name = $1 and generation = $2 and owner_epoch = $3",
    )
    .bind(generation.name)
    .bind(generation.number)
    .bind(owner_epoch)
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == 1)
}

/// Whether the log, as it is now, has this place.
pub(crate) async fn log_has<'c>(
    executor: impl sqlx::PgExecutor<'c>,
    log_id: LogId,
    place: Place,
) -> Result<bool, sqlx::Error> {
    query_scalar(
        "select exists (select from log.identity where log_id = $1) \
         and ($2 = 0 or exists (select from log.events where position = $2 and event_id = $3))",
    )
    .bind(log_id.0)
    .bind(place.position.0)
    .bind(place.event_id.map(|id| id.0))
    .fetch_one(executor)
    .await
}

/// How far behind the live generation is that readers see and that is furthest behind, in milliseconds. One that nobody
/// folds, because its program is gone, is not helped by waiting for it.
pub(crate) async fn live_lag(pool: &PgPool) -> Result<i64, sqlx::Error> {
    query_scalar(
        "select coalesce(max(extract(epoch from clock_timestamp() - log.recorded_at(c.position + 1)) * 1000), 0)::bigint \
         from projection.projections p join projection.checkpoints c using (name, generation) \
         where p.serving and p.state = 'live' and c.updated_at > clock_timestamp() - interval '3 seconds'",
    )
    .fetch_one(pool)
    .await
}

/// It has reached the end of the log.
pub(crate) async fn mark_live(pool: &PgPool, generation: &Generation) -> Result<(), sqlx::Error> {
    query(
        "update projection.projections \
         set state = 'live', live_at = coalesce(live_at, now()), error = null, error_position = null \
         where name = $1 and generation = $2 and state not in ('cancelled', 'retired') \
         and not exists (select from projection.parts p where p.name = $1 and p.generation = $2 and p.error is not null)",
    )
    .bind(generation.name)
    .bind(generation.number)
    .execute(pool)
    .await
    .map(drop)
}

/// It has stopped: `state` is `failed` or `diverged`.
pub(crate) async fn mark_stopped(
    pool: &PgPool,
    generation: &Generation,
    state: &'static str,
    error: &str,
    at: Position,
) -> Result<(), sqlx::Error> {
    if !generation.part.is_whole() {
        crate::parts::note_error(pool, generation, error).await?;
    }
    query(
        "update projection.projections set state = $3, error = $4, error_position = $5 \
         where name = $1 and generation = $2 and state not in ('cancelled', 'retired')",
    )
    .bind(generation.name)
    .bind(generation.number)
    .bind(state)
    .bind(error)
    .bind(at.0)
    .execute(pool)
    .await
    .map(drop)
}

/// Nothing may be folded into any generation, whoever folds it: `error` says why. `anyway`: also where the log is adopted.
async fn mark_all(pool: &PgPool, error: &str, anyway: bool) -> Result<(), sqlx::Error> {
    query(
        "update projection.projections p set state = 'diverged', error = $1, error_position = c.position \
         from projection.checkpoints c where c.name = p.name and c.generation = p.generation \
         and p.state not in ('cancelled', 'retired', 'diverged') and ($2 or not log.is_adopted())",
    )
    .bind(error)
    .bind(anyway)
    .execute(pool)
    .await
    .map(drop)
}

/// Records for all generations that the log is not the one that was folded. A standby that is being promoted takes no
/// writes yet: then the task that is answered records it as soon as it does, unless somebody has adopted its log before.
pub(crate) async fn mark_all_diverged(pool: &PgPool, error: &str) -> Option<JoinHandle<()>> {
    let refused = mark_all(pool, error, true).await.err()?;
    let (pool, error) = (pool.clone(), error.to_owned());
    Some(record_later(&refused, move || {
        let (pool, error) = (pool.clone(), error.clone());
        async move { mark_all(&pool, &error, false).await }
    }))
}

/// The same for one generation, which stands at `at`.
pub(crate) async fn mark_diverged(
    pool: &PgPool,
    generation: &Generation,
    error: &str,
    at: Position,
) -> Option<JoinHandle<()>> {
    let refused = mark_one(pool, generation, error, at, true).await.err()?;
    let (pool, generation, error) = (pool.clone(), generation.clone(), error.to_owned());
    Some(record_later(&refused, move || {
        let (pool, generation, error) = (pool.clone(), generation.clone(), error.clone());
        async move { mark_one(&pool, &generation, &error, at, false).await }
    }))
}

async fn mark_one(
    pool: &PgPool,
    generation: &Generation,
    error: &str,
    at: Position,
    anyway: bool,
) -> Result<(), sqlx::Error> {
    let is_adopted = !anyway && query_scalar("select log.is_adopted()").fetch_one(pool).await?;
    if is_adopted { Ok(()) } else { mark_stopped(pool, generation, "diverged", error, at).await }
}

/// Tries for a minute.
fn record_later<F>(refused: &sqlx::Error, record: impl Fn() -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = Result<(), sqlx::Error>> + Send,
{
    tracing::error!(error = %refused, "the divergence cannot be recorded yet");
    tokio::spawn(async move {
        for _ in 0..RECORDING_TRIES {
            tokio::time::sleep(RECORDING_PAUSE).await;
            if record().await.is_ok() {
                return;
            }
        }
        tracing::error!("the divergence could not be recorded");
    })
}

/// Whether the log has begun another life since a place was reached.
pub(crate) async fn is_of_before(pool: &PgPool, place: Place) -> Result<bool, sqlx::Error> {
    query_scalar("select $1 < epoch from log.head").bind(place.epoch.0).fetch_one(pool).await
}
