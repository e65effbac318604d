//! Events as `COPY (FORMAT binary)` tells them, byte for byte: what they are hashed by, and how they come back.

use super::ContentHash;
use crate::copy::POSTGRES_EPOCH_US;
use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, Utc};
use kernel::{EventData, Recorded};
use uuid::Uuid;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
const COLUMNS: i16 = 20;
/// Bytes that are sent together, about.
const LARGE: usize = 256 << 10;

/// SHA-256 over events, whether they come as such or as the bytes of a copy.
pub struct Hasher {
    context: Context,
    rows: Rows,
    /// Whether the bytes come with their own beginning and end.
    of_bytes: bool,
}

impl Hasher {
    /// For events.
    pub fn of_events() -> Self {
        Self { context: Context::new(&SHA256), rows: Rows::begin(), of_bytes: false }
    }

    pub(crate) fn of_bytes() -> Self {
        Self { context: Context::new(&SHA256), rows: Rows::default(), of_bytes: true }
    }

    /// The next event.
    pub fn event(&mut self, event: &Recorded<EventData>) {
        self.rows.put(event);
        if self.rows.is_large() {
            self.context.update(&self.rows.take());
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// The hash of all of them.
    pub fn finish(mut self) -> ContentHash {
        if !self.of_bytes {
            self.context.update(&self.rows.end());
        }
        let mut hash = ContentHash::default();
        hash.copy_from_slice(self.context.finish().as_ref());
        hash
    }
}

/// A copy that is being written.
#[derive(Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
}

impl Rows {
    pub(super) fn begin() -> Self {
        Self { bytes: SIGNATURE.to_vec() }
    }

    pub(super) const fn is_large(&self) -> bool {
        self.bytes.len() >= LARGE
    }

    /// What there is so far.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::replace(&mut self.bytes, Vec::with_capacity(LARGE + LARGE / 8))
    }

    /// What is left, and the end.
    pub(super) fn end(&mut self) -> Vec<u8> {
        self.bytes.extend(TRAILER);
        self.take()
    }

    /// A row: the columns in the order of `columns!`.
    pub(super) fn put(&mut self, event: &Recorded<EventData>) {
        self.bytes.extend(COLUMNS.to_be_bytes());
        self.field(&event.position.0.to_be_bytes());
        self.time(event.recorded_at);
        self.time(event.occurred_at);
        self.optional(event.number.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
        self.field(&event.epoch.0.to_be_bytes());
        self.field(&event.version.0.to_be_bytes());
        self.field(&event.event.schema_version.to_be_bytes());
        self.id(event.event_id.0);
        self.id(event.tenant_id.0);
        self.id(event.stream_id);
        self.id(event.command_id.0);
        self.id(event.correlation_id.0);
        self.optional(event.causation_id.as_ref().map(|id| id.0.as_bytes().as_slice()));
        self.id(event.actor.id.0);
        self.optional(event.actor.on_behalf_of.as_ref().map(|id| id.0.as_bytes().as_slice()));
        self.field(event.actor.kind.as_str().as_bytes());
        self.field(event.category.as_bytes());
        self.field(event.event.event_type.as_bytes());
        let trace = event.trace.map(|trace| trace.to_string());
        self.optional(trace.as_ref().map(String::as_bytes));
        self.field(&event.event.data);
    }

    fn time(&mut self, time: DateTime<Utc>) {
        self.field(&(time.timestamp_micros() - POSTGRES_EPOCH_US).to_be_bytes());
    }

    fn id(&mut self, id: Uuid) {
        self.field(id.as_bytes());
    }

    fn optional(&mut self, field: Option<&[u8]>) {
        match field {
            Some(field) => self.field(field),
            None => self.bytes.extend((-1_i32).to_be_bytes()),
        }
    }

    fn field(&mut self, field: &[u8]) {
        let length = i32::try_from(field.len()).expect("Postgres stores no field beyond a gigabyte");
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend_from_slice(field);
    }
}
