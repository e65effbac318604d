//! Rows of `log.events` as `COPY … (FORMAT binary)` takes them.

use crate::Failure;
use crate::identity::TENANT;
use bytes::{BufMut, BytesMut};
use chrono::{DateTime, Utc};
use kernel::Encoded;
use sqlx::PgConnection;
use sqlx::postgres::PgCopyIn;
use uuid::Uuid;

const COPY: &str = "copy log.events (position, recorded_at, occurred_at, number, epoch, version, schema_version, \
    event_id, tenant_id, stream_id, command_id, correlation_id, actor_id, actor_kind, category, type, data) \
    from stdin (format binary)";
const COLUMNS: i16 = 17;
/// `PGCOPY\n\377\r\n\0`, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Microseconds from the Unix epoch to Postgres' own, 2000-01-01.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;
/// Bytes sent at a time.
const CHUNK: usize = 1 << 20;

/// What the log knows of an event besides what happened.
#[derive(Clone, Copy)]
pub(super) struct Envelope {
    pub(super) position: i64,
    pub(super) at: DateTime<Utc>,
    pub(super) number: Option<i64>,
    pub(super) version: i32,
    pub(super) stream_id: Uuid,
    pub(super) command_id: Uuid,
    pub(super) actor_id: Uuid,
    pub(super) category: &'static str,
}

/// Sends rows as they come.
pub(super) struct Writer<'c> {
    sink: PgCopyIn<&'c mut PgConnection>,
    buffer: BytesMut,
}

impl<'c> Writer<'c> {
    pub(super) async fn begin(connection: &'c mut PgConnection) -> Result<Self, Failure> {
        let sink = connection.copy_in_raw(COPY).await?;
        let mut buffer = BytesMut::with_capacity(2 * CHUNK);
        buffer.put_slice(HEADER);
        Ok(Self { sink, buffer })
    }

    /// Where rows are written to by [`put`].
    pub(super) const fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    pub(super) async fn flush_if_full(&mut self) -> Result<(), Failure> {
        if self.buffer.len() >= CHUNK {
            self.sink.send(self.buffer.split().freeze()).await?;
        }
        Ok(())
    }

    pub(super) async fn finish(mut self) -> Result<(), Failure> {
        self.buffer.put_i16(-1);
        self.sink.send(self.buffer.split().freeze()).await?;
        self.sink.finish().await?;
        Ok(())
    }
}

/// One row.
pub(super) fn put(buffer: &mut BytesMut, envelope: &Envelope, event: &Encoded) -> Result<(), Failure> {
    let at = envelope.at.timestamp_micros() - POSTGRES_EPOCH_US;
    buffer.put_i16(COLUMNS);
    long(buffer, envelope.position);
    long(buffer, at);
    long(buffer, at);
    match envelope.number {
        Some(number) => long(buffer, number),
        None => buffer.put_i32(-1),
    }
    bytes(buffer, &1_i32.to_be_bytes())?;
    bytes(buffer, &envelope.version.to_be_bytes())?;
    bytes(buffer, &event.schema_version.to_be_bytes())?;
    for id in
        [Uuid::now_v7(), TENANT.0, envelope.stream_id, envelope.command_id, envelope.command_id, envelope.actor_id]
    {
        bytes(buffer, id.as_bytes())?;
    }
    for text in ["user", envelope.category, event.event_type()] {
        bytes(buffer, text.as_bytes())?;
    }
    bytes(buffer, event.data())
}

fn long(buffer: &mut BytesMut, value: i64) {
    buffer.put_i32(8);
    buffer.put_i64(value);
}

fn bytes(buffer: &mut BytesMut, value: &[u8]) -> Result<(), Failure> {
    buffer.put_i32(i32::try_from(value.len())?);
    buffer.put_slice(value);
    Ok(())
}
