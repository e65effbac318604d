//! Reading the log. Positions are gapless and in commit order, so "what comes after p" is the whole protocol.

use crate::append::Answer;
use crate::vault::Vault;
use crate::{Scanner, tenant};
use chrono::{DateTime, Utc};
use futures_util::Stream;
use kernel::{
    Actor, ActorId, ActorKind, CommandId, CorrelationId, Epoch, EventData, EventId, LogId, Position, Recorded,
    TenantId, Version,
};
use sqlx::postgres::{PgDatabaseError, PgRow};
use sqlx::{PgConnection, PgPool, Row};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

macro_rules! columns {
    () => {
        "position, recorded_at, occurred_at, number, epoch, version, schema_version, event_id, tenant_id, stream_id, \
         command_id, correlation_id, causation_id, actor_id, on_behalf_of, actor_kind, category, type, trace, data"
    };
}
pub(crate) use columns;

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Postgres did not answer.
    #[error("reading the log")]
    Database(#[source] sqlx::Error),
    /// What Postgres sent is not an event.
    #[error("reading the log: {0}")]
    Damaged(String),
    /// The events were moved out of the database.
    #[error("the log up to position {} is archived: see {}", .0.last, .0.manifest)]
    Archived(Archived),
}

/// What `log.require_here` raises.
const ARCHIVED: &str = "SL002";

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        let archived = error.as_database_error().filter(|error| error.code().as_deref() == Some(ARCHIVED));
        let Some(raised) = archived.and_then(|error| error.try_downcast_ref::<PgDatabaseError>()) else {
            return Self::Database(error);
        };
        let last = raised.detail().and_then(|detail| detail.parse().ok()).unwrap_or_default();
        Self::Archived(Archived { last: Position(last), manifest: raised.message().to_owned() })
    }
}

/// A stretch of the log that is in files only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// The last position that is in files only; all before it are too.
    pub last: Position,
    /// Where the manifest of the files lies, as the operator named it.
    pub manifest: String,
}

/// What follows an event in the log.
#[derive(Debug)]
pub(crate) enum Followed {
    /// These do.
    By(Vec<Recorded<EventData>>),
    /// Another event stands in its place, or none: what comes after is of another history.
    Lost,
}

/// The end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which log.
    pub log_id: LogId,
    /// Which life of it.
    pub epoch: Epoch,
    /// The last event's position; 0 for an empty log.
    pub position: Position,
    /// The last event's id.
    pub event_id: Option<EventId>,
}

/// The log, for readers. Cheap to clone.
///
/// What reads for one tenant names it and works in every [`crate::Role`]; what reads the log as it comes needs the
/// engine's, or the owner's.
#[derive(Clone, Debug)]
pub struct Log {
    pool: PgPool,
    vault: Option<Vault>,
}

impl Log {
    /// Reads through this pool.
    pub const fn new(pool: PgPool) -> Self {
        Self { pool, vault: None }
    }

    /// The same log for readers who may open the personal data in it.
    #[must_use]
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { vault: Some(vault), ..self }
    }

    /// What opens the personal data in it, for those who may.
    pub const fn vault(&self) -> Option<&Vault> {
        self.vault.as_ref()
    }

    /// The pool that it reads through.
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Who holds which of these names: those that are reserved in the tenant, with the streams that hold them. The pool works
    /// as [`crate::Role::Engine`].
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn holders(
        &self,
        tenant_id: TenantId,
        scope: &str,
        names: &[String],
    ) -> Result<HashMap<String, Uuid>, ReadError> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = sqlx::query(
            "select key, stream_id from log.reservations where tenant_id = $1 and scope = $2 and key = any($3)",
        )
        .bind(tenant_id.0)
        .bind(scope)
        .bind(names)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// The end of the log now.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn head(&self) -> Result<Head, ReadError> {
        head(&mut *self.pool.acquire().await?).await
    }

    /// [`Log::head`], once it is on disk.
    ///
    /// # Errors
    /// Postgres does not answer, or went away between the two.
    pub async fn durable_head(&self) -> Result<Head, ReadError> {
        let mut connection = self.pool.acquire().await?;
        let head = head(&mut connection).await?;
        flush(&mut connection).await?;
        Ok(head)
    }

    /// [`Log::read`], once it is on disk. An event can be seen a moment before that; nobody may act on one that a crash
    /// could still take back. Both happen in one session, and a session does not outlive its server.
    ///
    /// # Errors
    /// Postgres does not answer, or went away between the two.
    pub async fn read_durable(&self, after: Position, limit: usize) -> Result<Vec<Recorded<EventData>>, ReadError> {
        let mut connection = self.pool.acquire().await?;
        let events = read(&mut connection, after, limit).await?;
        if !events.is_empty() {
            flush(&mut connection).await?;
        }
        Ok(events)
    }

    /// Up to `limit` events that follow this very event (`None` before the first); `durable`: once they are on disk.
    pub(crate) async fn follow(
        &self,
        (after, id): (Position, Option<EventId>),
        limit: usize,
        durable: bool,
    ) -> Result<Followed, ReadError> {
        let mut connection = self.pool.acquire().await?;
        let Some(id) = id.filter(|_| after > Position::ZERO) else {
            drop(connection);
            let read = if durable { self.read_durable(after, limit).await } else { self.read(after, limit).await };
            return read.map(Followed::By);
        };
        let mut events = read(&mut connection, Position(after.0 - 1), limit.saturating_add(1)).await?;
        match events.first() {
            Some(first) if first.position == after && first.event_id == id => drop(events.remove(0)),
            // Only files have it any more.
            _ if archived(&mut connection).await?.is_some_and(|archived| archived.last >= after) => {
                events.retain(|event| event.position > after);
            }
            _ => return Ok(Followed::Lost),
        }
        if durable && !events.is_empty() {
            flush(&mut connection).await?;
        }
        Ok(Followed::By(events))
    }

    /// Whether the server that the log is on may go on with it. Not after a promotion or a restore, until an operator has
    /// said [`Log::adopt`].
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn is_adopted(&self) -> Result<bool, ReadError> {
        Ok(sqlx::query_scalar("select log.is_adopted()").fetch_one(&self.pool).await?)
    }

    /// Whether a position that somebody got in an epoch is one of the log as it is now: not beyond its end, nor where an
    /// earlier life of it was left. A standby, which may be a moment behind, answers `true` for what it does not know yet.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn has(&self, epoch: Option<Epoch>, position: Position) -> Result<bool, ReadError> {
        let known = sqlx::query_scalar(
            "select ($1 <= h.position or pg_is_in_recovery()) and coalesce($2 <= h.epoch, true) \
             and coalesce($1 <= log.common_up_to($2), true) from log.head h",
        )
        .bind(position.0)
        .bind(epoch.map(|epoch| epoch.0));
        Ok(known.fetch_one(&self.pool).await?)
    }

    /// The position after which the log's present life began.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn epoch_began_after(&self, epoch: Epoch) -> Result<Position, ReadError> {
        let after = sqlx::query_scalar("select after_position from log.epochs where epoch = $1").bind(epoch.0);
        Ok(Position(after.fetch_optional(&self.pool).await?.unwrap_or_default()))
    }

    /// Begins a new epoch: whatever the next positions meant before, they mean other events now. The mirror starts
    /// anew, and readers check that what they have folded is still the log's history.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn adopt(&self, reason: &str) -> Result<Epoch, ReadError> {
        let epoch = sqlx::query_scalar("select log.adopt($1)").bind(reason).fetch_one(&self.pool).await?;
        Ok(Epoch(epoch))
    }

    /// Up to `limit` events after `after`, in order, without a gap.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn read(&self, after: Position, limit: usize) -> Result<Vec<Recorded<EventData>>, ReadError> {
        read(&mut *self.pool.acquire().await?, after, limit).await
    }

    /// The event at a position.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn event_at(&self, position: Position) -> Result<Option<Recorded<EventData>>, ReadError> {
        Ok(self.read(Position(position.0 - 1), 1).await?.pop())
    }

    /// What was answered to the request with this key, and the hash of what it asked for.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn answer(&self, tenant_id: TenantId, key: Uuid) -> Result<Option<(Uuid, Answer)>, ReadError> {
        let row = tenant::query(
            tenant_id,
            "select request_hash, stream_id, version, position, number, changed, recorded_at, \
             (select epoch from log.head) from log.idempotency where tenant_id = caller.tenant_id and key = $2",
        )
        .bind(key)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let answer = Answer {
            stream_id: row.try_get(1)?,
            version: Version(row.try_get(2)?),
            position: Position(row.try_get(3)?),
            number: row.try_get(4)?,
            changed: row.try_get(5)?,
            recorded_at: row.try_get(6)?,
            epoch: Epoch(row.try_get(7)?),
            repeated: true,
        };
        Ok(Some((row.try_get(0)?, answer)))
    }

    /// The events of one stream after a version, in order; at most `limit`, none recorded after `up_to`.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn stream(
        &self,
        tenant_id: TenantId,
        category: &str,
        stream_id: Uuid,
        after: Version,
        up_to: Option<Position>,
        limit: i64,
    ) -> Result<Vec<Recorded<EventData>>, ReadError> {
        let body = concat!(
            "select ",
            columns!(),
            " from log.events where tenant_id = caller.tenant_id and stream_id = $2 and category = $3 \
             and version > $4 and position <= $5 order by version limit $6"
        );
        loop {
            let rows = tenant::query(tenant_id, body)
                .bind(stream_id)
                .bind(category)
                .bind(after.0)
                .bind(up_to.map_or(i64::MAX, |position| position.0))
                .bind(limit)
                .fetch_all(&self.pool)
                .await?;
            let events = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
            // Only a beginning can be archived: what follows is whole. Where the next event is here nevertheless, it came
            // back a moment ago.
            let follows = events.first().is_some_and(|first| first.version == after.next());
            let up_to = up_to.unwrap_or(Position(i64::MAX));
            if follows || limit < 1 || !self.are_here(tenant_id, &[(category, stream_id)], after, up_to).await? {
                return Ok(events);
            }
        }
    }

    /// Whether the next event of any of these streams after a version is in the database, up to a position.
    ///
    /// # Errors
    /// It is archived.
    async fn are_here(
        &self,
        tenant_id: TenantId,
        streams: &[(&str, Uuid)],
        after: Version,
        up_to: Position,
    ) -> Result<bool, ReadError> {
        let (categories, ids): (Vec<&str>, Vec<Uuid>) = streams.iter().copied().unzip();
        let body = "select coalesce(bool_or(log.require_stream_here(s, c, $4, $5)), false) \
                    from unnest($2::text[], $3::uuid[]) as wanted(c, s)";
        let query = tenant::query(tenant_id, body).bind(categories).bind(ids).bind(after.0).bind(up_to.0);
        Ok(query.fetch_one(&self.pool).await?.try_get(0)?)
    }

    /// The events of several streams of one tenant up to a position, in the order of the log, at most `limit`.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn streams(
        &self,
        tenant_id: TenantId,
        streams: &[(&str, Uuid)],
        up_to: Position,
        limit: i64,
    ) -> Result<Vec<Recorded<EventData>>, ReadError> {
        let (categories, ids): (Vec<&str>, Vec<Uuid>) = streams.iter().copied().unzip();
        let body = concat!(
            "select ",
            columns!(),
            " from log.events join unnest($2::text[], $3::uuid[]) as wanted(c, s) on stream_id = s and category = c \
             where tenant_id = caller.tenant_id and position <= $4 order by position limit $5"
        );
        loop {
            let rows = tenant::query(tenant_id, body)
                .bind(&categories)
                .bind(&ids)
                .bind(up_to.0)
                .bind(limit)
                .fetch_all(&self.pool)
                .await?;
            let events = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
            let is_full = i64::try_from(events.len()).is_ok_and(|length| length >= limit);
            // What does not begin with its first event may have begun in an archive.
            let begun: HashSet<(&str, Uuid)> = events
                .iter()
                .filter(|event| event.version == Version::ZERO.next())
                .map(|event| (event.category.as_str(), event.stream_id))
                .collect();
            let doubtful: Vec<_> = streams.iter().copied().filter(|stream| !begun.contains(stream)).collect();
            if doubtful.is_empty() || !self.are_here(tenant_id, &doubtful, Version::ZERO, up_to).await? || is_full {
                return Ok(events);
            }
        }
    }

    /// The last position that was recorded at or before `time`; 0 if none was. It may not be on disk yet: compare with
    /// [`Log::durable_head`].
    ///
    /// # Errors
    /// Postgres does not answer, or only an archive could tell.
    pub async fn position_at(&self, time: DateTime<Utc>) -> Result<Position, ReadError> {
        let found: Option<i64> =
            sqlx::query_scalar("select log.position_at($1)").bind(time).fetch_one(&self.pool).await?;
        match found {
            Some(position) => Ok(Position(position)),
            None => Err(self.absent(&format!("nothing is known of {time}")).await),
        }
    }

    /// Why events that must be there are not: they were archived, or (`otherwise`) the log is damaged.
    async fn absent(&self, otherwise: &str) -> ReadError {
        match self.archived().await {
            Ok(Some(archived)) => ReadError::Archived(archived),
            Ok(None) => ReadError::Damaged(otherwise.to_owned()),
            Err(error) => error,
        }
    }

    /// What of the log is in files only.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn archived(&self) -> Result<Option<Archived>, ReadError> {
        archived(&mut *self.pool.acquire().await?).await
    }

    /// When a stretch last went into files, whether it has come back or not.
    pub(crate) async fn last_archived_at(&self) -> Result<Option<DateTime<Utc>>, ReadError> {
        Ok(sqlx::query_scalar("select max(archived_at) from log.archives").fetch_one(&self.pool).await?)
    }

    /// All events after `after` up to `up_to` of these categories (none named: of all), in order, in chunks.
    ///
    /// Reads by `COPY … (FORMAT binary)`, several times as fast as rows; meant for folding long stretches.
    pub fn scan(
        &self,
        after: Position,
        up_to: Position,
        categories: &[&str],
    ) -> impl Stream<Item = Result<Vec<Recorded<EventData>>, ReadError>> + Send + 'static {
        self.scanner().scan(after, up_to, categories)
    }

    /// For scans one after the other: they share a session.
    pub fn scanner(&self) -> Scanner {
        Scanner::new(self.pool.clone())
    }
}

async fn head(connection: &mut PgConnection) -> Result<Head, ReadError> {
    let row = sqlx::query("select log_id, epoch, position, event_id from log.head, log.identity")
        .fetch_one(connection)
        .await?;
    Ok(Head {
        log_id: LogId(row.try_get(0)?),
        epoch: Epoch(row.try_get(1)?),
        position: Position(row.try_get(2)?),
        event_id: row.try_get::<Option<Uuid>, _>(3)?.map(EventId),
    })
}

async fn read(
    connection: &mut PgConnection,
    after: Position,
    limit: usize,
) -> Result<Vec<Recorded<EventData>>, ReadError> {
    loop {
        let rows = sqlx::query(concat!(
            "select ",
            columns!(),
            " from log.events where position > $1 and position <= $1 + $2 order by position"
        ))
        .bind(after.0)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX / 2))
        .fetch_all(&mut *connection)
        .await?;
        let events = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
        let follows = events.first().is_some_and(|first| first.position == after.next());
        // Where the next event is here nevertheless, it came a moment ago.
        if follows || limit == 0 || !require_here(connection, after).await? {
            return Ok(events);
        }
    }
}

/// Whether the event after a position is in the database; fails where it is archived.
async fn require_here(connection: &mut PgConnection, after: Position) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select log.require_here($1)").bind(after.0).fetch_one(connection).await
}

async fn archived(connection: &mut PgConnection) -> Result<Option<Archived>, ReadError> {
    let row = sqlx::query(
        "select last_position, manifest from log.archives where detached_at is not null order by 1 desc limit 1",
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Archived { last: Position(row.try_get(0)?), manifest: row.try_get(1)? }))
}

async fn flush(connection: &mut PgConnection) -> Result<(), ReadError> {
    sqlx::query(crate::append::FLUSH).execute(connection).await?;
    Ok(())
}

/// A row of `log.events`, selected by [`columns!`].
pub(crate) fn recorded(row: &PgRow) -> Result<Recorded<EventData>, ReadError> {
    let kind: &str = row.try_get(15)?;
    let trace: Option<&str> = row.try_get(18)?;
    Ok(Recorded {
        position: Position(row.try_get(0)?),
        recorded_at: row.try_get(1)?,
        occurred_at: row.try_get(2)?,
        number: row.try_get(3)?,
        epoch: Epoch(row.try_get(4)?),
        version: Version(row.try_get(5)?),
        event_id: EventId(row.try_get(7)?),
        tenant_id: TenantId(row.try_get(8)?),
        stream_id: row.try_get(9)?,
        command_id: CommandId(row.try_get(10)?),
        correlation_id: CorrelationId(row.try_get(11)?),
        causation_id: row.try_get::<Option<Uuid>, _>(12)?.map(EventId),
        actor: actor(kind, row.try_get(13)?, row.try_get(14)?)?,
        category: row.try_get(16)?,
        trace: trace.and_then(|text| text.parse().ok()),
        event: EventData { event_type: row.try_get(17)?, schema_version: row.try_get(6)?, data: row.try_get(19)? },
    })
}

pub(crate) fn actor(kind: &str, id: Uuid, on_behalf_of: Option<Uuid>) -> Result<Actor, ReadError> {
    let kind = ActorKind::parse(kind).ok_or_else(|| ReadError::Damaged(format!("unknown actor kind {kind:?}")))?;
    Ok(Actor { kind, id: ActorId(id), on_behalf_of: on_behalf_of.map(ActorId) })
}
