//! What a generation has set aside: streams that it cannot go on with, and events that an operator has skipped.
//!
//! A stream is parked at its first event that cannot be folded. Its later events wait behind that one, in order, and are not
//! copied: the queue is the stream's events in the log from there up to the checkpoint. Everybody else goes on.

use crate::control::{Generation, Place};
use crate::poison::Poison;
use crate::projection::Decoder;
use chrono::{DateTime, Utc};
use kernel::{EventData, Position, Recorded, TenantId};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool, Row, query, query_scalar};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Which of the log's events are not folded into a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aside {
    /// The categories that are parked under an id, and from where; nearly always one.
    streams: HashMap<(TenantId, Uuid), Vec<(String, Position)>>,
    skipped: HashSet<Position>,
}

impl Aside {
    /// Whether everything is folded.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.skipped.is_empty()
    }

    /// How many streams are parked.
    pub fn parked(&self) -> usize {
        self.streams.values().map(Vec::len).sum()
    }

    /// Whether the event waits in a parked stream, or was skipped.
    pub fn has<E>(&self, event: &Recorded<E>) -> bool {
        !self.is_empty()
            && (self.skipped.contains(&event.position)
                || self
                    .parked_from(event.tenant_id, &event.category, event.stream_id)
                    .is_some_and(|from| event.position >= from))
    }

    /// The first event of the stream that waits.
    fn parked_from(&self, tenant_id: TenantId, category: &str, stream_id: Uuid) -> Option<Position> {
        let parked = self.streams.get(&(tenant_id, stream_id))?;
        parked.iter().find(|(known, _)| known == category).map(|(_, from)| *from)
    }

    /// The stream of this event is parked from here on.
    pub(crate) fn park<E>(&mut self, event: &Recorded<E>) {
        self.streams
            .entry((event.tenant_id, event.stream_id))
            .or_default()
            .push((event.category.clone(), event.position));
    }

    /// The same without any stream: those that are still bad will be found again.
    pub(crate) fn without_parked(&self) -> Self {
        Self { streams: HashMap::default(), ..self.clone() }
    }

    /// The same without one stream, and where that was parked.
    pub(crate) fn without(mut self, stream: &StreamName) -> (Self, Option<Position>) {
        let mut from = None;
        if let Some(parked) = self.streams.get_mut(&(stream.tenant_id, stream.stream_id)) {
            from = parked.iter().find(|(category, _)| *category == stream.category).map(|(_, from)| *from);
            parked.retain(|(category, _)| *category != stream.category);
        }
        self.streams.retain(|_, parked| !parked.is_empty());
        (self, from)
    }

    /// Whether both set aside the same events up to a position.
    pub(crate) fn agrees(&self, other: &Self, up_to: Position) -> bool {
        let streams = |aside: &Self| -> HashSet<(TenantId, Uuid, String, Position)> {
            let named = aside.streams.iter().flat_map(|((tenant, stream), parked)| {
                parked.iter().map(|(category, from)| (*tenant, *stream, category.clone(), *from))
            });
            named.filter(|(.., from)| *from <= up_to).collect()
        };
        let skipped = |aside: &Self| -> HashSet<Position> {
            aside.skipped.iter().copied().filter(|position| *position <= up_to).collect()
        };
        streams(self) == streams(other) && skipped(self) == skipped(other)
    }

    /// Takes out the events that wait. One of a sort that this build does not know stops the reader even there: what it
    /// means is for nobody to guess.
    pub(crate) fn sift(
        &self,
        events: Vec<Recorded<EventData>>,
        decoder: Decoder,
    ) -> (Vec<Recorded<EventData>>, Option<Poison>) {
        if self.is_empty() {
            return (events, None);
        }
        let mut folded = Vec::with_capacity(events.len());
        for event in events {
            if !self.has(&event) {
                folded.push(event);
            } else if let Some(unknown) = decoder(vec![event]).poison.filter(|poison| !poison.parks()) {
                return (folded, Some(unknown));
            }
        }
        (folded, None)
    }
}

/// One stream of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ParkedStreamName)]
pub struct StreamName {
    /// Whose.
    pub tenant_id: TenantId,
    /// `support.ticket`.
    pub category: String,
    /// Its id in the category.
    pub stream_id: Uuid,
}

impl std::fmt::Display for StreamName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.category, self.stream_id)
    }
}

/// A stream that a generation cannot go on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ParkedStream {
    /// The read model.
    pub name: String,
    /// Its generation.
    pub generation: i32,
    /// The version of the code that folds the generation.
    pub version: i32,
    /// Whether readers are shown the generation.
    pub serving: bool,
    /// The stream.
    #[serde(flatten)]
    pub stream: StreamName,
    /// The first event that is not folded.
    pub position: Position,
    /// Why not.
    pub error: String,
    /// How many events wait, that one included.
    pub waiting: i64,
    /// Since when.
    pub parked_at: DateTime<Utc>,
    /// When an operator last tried to resume it, in vain.
    pub tried_at: Option<DateTime<Utc>>,
}

/// An event that waits in a parked stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct WaitingEvent {
    /// Its place in the log.
    pub position: Position,
    /// Its place in the stream.
    pub version: i32,
    /// `support.ticket.opened`.
    pub event_type: String,
    /// When the server recorded it.
    pub recorded_at: DateTime<Utc>,
}

/// What a generation has set aside, as of the connection's snapshot.
pub(crate) async fn load(connection: &mut PgConnection, name: &str, generation: i32) -> Result<Aside, sqlx::Error> {
    let rows = query(
        "select tenant_id, stream_id, category, position from projection.parked where name = $1 and generation = $2 \
         union all select null, null, null, position from projection.skipped where name = $1 and generation = $2",
    )
    .bind(name)
    .bind(generation)
    .fetch_all(connection)
    .await?;
    let mut aside = Aside::default();
    for row in rows {
        let position = Position(row.try_get(3)?);
        match (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?) {
            (Some(tenant), Some(stream), Some(category)) => {
                aside.streams.entry((TenantId(tenant), stream)).or_default().push((category, position));
            }
            _ => {
                aside.skipped.insert(position);
            }
        }
    }
    Ok(aside)
}

/// Parks the stream of an event that stands after everything the generation has folded, and moves the checkpoint to it: both or
/// neither, in one statement. Answers `false` where the checkpoint may not be moved: see [`crate::control::advance`].
pub(crate) async fn park(
    pool: &PgPool,
    generation: &Generation,
    owner_epoch: i64,
    from: Place,
    event: &Recorded<EventData>,
    error: &str,
) -> Result<bool, sqlx::Error> {
    query_scalar(
        "with moved as (update projection.checkpoints as c \
         set epoch = $1, position = $2, event_id = $3, updated_at = clock_timestamp() \
         where c.name = $4 and c.generation = $5 and c.owner_epoch = $6 and c.position = $7 \
         and c.event_id is not distinct from $8 and c.log_id = (select log_id from log.identity) \
         and ($7 = 0 or exists (select from log.events where position = $7 and event_id = $8)) \
         and exists (select from log.events where position = $2 and event_id = $3) returning 1), \
         parked as (insert into projection.parked \
         (name, generation, tenant_id, stream_id, category, position, event_id, error) \
         select $4, $5, $9, $10, $11, $2, $3, $12 from moved) \
         select exists (select from moved)",
    )
    .bind(event.epoch.0)
    .bind(event.position.0)
    .bind(event.event_id.0)
    .bind(generation.name)
    .bind(generation.number)
    .bind(owner_epoch)
    .bind(from.position.0)
    .bind(from.event_id.map(|id| id.0))
    .bind(event.tenant_id.0)
    .bind(event.stream_id)
    .bind(&event.category)
    .bind(error)
    .fetch_one(pool)
    .await
}

/// Every parked stream, those that have waited longest first.
///
/// # Errors
/// Postgres does not answer.
pub async fn parked_streams(pool: &PgPool) -> Result<Vec<ParkedStream>, sqlx::Error> {
    let rows = query(
        "select k.name, k.generation, p.version, p.serving, k.tenant_id, k.stream_id, k.category, k.position, k.error, \
         (select count(*) from log.events e where e.tenant_id = k.tenant_id and e.stream_id = k.stream_id \
         and e.category = k.category and e.position >= k.position and e.position <= c.position), k.parked_at, k.tried_at \
         from projection.parked k join projection.projections p using (name, generation) \
         join projection.checkpoints c using (name, generation) order by k.name, k.generation, k.position",
    )
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(ParkedStream {
                name: row.try_get(0)?,
                generation: row.try_get(1)?,
                version: row.try_get(2)?,
                serving: row.try_get(3)?,
                stream: StreamName {
                    tenant_id: TenantId(row.try_get(4)?),
                    stream_id: row.try_get(5)?,
                    category: row.try_get(6)?,
                },
                position: Position(row.try_get(7)?),
                error: row.try_get(8)?,
                waiting: row.try_get(9)?,
                parked_at: row.try_get(10)?,
                tried_at: row.try_get(11)?,
            })
        })
        .collect()
}

/// The first `limit` events that wait in a parked stream, in order.
///
/// # Errors
/// Postgres does not answer.
pub async fn waiting_events(
    pool: &PgPool,
    parked: &ParkedStream,
    limit: i64,
) -> Result<Vec<WaitingEvent>, sqlx::Error> {
    let rows = query(
        "select e.position, e.version, e.category || '.' || e.type, e.recorded_at \
         from projection.checkpoints c join log.events e on e.position <= c.position \
         where c.name = $1 and c.generation = $2 and e.tenant_id = $3 and e.stream_id = $4 and e.category = $5 \
         and e.position >= $6 order by e.version limit $7",
    )
    .bind(&parked.name)
    .bind(parked.generation)
    .bind(parked.stream.tenant_id.0)
    .bind(parked.stream.stream_id)
    .bind(&parked.stream.category)
    .bind(parked.position.0)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(WaitingEvent {
                position: Position(row.try_get(0)?),
                version: row.try_get(1)?,
                event_type: row.try_get(2)?,
                recorded_at: row.try_get(3)?,
            })
        })
        .collect()
}
