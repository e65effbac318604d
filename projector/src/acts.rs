//! What operators do to projections, kept with the deed: who, when, why.
//!
//! An act is noted in the transaction that does it. Whoever can append to the log then tells it there, once, under the
//! act's own id; the engine itself knows of no such event.

use crate::aside::StreamName;
use crate::hearing;
use kernel::{Actor, ActorId, ActorKind, Position};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row, query};
use uuid::Uuid;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A new generation is to be built.
    RebuildRequested,
    /// Nothing is folded into it for the time being.
    Paused,
    /// It is folded again.
    Resumed,
    /// A build was given up.
    Cancelled,
    /// Readers were switched to it.
    Switched,
    /// Readers were switched back to it.
    RolledBack,
    /// It is no longer needed; its table is dropped.
    Retired,
    /// Its budget or its way of switching was changed.
    Changed,
    /// Events that waited in a parked stream were folded, as far as they could be.
    StreamResumed,
    /// The first event that waited in a parked stream was taken out, for good.
    Skipped,
}

impl Act {
    const ALL: [Self; 10] = [
        Self::RebuildRequested,
        Self::Paused,
        Self::Resumed,
        Self::Cancelled,
        Self::Switched,
        Self::RolledBack,
        Self::Retired,
        Self::Changed,
        Self::StreamResumed,
        Self::Skipped,
    ];

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RebuildRequested => "rebuild_requested",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Cancelled => "cancelled",
            Self::Switched => "switched",
            Self::RolledBack => "rolled_back",
            Self::Retired => "retired",
            Self::Changed => "changed",
            Self::StreamResumed => "stream_resumed",
            Self::Skipped => "skipped",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.as_str() == name)
    }
}

/// The events of a parked stream about which something was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// The stream.
    #[serde(flatten)]
    pub stream: StreamName,
    /// The first event that waited.
    pub position: Position,
    /// How many of them were folded.
    pub folded: i64,
    /// The first that waits still; none: the stream goes on.
    pub next_position: Option<Position>,
}

/// Who did it, and why.
#[derive(Clone, Debug)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// Who, on the command line: the account there. Whoever holds the database's password is believed.
    pub operator: Option<String>,
    /// Why, in the operator's words.
    pub reason: Option<String>,
}

impl By {
    /// Nobody: it happened by itself.
    pub fn itself(reason: impl Into<String>) -> Self {
        Self { actor: system(), operator: None, reason: Some(reason.into()) }
    }

    /// Somebody on the command line.
    pub fn on_the_command_line(operator: impl Into<String>, reason: Option<String>) -> Self {
        Self { actor: system(), operator: Some(operator.into()), reason }
    }
}

const fn system() -> Actor {
    Actor { kind: ActorKind::System, id: ActorId(Uuid::nil()), on_behalf_of: None }
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.operator, self.actor.id.0.is_nil()) {
            (Some(operator), _) => f.write_str(operator),
            (None, true) => f.write_str("itself"),
            (None, false) => write!(f, "{} {}", self.actor.kind.as_str(), self.actor.id),
        }
    }
}

/// An act as it was noted.
#[derive(Clone, Debug)]
pub struct Noted {
    /// The act's own id.
    pub id: Uuid,
    /// The read model.
    pub name: String,
    /// What was done.
    pub act: Act,
    /// To which generation.
    pub generation: i32,
    /// Which was shown before, where another is shown since.
    pub before: Option<i32>,
    /// To which parked stream, where it was done to one.
    pub queue: Option<Queue>,
    /// Who, and why.
    pub by: By,
    /// When.
    pub occurred_at: chrono::DateTime<chrono::Utc>,
    /// The position of the event that tells it, once one does.
    pub recorded_position: Option<Position>,
}

/// Notes an act inside the transaction that does it.
pub(crate) async fn note(
    connection: &mut PgConnection,
    name: &str,
    generation: i32,
    before: Option<i32>,
    act: Act,
    by: &By,
) -> Result<(), sqlx::Error> {
    insert(connection, name, generation, before, act, None, by).await
}

/// The same of an act on a parked stream.
pub(crate) async fn note_on_stream(
    connection: &mut PgConnection,
    name: &str,
    generation: i32,
    act: Act,
    queue: &Queue,
    by: &By,
) -> Result<(), sqlx::Error> {
    insert(connection, name, generation, None, act, Some(queue), by).await
}

async fn insert(
    connection: &mut PgConnection,
    name: &str,
    generation: i32,
    before: Option<i32>,
    act: Act,
    queue: Option<&Queue>,
    by: &By,
) -> Result<(), sqlx::Error> {
    query(
        "insert into projection.acts (id, name, act, generation, before, reason, actor_kind, actor_id, operator, queue) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(Uuid::now_v7())
    .bind(name)
    .bind(act.as_str())
    .bind(generation)
    .bind(before)
    .bind(by.reason.as_deref())
    .bind(by.actor.kind.as_str())
    .bind(by.actor.id.0)
    .bind(by.operator.as_deref())
    .bind(queue.map(Json))
    .execute(&mut *connection)
    .await?;
    hearing::announce(connection).await
}

/// Acts that the log does not tell yet, oldest first.
///
/// # Errors
/// Postgres does not answer.
pub async fn not_recorded(pool: &PgPool, limit: i64) -> Result<Vec<Noted>, sqlx::Error> {
    let rows = query(
        "select id, name, act, generation, before, reason, actor_kind, actor_id, occurred_at, operator, recorded_position, \
         queue \
         from projection.acts where recorded_position is null order by occurred_at, id limit $1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.iter().map(noted).collect()
}

/// What was done to a read model's generations, latest first.
///
/// # Errors
/// Postgres does not answer.
pub async fn latest(pool: &PgPool, name: &str, limit: i64) -> Result<Vec<Noted>, sqlx::Error> {
    let rows = query(
        "select id, name, act, generation, before, reason, actor_kind, actor_id, occurred_at, operator, recorded_position, \
         queue \
         from projection.acts where name = $1 order by occurred_at desc, id desc limit $2",
    )
    .bind(name)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.iter().map(noted).collect()
}

fn noted(row: &PgRow) -> Result<Noted, sqlx::Error> {
    let (act, kind): (&str, &str) = (row.try_get(2)?, row.try_get(6)?);
    let unknown = |what: &str| sqlx::Error::Decode(format!("unknown {what}").into());
    let actor = Actor {
        kind: ActorKind::parse(kind).ok_or_else(|| unknown(kind))?,
        id: ActorId(row.try_get(7)?),
        on_behalf_of: None,
    };
    Ok(Noted {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        act: Act::parse(act).ok_or_else(|| unknown(act))?,
        generation: row.try_get(3)?,
        before: row.try_get(4)?,
        by: By { actor, operator: row.try_get(9)?, reason: row.try_get(5)? },
        occurred_at: row.try_get(8)?,
        queue: row.try_get::<Option<Json<Queue>>, _>(11)?.map(|queue| queue.0),
        recorded_position: row.try_get::<Option<i64>, _>(10)?.map(Position),
    })
}

/// The log tells the act at this position.
///
/// # Errors
/// Postgres does not answer.
pub async fn mark_recorded(pool: &PgPool, id: Uuid, at: Position) -> Result<(), sqlx::Error> {
    query("update projection.acts set recorded_position = $2 where id = $1")
        .bind(id)
        .bind(at.0)
        .execute(pool)
        .await
        .map(drop)
}
