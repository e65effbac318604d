//! How every projection is doing, from the database: the same answer in every process.

use kernel::Position;
use serde::Serialize;
use sqlx::{PgPool, Row, query};

/// What a generation of a read model is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not yet at the end of the log for the first time.
    Building,
    /// Follows the log.
    Live,
    /// Stopped before an event that it cannot fold.
    Failed,
    /// Folded from another history than the log now tells.
    Diverged,
    /// Replaced by a newer generation, and kept.
    Retired,
}

impl State {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "building" => Some(Self::Building),
            "live" => Some(Self::Live),
            "failed" => Some(Self::Failed),
            "diverged" => Some(Self::Diverged),
            "retired" => Some(Self::Retired),
            _ => None,
        }
    }
}

/// One generation of a read model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProjectionStatus {
    /// `support.tickets`.
    pub name: String,
    /// The version of the code that folds it.
    pub version: i32,
    /// 1, 2, 3, …
    pub generation: i32,
    /// What it is doing.
    pub state: State,
    /// Whether readers are shown it.
    pub serving: bool,
    /// The last position that it has folded.
    pub position: Position,
    /// Events of the log that it has not folded.
    pub gap: i64,
    /// How long ago the first of those was recorded, in milliseconds; 0 where there is none.
    pub lag_ms: i64,
    /// Why it has stopped.
    pub error: Option<String>,
    /// At which event.
    pub error_position: Option<Position>,
    /// Streams that it cannot go on with; the others go on.
    pub parked_streams: i64,
    /// The first event that waits in one of them.
    pub parked_position: Option<Position>,
    /// Why that one waits.
    pub parked_error: Option<String>,
}

/// Every generation of every read model, by name and generation.
///
/// # Errors
/// Postgres does not answer.
pub async fn status(pool: &PgPool) -> Result<Vec<ProjectionStatus>, sqlx::Error> {
    let rows = query(
        "select p.name, p.version, p.generation, p.state, p.serving, c.position, \
         greatest(h.position - c.position, 0), \
         coalesce((extract(epoch from clock_timestamp() - log.recorded_at(c.position + 1)) * 1000)::bigint, 0), \
         p.error, p.error_position, k.streams, k.position, k.error \
         from log.head h cross join projection.projections p join projection.checkpoints c using (name, generation) \
         cross join lateral projection.parking(p.name, p.generation) k \
         order by p.name, p.generation",
    )
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            let state: &str = row.try_get(3)?;
            Ok(ProjectionStatus {
                name: row.try_get(0)?,
                version: row.try_get(1)?,
                generation: row.try_get(2)?,
                state: State::parse(state)
                    .ok_or_else(|| sqlx::Error::Decode(format!("unknown state {state}").into()))?,
                serving: row.try_get(4)?,
                position: Position(row.try_get(5)?),
                gap: row.try_get(6)?,
                lag_ms: row.try_get::<i64, _>(7)?.max(0),
                error: row.try_get(8)?,
                error_position: row.try_get::<Option<i64>, _>(9)?.map(Position),
                parked_streams: row.try_get(10)?,
                parked_position: row.try_get::<Option<i64>, _>(11)?.map(Position),
                parked_error: row.try_get(12)?,
            })
        })
        .collect()
}
