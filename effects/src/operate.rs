//! What operators see of effects, and what they may do about them.

use chrono::{DateTime, Utc};
use kernel::Position;
use serde::Serialize;
use sqlx::{PgPool, Row, query};
use uuid::Uuid;

/// A follower of the log as it is.
#[derive(Clone, Debug, Serialize)]
pub struct FollowerStatus {
    /// The name of its checkpoint.
    pub name: String,
    /// `running`, `stopped` or `diverged`.
    pub state: String,
    /// The last position that it has acted on.
    pub position: Position,
    /// Events of the log that it has not seen.
    pub gap: i64,
    /// Why it stands still.
    pub error: Option<String>,
    /// Before which event.
    pub error_position: Option<Position>,
}

/// A job as it is.
#[derive(Clone, Debug, Serialize)]
pub struct JobStatus {
    /// The effect.
    pub id: Uuid,
    /// In whose data.
    pub tenant_id: Uuid,
    /// `email`.
    pub kind: String,
    /// `waiting`, `settled`, `done` or `dead`.
    pub state: String,
    /// Which tries it has behind it, since it was last asked for.
    pub attempts: i32,
    /// When it is tried next.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// Why it was given up or suppressed.
    pub reason: Option<String>,
    /// What the last try said.
    pub last_error: Option<String>,
}

/// A refused command of a reactor.
#[derive(Clone, Debug, Serialize)]
pub struct RefusalStatus {
    /// The command.
    pub command_id: Uuid,
    /// In whose data.
    pub tenant_id: Uuid,
    /// Who asked.
    pub reactor: String,
    /// What was asked for.
    pub command: String,
    /// The event that it was asked for because of.
    pub position: Position,
    /// The stable code of the refusal.
    pub code: String,
    /// What it says.
    pub message: String,
    /// When.
    pub refused_at: DateTime<Utc>,
}

/// Which jobs are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that are given up.
    Dead,
    /// Those that are to be done.
    Open,
    /// Both, and those that were done lately.
    All,
}

/// Every follower, by name.
///
/// # Errors
/// Postgres does not answer.
pub async fn followers(pool: &PgPool) -> Result<Vec<FollowerStatus>, sqlx::Error> {
    let rows = query(
        "select f.name, f.state, f.position, greatest(h.position - f.position, 0), f.error, f.error_position \
         from effects.followers f, log.head h order by f.name",
    )
    .fetch_all(pool)
    .await?;
    let all = rows.iter().map(|row| {
        Ok(FollowerStatus {
            name: row.try_get(0)?,
            state: row.try_get(1)?,
            position: Position(row.try_get(2)?),
            gap: row.try_get(3)?,
            error: row.try_get(4)?,
            error_position: row.try_get::<Option<i64>, _>(5)?.map(Position),
        })
    });
    all.collect()
}

/// Up to `most` jobs, those that changed last first.
///
/// # Errors
/// Postgres does not answer.
pub async fn jobs(pool: &PgPool, which: Which, most: i64) -> Result<Vec<JobStatus>, sqlx::Error> {
    let wanted: &[&str] = match which {
        Which::Dead => &["dead"],
        Which::Open => &["waiting", "settled"],
        Which::All => &["dead", "waiting", "settled", "done"],
    };
    let rows = query(
        "select id, tenant_id, kind, state, attempts, due_at, created_at, reason, last_error from effects.jobs \
         where state = any($1) order by changed_at desc limit $2",
    )
    .bind(wanted)
    .bind(most)
    .fetch_all(pool)
    .await?;
    let all = rows.iter().map(|row| {
        Ok(JobStatus {
            id: row.try_get(0)?,
            tenant_id: row.try_get(1)?,
            kind: row.try_get(2)?,
            state: row.try_get(3)?,
            attempts: row.try_get(4)?,
            due_at: row.try_get(5)?,
            created_at: row.try_get(6)?,
            reason: row.try_get(7)?,
            last_error: row.try_get(8)?,
        })
    });
    all.collect()
}

/// Up to `most` refused commands of reactors, the latest first.
///
/// # Errors
/// Postgres does not answer.
pub async fn refusals(pool: &PgPool, most: i64) -> Result<Vec<RefusalStatus>, sqlx::Error> {
    let rows = query(
        "select command_id, tenant_id, reactor, command, position, code, message, refused_at from effects.refusals \
         order by refused_at desc limit $1",
    )
    .bind(most)
    .fetch_all(pool)
    .await?;
    let all = rows.iter().map(|row| {
        Ok(RefusalStatus {
            command_id: row.try_get(0)?,
            tenant_id: row.try_get(1)?,
            reactor: row.try_get(2)?,
            command: row.try_get(3)?,
            position: Position(row.try_get(4)?),
            code: row.try_get(5)?,
            message: row.try_get(6)?,
            refused_at: row.try_get(7)?,
        })
    });
    all.collect()
}

/// An operator has seen to a refused command: it is shown no more. Whether there was one.
///
/// # Errors
/// Postgres does not answer.
pub async fn dismiss(pool: &PgPool, command_id: Uuid) -> Result<bool, sqlx::Error> {
    let deleted = query("delete from effects.refusals where command_id = $1").bind(command_id).execute(pool).await?;
    Ok(deleted.rows_affected() > 0)
}

/// Puts followers that have acted on another history where the two histories part: at the last event before the epochs
/// that they have not seen. What they had acted on is not acted on again. Answers their names.
///
/// # Errors
/// Postgres does not answer.
pub async fn resume(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    let rows = query(
        "with parting as (\
           select f.name, least(f.position, h.position, coalesce((select min(after_position) from log.epochs p \
             where p.epoch > f.epoch), h.position)) as position, h.epoch \
           from effects.followers f, log.head h where f.state = 'diverged') \
         update effects.followers f set state = 'running', error = null, error_position = null, \
         log_id = i.log_id, owner_epoch = owner_epoch + 1, updated_at = clock_timestamp(), \
         position = parting.position, \
         event_id = (select e.event_id from log.events e where e.position = parting.position), \
         epoch = coalesce((select e.epoch from log.events e where e.position = parting.position), parting.epoch) \
         from log.identity i, parting where f.name = parting.name returning f.name",
    )
    .fetch_all(pool)
    .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// After the log was adopted: [`resume`] for every follower whose checkpoint is not in the log any more, whether or not it
/// has noticed. Answers their names.
///
/// # Errors
/// Postgres does not answer.
pub async fn mend(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    query(
        "update effects.followers set state = 'diverged', error_position = position, \
         error = 'LOG_DIVERGED: the log does not have the event at position ' || position \
         where state <> 'diverged' and not log.holds(log_id, position, event_id)",
    )
    .execute(pool)
    .await?;
    resume(pool).await
}

/// The followers whose checkpoint is not in the log, or that wait for an operator's word.
///
/// # Errors
/// Postgres does not answer.
pub async fn diverged(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select name from effects.followers where state = 'diverged' or not log.holds(log_id, position, event_id) \
         order by name",
    )
    .fetch_all(pool)
    .await
}
