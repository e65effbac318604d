//! How a build goes: a row that its owner writes about once a second, and metrics.

use crate::control::Generation;
use crate::metrics;
use kernel::Position;
use sqlx::{PgPool, query};
use std::time::{Duration, Instant};

/// Between two rows, unless the phase changes.
const PERIOD: Duration = Duration::from_secs(1);
/// How much of the last period's pace goes into the pace that is told.
const WEIGHT: f64 = 0.3;

/// What a build is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Loading,
    Writing,
    Indexing,
    CatchingUp,
    Following,
}

impl Phase {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Loading => "loading",
            Self::Writing => "writing",
            Self::Indexing => "indexing",
            Self::CatchingUp => "catching_up",
            Self::Following => "following",
        }
    }
}

/// What holds a build up besides its own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Pause,
    Budget,
    Live,
}

impl Held {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Budget => "budget",
            Self::Live => "live",
        }
    }
}

/// Where a build is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    pub(crate) position: Position,
    pub(crate) head: Position,
    pub(crate) rows: usize,
    pub(crate) held: Option<Held>,
}

/// Tells how a build goes. Failing to is no reason to stop building.
pub(crate) struct Report {
    pool: PgPool,
    generation: Generation,
    spills: i32,
    rows: usize,
    copied: usize,
    last: Option<(Progress, Instant)>,
    events_per_second: f64,
}

impl Report {
    pub(crate) const fn new(pool: PgPool, generation: Generation) -> Self {
        Self { pool, generation, spills: 0, rows: 0, copied: 0, last: None, events_per_second: 0.0 }
    }

    /// Memory was full and the rows were written early.
    pub(crate) const fn spilled(&mut self) {
        self.spills += 1;
    }

    /// So many rows were copied into the table.
    pub(crate) const fn copied(&mut self, rows: usize) {
        self.copied = rows;
    }

    /// Whether this was not told a moment ago.
    pub(crate) fn is_due(&self, phase: Phase, held: Option<Held>) -> bool {
        let recent = self.last.as_ref().filter(|(_, told)| told.elapsed() < PERIOD);
        let pauses = |held: Option<Held>| held == Some(Held::Pause);
        recent.is_none_or(|(before, _)| before.phase != phase || pauses(before.held) != pauses(held))
    }

    /// Tells where the build is.
    pub(crate) async fn tell(&mut self, now: Progress) {
        if let Some((before, told)) = &self.last {
            self.pace(now.position.0 - before.position.0, told.elapsed());
        }
        self.rows = self.rows.max(now.rows);
        self.last = Some((now, Instant::now()));
        metrics::build(self.generation.name, now.position, now.head);
        let pace = if now.phase == Phase::Following { 0.0 } else { self.events_per_second };
        metrics::build_pace(self.generation.name, pace, now.head.0 - now.position.0);
        if let Err(error) = self.write(now).await {
            tracing::warn!(error = %error, "the progress of a build could not be told");
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a second has less than 2^52 events")]
    fn pace(&mut self, events: i64, elapsed: Duration) {
        if events <= 0 || elapsed.is_zero() {
            return;
        }
        let now = events as f64 / elapsed.as_secs_f64();
        let before = self.events_per_second;
        self.events_per_second = if before > 0.0 { before + (now - before) * WEIGHT } else { now };
    }

    #[expect(clippy::cast_possible_truncation, reason = "events per second")]
    async fn write(&self, now: Progress) -> Result<(), sqlx::Error> {
        query(
            "insert into projection.builds as b (name, generation, phase, position, head, rows, events_per_second, spills, \
             held_by, copied, began_at, updated_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, clock_timestamp(), clock_timestamp()) \
             on conflict (name, generation) do update set phase = excluded.phase, position = excluded.position, \
             head = excluded.head, rows = greatest(b.rows, excluded.rows), events_per_second = excluded.events_per_second, \
             spills = greatest(b.spills, excluded.spills), held_by = excluded.held_by, \
             copied = greatest(b.copied, excluded.copied), updated_at = excluded.updated_at",
        )
        .bind(self.generation.name)
        .bind(self.generation.number)
        .bind(now.phase.as_str())
        .bind(now.position.0)
        .bind(now.head.0)
        .bind(i64::try_from(self.rows).unwrap_or(i64::MAX))
        .bind(self.events_per_second.round() as i64)
        .bind(self.spills)
        .bind(now.held.map(Held::as_str))
        .bind(i64::try_from(self.copied).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await
        .map(drop)
    }
}
