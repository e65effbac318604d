//! Reading long stretches of the log by `COPY BINARY`.

use crate::archive::{ContentHash, Hasher};
use crate::log::{ReadError, actor, columns};
use bytes::{Buf, BytesMut};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{Stream, StreamExt, stream};
use kernel::{CommandId, CorrelationId, Epoch, EventData, EventId, Position, Recorded, TenantId, Version};
use sqlx::{PgConnection, PgPool};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Bytes per block that is read ahead, about, and how many blocks.
const BLOCK: usize = 256 << 10;
const READ_AHEAD: usize = 4;
/// Events per chunk, about.
const CHUNK: usize = 1_000;
/// `PGCOPY\n\377\r\n\0`, flags, length of the header extension.
const HEADER: usize = 19;
/// Microseconds from the Unix epoch to Postgres' own, 2000-01-01.
pub(crate) const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// How one row of a copy is read.
type Parse<T> = fn(Fields<'_>) -> Result<T, ReadError>;

struct Scan<T> {
    parse: Parse<T>,
    source: mpsc::Receiver<Result<BytesMut, sqlx::Error>>,
    buffer: BytesMut,
    header_seen: bool,
    done: bool,
}

/// Scans of the log, one after the other in one session.
#[derive(Clone, Debug)]
pub struct Scanner {
    pool: PgPool,
    spare: Spare,
}

/// The session of the last scan, if that came to its end: one that ends half way leaves the rest of its answer there.
type Spare = Arc<Mutex<Option<PgConnection>>>;

impl Scanner {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, spare: Spare::default() }
    }

    /// See [`crate::Log::scan`]. One that begins before the last has ended has a session of its own.
    pub fn scan(
        &self,
        after: Position,
        up_to: Position,
        categories: &[&str],
    ) -> impl Stream<Item = Result<Vec<Recorded<EventData>>, ReadError>> + Send + use<> {
        let Self { pool, spare } = self.clone();
        rows((pool, spare), after, statement(after, up_to, categories), parse)
    }
}

/// The envelopes of the events after `after` up to `up_to`, as far as they follow from each other.
pub(crate) fn links(
    pool: PgPool,
    after: Position,
    up_to: Position,
) -> impl Stream<Item = Result<Vec<Link>, ReadError>> + Send + 'static {
    let statement = format!(
        "copy (select position, recorded_at, epoch, version, event_id, tenant_id, stream_id, category from log.events \
         where position > {after} and position <= {up_to} order by position) to stdout (format binary)"
    );
    rows((pool, Spare::default()), after, statement, link)
}

/// The events after `after` up to `up_to` as the bytes of a copy, its beginning and end included.
pub(crate) fn raw(
    pool: PgPool,
    after: Position,
    up_to: Position,
) -> impl Stream<Item = Result<BytesMut, ReadError>> + Send + 'static {
    stream::once(async move {
        let mut connection = pool.acquire().await?.detach();
        let (blocks, source) = mpsc::channel(READ_AHEAD);
        tokio::spawn(async move {
            // Of however many events.
            let patience = sqlx::raw_sql("set statement_timeout = 0").execute(&mut connection).await;
            match patience {
                Ok(_) => receive((connection, &Spare::default()), after, statement(after, up_to, &[]), blocks).await,
                Err(error) => drop(blocks.send(Err(error)).await),
            }
        });
        Ok::<_, ReadError>(source)
    })
    .flat_map(|opened| match opened {
        Ok(source) => stream::unfold(source, async |mut source| {
            let block = source.recv().await?.map_err(ReadError::from);
            Some((block, source))
        })
        .boxed(),
        Err(error) => stream::once(async { Err(error) }).boxed(),
    })
}

/// SHA-256 of a table of events as the bytes of a copy. The table's name is no caller's choice.
pub(crate) async fn raw_of(connection: &mut PgConnection, table: &str) -> Result<ContentHash, sqlx::Error> {
    let statement = format!("copy (select {} from {table} order by position) to stdout (format binary)", columns!());
    let mut hasher = Hasher::of_bytes();
    let mut blocks = connection.copy_out_raw(&statement).await?;
    while let Some(block) = blocks.next().await {
        hasher.bytes(&block?);
    }
    Ok(hasher.finish())
}

/// What an event has to do with the others.
pub(crate) struct Link {
    pub(crate) position: i64,
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) epoch: i32,
    pub(crate) version: i32,
    pub(crate) event_id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) stream_id: Uuid,
    pub(crate) category: Box<str>,
}

fn link(mut row: Fields<'_>) -> Result<Link, ReadError> {
    Ok(Link {
        position: row.long()?,
        recorded_at: row.time()?,
        epoch: row.integer()?,
        version: row.integer()?,
        event_id: row.uuid()?,
        tenant_id: row.uuid()?,
        stream_id: row.uuid()?,
        category: row.text()?.into(),
    })
}

fn rows<T: Send + 'static>(
    (pool, spare): (PgPool, Spare),
    after: Position,
    statement: String,
    parse: Parse<T>,
) -> impl Stream<Item = Result<Vec<T>, ReadError>> + Send + 'static {
    stream::once(async move {
        let before = locked(&spare).take();
        // None of the pool's, which is for short questions.
        let connection = match before {
            Some(connection) => connection,
            None => pool.acquire().await?.detach(),
        };
        let (blocks, source) = mpsc::channel(READ_AHEAD);
        tokio::spawn(async move { receive((connection, &spare), after, statement, blocks).await });
        Ok::<_, ReadError>(Scan { parse, source, buffer: BytesMut::new(), header_seen: false, done: false })
    })
    .flat_map(|opened| match opened {
        Ok(scan) => stream::unfold(scan, next_chunk).boxed(),
        Err(error) => stream::once(async { Err(error) }).boxed(),
    })
}

fn locked(spare: &Spare) -> MutexGuard<'_, Option<PgConnection>> {
    spare.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads ahead in blocks while earlier ones are decoded; ends when nobody wants them any more.
async fn receive(
    (mut connection, spare): (PgConnection, &Spare),
    after: Position,
    statement: String,
    blocks: mpsc::Sender<Result<BytesMut, sqlx::Error>>,
) {
    let last = match send_blocks(&mut connection, after, &statement, &blocks).await {
        Ok(Some(last)) => {
            *locked(spare) = Some(connection);
            Ok(last)
        }
        Ok(None) => return,
        Err(error) => Err(error),
    };
    // Nobody waits for it any more if this fails.
    let _ = blocks.send(last).await;
}

/// Sends all blocks but the last; none where nobody wants it any more.
///
/// What is archived is asked under a lock: no stretch can go away while it is read.
async fn send_blocks(
    connection: &mut PgConnection,
    after: Position,
    statement: &str,
    blocks: &mpsc::Sender<Result<BytesMut, sqlx::Error>>,
) -> Result<Option<BytesMut>, sqlx::Error> {
    hold(connection, after).await?;
    let mut rows = connection.copy_out_raw(statement).await?;
    let mut block = BytesMut::with_capacity(BLOCK);
    while let Some(row) = rows.next().await {
        block.extend_from_slice(&row?);
        if block.len() >= BLOCK {
            let full = std::mem::replace(&mut block, BytesMut::with_capacity(BLOCK + BLOCK / 8));
            if blocks.send(Ok(full)).await.is_err() {
                return Ok(None);
            }
        }
    }
    drop(rows);
    sqlx::raw_sql("commit").execute(connection).await?;
    Ok(Some(block))
}

/// Fails where what comes after `after` is archived; otherwise it stays in the database until the transaction ends.
async fn hold(connection: &mut PgConnection, after: Position) -> Result<(), sqlx::Error> {
    let hold = format!("begin; lock table log.events in access share mode; select log.require_here({after})");
    sqlx::raw_sql(sqlx::AssertSqlSafe(hold)).execute(connection).await.map(drop)
}

/// `COPY` takes no parameters. The positions are numbers and the categories are constants of the code,
/// quoted all the same.
fn statement(after: Position, up_to: Position, categories: &[&str]) -> String {
    let only = if categories.is_empty() {
        String::new()
    } else {
        let quoted: Vec<String> = categories.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
        format!(" and category in ({})", quoted.join(", "))
    };
    format!(
        "copy (select {} from log.events where position > {after} and position <= {up_to}{only} order by position) \
         to stdout (format binary)",
        columns!()
    )
}

async fn next_chunk<T>(mut scan: Scan<T>) -> Option<(Result<Vec<T>, ReadError>, Scan<T>)> {
    let mut events = Vec::with_capacity(CHUNK);
    while events.len() < CHUNK && !scan.done {
        match read_row(&mut scan) {
            Ok(Some(event)) => events.push(event),
            Ok(None) if scan.done => break,
            Ok(None) => match scan.source.recv().await {
                Some(Ok(block)) if scan.buffer.is_empty() => scan.buffer = block,
                Some(Ok(block)) => scan.buffer.extend_from_slice(&block),
                Some(Err(error)) => return Some(fail(scan, error.into())),
                None => return Some(fail(scan, ReadError::Damaged("the copy ended early".into()))),
            },
            Err(error) => return Some(fail(scan, error)),
        }
    }
    if events.is_empty() { None } else { Some((Ok(events), scan)) }
}

fn fail<T>(mut scan: Scan<T>, error: ReadError) -> (Result<Vec<T>, ReadError>, Scan<T>) {
    scan.done = true;
    (Err(error), scan)
}

/// One row from the buffer; `None` if it is not all there yet, or at the end.
fn read_row<T>(scan: &mut Scan<T>) -> Result<Option<T>, ReadError> {
    if !scan.header_seen {
        if scan.buffer.len() < HEADER {
            return Ok(None);
        }
        scan.buffer.advance(HEADER);
        scan.header_seen = true;
    }
    let Some(length) = row_length(&scan.buffer) else { return Ok(None) };
    if length == 2 {
        scan.done = true;
        return Ok(None);
    }
    let row = scan.buffer.split_to(length);
    (scan.parse)(Fields { rest: &row[2..] }).map(Some)
}

/// The bytes of the first row: a field count, then length and bytes of each; 2 for the end marker.
fn row_length(buffer: &[u8]) -> Option<usize> {
    let count = i16::from_be_bytes(buffer.get(..2)?.try_into().ok()?);
    let mut at = 2;
    for _ in 0..count.max(0) {
        let length = i32::from_be_bytes(buffer.get(at..at + 4)?.try_into().ok()?);
        at += 4 + usize::try_from(length).unwrap_or(0);
    }
    (buffer.len() >= at).then_some(at)
}

/// The fields of one row, in order.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn optional(&mut self) -> Result<Option<&'a [u8]>, ReadError> {
        let damaged = || ReadError::Damaged("a row of the copy is too short".into());
        let (length, rest) = self.rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        self.rest = rest;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else { return Ok(None) };
        let (field, rest) = self.rest.split_at_checked(length).ok_or_else(damaged)?;
        self.rest = rest;
        Ok(Some(field))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        self.optional_fixed()?.ok_or_else(|| ReadError::Damaged("a field of the copy is null".into()))
    }

    fn optional_fixed<const N: usize>(&mut self) -> Result<Option<[u8; N]>, ReadError> {
        let wrong = |_| ReadError::Damaged("a field of the copy has another size".into());
        self.optional()?.map(|field| field.try_into().map_err(wrong)).transpose()
    }

    fn long(&mut self) -> Result<i64, ReadError> {
        self.fixed().map(i64::from_be_bytes)
    }

    fn integer(&mut self) -> Result<i32, ReadError> {
        self.fixed().map(i32::from_be_bytes)
    }

    fn uuid(&mut self) -> Result<Uuid, ReadError> {
        self.fixed().map(Uuid::from_bytes)
    }

    fn optional_uuid(&mut self) -> Result<Option<Uuid>, ReadError> {
        Ok(self.optional_fixed()?.map(Uuid::from_bytes))
    }

    fn time(&mut self) -> Result<DateTime<Utc>, ReadError> {
        let microseconds = self.long()?;
        DateTime::from_timestamp_micros(POSTGRES_EPOCH_US)
            .and_then(|epoch| epoch.checked_add_signed(TimeDelta::microseconds(microseconds)))
            .ok_or_else(|| ReadError::Damaged("a time is out of range".into()))
    }

    fn optional_text(&mut self) -> Result<Option<&'a str>, ReadError> {
        let field = self.optional()?;
        field
            .map(|bytes| std::str::from_utf8(bytes).map_err(|_| ReadError::Damaged("text is not UTF-8".into())))
            .transpose()
    }

    fn text(&mut self) -> Result<&'a str, ReadError> {
        Ok(self.optional_text()?.unwrap_or_default())
    }
}

fn parse(mut row: Fields<'_>) -> Result<Recorded<EventData>, ReadError> {
    let position = Position(row.long()?);
    let recorded_at = row.time()?;
    let occurred_at = row.time()?;
    let number = row.optional_fixed()?.map(i64::from_be_bytes);
    let epoch = Epoch(row.integer()?);
    let version = Version(row.integer()?);
    let schema_version = i16::from_be_bytes(row.fixed()?);
    let event_id = EventId(row.uuid()?);
    let tenant_id = TenantId(row.uuid()?);
    let stream_id = row.uuid()?;
    let command_id = CommandId(row.uuid()?);
    let correlation_id = CorrelationId(row.uuid()?);
    let causation_id = row.optional_uuid()?.map(EventId);
    let actor_id = row.uuid()?;
    let on_behalf_of = row.optional_uuid()?;
    let actor = actor(row.text()?, actor_id, on_behalf_of)?;
    let category = row.text()?.to_owned();
    let event_type = row.text()?.to_owned();
    let trace = row.optional_text()?.and_then(|text| text.parse().ok());
    let data = row.optional()?.unwrap_or_default().to_vec();
    Ok(Recorded {
        position,
        epoch,
        event_id,
        tenant_id,
        category,
        stream_id,
        version,
        actor,
        command_id,
        correlation_id,
        causation_id,
        trace,
        occurred_at,
        recorded_at,
        number,
        event: EventData { event_type, schema_version, data },
    })
}
