//! How every projection is doing, from the database: the same answer in every process.

use crate::roster::{Budget, SwitchMode};
use kernel::Position;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row, query};

/// What a generation of a read model is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GenerationState)]
pub enum State {
    /// Not yet at the end of the log for the first time.
    Building,
    /// Follows the log, whether readers see it or not.
    Live,
    /// Stopped before an event that it cannot fold.
    Failed,
    /// Folded from another history than the log now tells.
    Diverged,
    /// Given up before readers ever saw it; its table is dropped.
    Cancelled,
    /// No longer needed; its table is dropped.
    Retired,
}

impl State {
    const ALL: [Self; 6] = [Self::Building, Self::Live, Self::Failed, Self::Diverged, Self::Cancelled, Self::Retired];

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Live => "live",
            Self::Failed => "failed",
            Self::Diverged => "diverged",
            Self::Cancelled => "cancelled",
            Self::Retired => "retired",
        }
    }

    /// Whether there is, or soon will be, no table any more.
    pub const fn is_gone(self) -> bool {
        matches!(self, Self::Cancelled | Self::Retired)
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What a build is doing, as its owner last told.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct BuildStatus {
    /// `waiting`, `loading`, `writing`, `indexing`, `catching_up` or `following`.
    pub phase: String,
    /// The last position that is folded, be it only in memory.
    pub position: Position,
    /// The end of the log then.
    pub head: Position,
    /// Rows so far.
    pub rows: i64,
    /// Rows that are in the table.
    pub copied: i64,
    /// How fast it goes.
    pub events_per_second: i64,
    /// Seconds that are left at that pace; `None` where there is none.
    pub eta_s: Option<i64>,
    /// How often rows were written early because memory was full.
    pub spills: i32,
    /// What holds it up besides its own work: `pause`, `budget` or `live`.
    pub held_by: Option<String>,
    /// For how long it has been going on, in seconds.
    pub elapsed_s: i64,
    /// How long ago its owner told this, in milliseconds.
    pub told_ms: i64,
}

/// One generation of a read model.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
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
    /// Whether readers were shown it before another.
    pub kept: bool,
    /// Whether an operator has stopped it for the time being.
    pub paused: bool,
    /// What happens when it has caught up.
    pub switch: SwitchMode,
    /// What its build may take, besides what live traffic leaves.
    pub budget: Budget,
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
    /// Why readers could not be switched to it, or its table not be dropped, when that was last tried.
    pub trouble: Option<String>,
    /// How its build goes, until it follows the log.
    pub build: Option<BuildStatus>,
    /// How many parts it is folded in; 1: it is whole. Its position is that of the part that is furthest behind.
    pub parts: i64,
}

/// Every generation of every read model that is not gone, by name and generation.
///
/// # Errors
/// Postgres does not answer.
pub async fn status(pool: &PgPool) -> Result<Vec<ProjectionStatus>, sqlx::Error> {
    let rows = query(
        "select p.name, p.version, p.generation, \
         case when p.state = 'diverged' or log.holds(c.log_id, c.position, c.event_id) then p.state else 'diverged' end, \
         p.serving, c.position, \
         greatest(h.position - c.position, 0), \
         coalesce((extract(epoch from clock_timestamp() - log.recorded_at(c.position + 1)) * 1000)::bigint, 0), \
         case when p.error is not null or log.holds(c.log_id, c.position, c.event_id) then p.error \
         else 'LOG_DIVERGED: the log does not have the event at position ' || c.position end, \
         p.error_position, p.replaced_at is not null and not p.serving, p.paused, p.switch, p.trouble, \
         b.phase, b.position, b.head, b.rows, b.events_per_second, b.spills, b.held_by, \
         extract(epoch from b.updated_at - b.began_at)::bigint, \
         (extract(epoch from clock_timestamp() - b.updated_at) * 1000)::bigint, k.streams, k.position, k.error, \
         p.events_per_second, p.percent, \
         (select greatest(count(*), 1) from projection.parts t where t.name = p.name and t.generation = p.generation), \
         b.copied \
         from log.head h cross join projection.projections p join projection.checkpoints c using (name, generation) \
         cross join lateral projection.parking(p.name, p.generation) k \
         left join projection.builds b on b.name = p.name and b.generation = p.generation and b.phase <> 'following' \
         where p.state not in ('cancelled', 'retired') \
         order by p.name, p.generation",
    )
    .fetch_all(pool)
    .await?;
    rows.iter().map(one).collect()
}

fn one(row: &PgRow) -> Result<ProjectionStatus, sqlx::Error> {
    let (state, switch): (&str, &str) = (row.try_get(3)?, row.try_get(12)?);
    let unknown = |what: &str| sqlx::Error::Decode(format!("unknown {what}").into());
    Ok(ProjectionStatus {
        name: row.try_get(0)?,
        version: row.try_get(1)?,
        generation: row.try_get(2)?,
        state: State::parse(state).ok_or_else(|| unknown(state))?,
        serving: row.try_get(4)?,
        kept: row.try_get(10)?,
        paused: row.try_get(11)?,
        switch: SwitchMode::parse(switch).ok_or_else(|| unknown(switch))?,
        budget: budget(row)?,
        position: Position(row.try_get(5)?),
        gap: row.try_get(6)?,
        lag_ms: row.try_get::<i64, _>(7)?.max(0),
        error: row.try_get(8)?,
        error_position: row.try_get::<Option<i64>, _>(9)?.map(Position),
        parked_streams: row.try_get(23)?,
        parked_position: row.try_get::<Option<i64>, _>(24)?.map(Position),
        parked_error: row.try_get(25)?,
        trouble: row.try_get(13)?,
        build: build(row)?,
        parts: row.try_get(28)?,
    })
}

fn budget(row: &PgRow) -> Result<Budget, sqlx::Error> {
    let (rate, percent): (Option<i32>, Option<i32>) = (row.try_get(26)?, row.try_get(27)?);
    Ok(Budget {
        events_per_second: rate.and_then(|rate| u32::try_from(rate).ok()),
        percent: percent.and_then(|percent| u8::try_from(percent).ok()),
    })
}

fn build(row: &PgRow) -> Result<Option<BuildStatus>, sqlx::Error> {
    let Some(phase) = row.try_get::<Option<String>, _>(14)? else { return Ok(None) };
    let (position, head, rate): (i64, i64, i64) = (row.try_get(15)?, row.try_get(16)?, row.try_get(18)?);
    Ok(Some(BuildStatus {
        phase,
        position: Position(position),
        head: Position(head),
        rows: row.try_get(17)?,
        copied: row.try_get(29)?,
        events_per_second: rate,
        eta_s: (rate > 0).then(|| (head - position).max(0) / rate),
        spills: row.try_get(19)?,
        held_by: row.try_get(20)?,
        elapsed_s: row.try_get(21)?,
        told_ms: row.try_get::<i64, _>(22)?.max(0),
    }))
}
