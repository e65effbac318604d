//! The log: positions, epochs, times, ids, versions, and the rows that say how far it and its streams are.

use super::ids::Ids;
use super::streams::Streams;
use super::{Divergence, Pace};
use crate::copy::{self, Link};
use crate::log::{Log, ReadError};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use kernel::Position;
use sqlx::{Row, query, query_as, query_scalar};
use std::pin::pin;
use uuid::Uuid;

/// Events that are looked at together.
const BATCH: usize = 10_000;

/// How much a verification keeps in memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Streams; about 50 bytes each.
    pub streams: usize,
    /// Ids of events; about 12 bytes each. A log with more is read once more for each so many, ids alone.
    pub ids: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { streams: 2_000_000, ids: 8_000_000 }
    }
}

/// Reads the log from a place on and checks that each event follows from those before it.
///
/// That an id is not there twice is only seen among the events that one verifier reads, and if a slice is asked for, among
/// those ids alone.
pub struct LogVerifier {
    log: Log,
    position: i64,
    recorded_at: Option<DateTime<Utc>>,
    /// Each life of the log, and after which position it began.
    epochs: Vec<(i32, i64)>,
    /// What is not in the database any more ends here.
    cold: i64,
    streams: Streams,
    ids: Ids,
}

impl LogVerifier {
    /// Starts after a position that is known to be well; 0 is the beginning. `slice` of `slices` of the ids are looked at.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn start(
        log: &Log,
        after: Position,
        limits: Limits,
        (slice, slices): (u64, u64),
    ) -> Result<Self, ReadError> {
        let pool = log.pool();
        let cold: i64 = query_scalar("select log.cold_up_to()").fetch_one(pool).await?;
        let position = after.0.max(cold);
        let recorded_at = query_scalar("select log.recorded_at($1)").bind(position).fetch_one(pool).await?;
        let streams = Streams::new(pool.clone(), limits.streams, position == 0).await?;
        let epochs = epochs(log).await?;
        Ok(Self { log: log.clone(), position, recorded_at, epochs, cold, streams, ids: Ids::new(slice, slices) })
    }

    /// The last event that was looked at, and found well.
    pub const fn position(&self) -> Position {
        Position(self.position)
    }

    /// How many streams were met, as far as they are kept in memory.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Looks at the events up to a position that the log has reached. Answers the first that is wrong.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn read_to(&mut self, up_to: Position, pace: &mut Pace) -> Result<Option<Divergence>, ReadError> {
        // A life that has begun since.
        self.epochs = epochs(&self.log).await?;
        while self.position < up_to.0 {
            let window = Position(up_to.0.min(self.position + pace.window()));
            if let Some(divergence) = self.read_window(window, pace).await? {
                return Ok(Some(divergence));
            }
        }
        Ok(None)
    }

    async fn read_window(&mut self, up_to: Position, pace: &mut Pace) -> Result<Option<Divergence>, ReadError> {
        let mut scan = pin!(copy::links(self.log.pool().clone(), self.position(), up_to));
        let mut waiting: Vec<Link> = Vec::with_capacity(BATCH + BATCH / 10);
        loop {
            let read = scan.next().await.transpose()?;
            let ended = read.is_none();
            waiting.extend(read.unwrap_or_default());
            if waiting.len() >= BATCH || (ended && !waiting.is_empty()) {
                self.streams.prepare(&waiting).await?;
                let looked = waiting.len();
                for event in waiting.drain(..) {
                    if let Some(divergence) = self.take(&event).await? {
                        return Ok(Some(divergence));
                    }
                }
                pace.spend(looked).await;
            }
            if ended {
                let missing = self.position < up_to.0;
                return Ok(missing.then(|| self.gap("the log ends")));
            }
        }
    }

    /// The rows that say how far streams and log are agree with the events.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn finish(&self, pace: &mut Pace) -> Result<Option<Divergence>, ReadError> {
        if let Some(divergence) = self.streams.finish(pace).await? {
            return Ok(Some(divergence));
        }
        self.head().await
    }

    async fn take(&mut self, event: &Link) -> Result<Option<Divergence>, ReadError> {
        let at = event.position;
        if at != self.position + 1 {
            return Ok(Some(self.gap(&format!("the next event is at {at}"))));
        }
        let epoch = self.epochs.iter().rev().find(|(_, after)| at > *after).map_or(0, |(epoch, _)| *epoch);
        if event.epoch != epoch {
            return Ok(Some(Divergence::of_log(at, "", "epoch", epoch.to_string(), event.epoch.to_string())));
        }
        if let Some(before) = self.recorded_at.filter(|before| event.recorded_at < *before) {
            let (expected, found) = (format!("{} or later", before.to_rfc3339()), event.recorded_at.to_rfc3339());
            return Ok(Some(Divergence::of_log(at, "", "recorded_at", expected, found)));
        }
        if self.ids.may_repeat(event.event_id)
            && let Some(divergence) = self.repeated(at, event.event_id).await?
        {
            return Ok(Some(divergence));
        }
        if let Some(divergence) = self.streams.take(event, self.cold > 0) {
            return Ok(Some(divergence));
        }
        self.position = at;
        self.recorded_at = Some(event.recorded_at);
        Ok(None)
    }

    fn gap(&self, found: &str) -> Divergence {
        let missing = self.position + 1;
        Divergence::of_log(missing, "", "position", missing.to_string(), found.to_owned())
    }

    /// Where else the id is, before this position.
    async fn repeated(&self, at: i64, event_id: Uuid) -> Result<Option<Divergence>, ReadError> {
        let first: Option<i64> =
            query_scalar("select min(position) from log.events where event_id = $1 and position < $2")
                .bind(event_id)
                .bind(at)
                .fetch_one(self.log.pool())
                .await?;
        Ok(first.map(|first| {
            let expected = format!("an id of its own (position {first} has this one)");
            Divergence::of_log(at, "", "event_id", expected, event_id.to_string())
        }))
    }

    async fn head(&self) -> Result<Option<Divergence>, ReadError> {
        // One statement, one moment: an append changes all of it at once.
        let row = query(
            "select h.position, h.event_id, h.recorded_at, h.epoch, e.position, e.event_id, e.recorded_at, \
             (select max(epoch) from log.epochs) \
             from log.head h left join lateral \
             (select position, event_id, recorded_at from log.events order by position desc limit 1) e on true",
        )
        .fetch_one(self.log.pool())
        .await?;
        let wrong = |field: &str, expected: String, found: String| {
            Ok(Some(Divergence::of_log(None, "log.head", field, expected, found)))
        };
        let (position, last): (i64, Option<i64>) = (row.try_get(0)?, row.try_get(4)?);
        let last = last.unwrap_or(self.cold);
        if position != last {
            return wrong("position", last.to_string(), position.to_string());
        }
        let (id, last_id): (Option<Uuid>, Option<Uuid>) = (row.try_get(1)?, row.try_get(5)?);
        if id != last_id && (last_id.is_some() || self.cold == 0) {
            let said = |id: Option<Uuid>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
            return wrong("event_id", said(last_id), said(id));
        }
        let (epoch, newest): (i32, i32) = (row.try_get(3)?, row.try_get(7)?);
        if epoch != newest {
            return wrong("epoch", newest.to_string(), epoch.to_string());
        }
        // An append that changes nothing moves the head's time and nothing else.
        match row.try_get::<Option<DateTime<Utc>>, _>(6)? {
            Some(last_at) => {
                let at: DateTime<Utc> = row.try_get(2)?;
                if at < last_at {
                    return wrong("recorded_at", format!("{} or later", last_at.to_rfc3339()), at.to_rfc3339());
                }
                Ok(None)
            }
            None => Ok(None),
        }
    }
}

async fn epochs(log: &Log) -> Result<Vec<(i32, i64)>, ReadError> {
    Ok(query_as("select epoch, after_position from log.epochs order by epoch").fetch_all(log.pool()).await?)
}
