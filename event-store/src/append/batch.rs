//! Many requests as the parallel arrays of one statement.

use super::{Answer, Append};
use chrono::{DateTime, Utc};
use kernel::{Epoch, Position, Version};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// One statement for any number of requests; see `log.append` for what each array means.
const APPEND: &str = "select base, epoch, recorded_at, numbers from log.append(\
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
    $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38)";

#[derive(Default)]
struct Requests<'a> {
    tenant: Vec<Uuid>,
    key: Vec<Uuid>,
    hash: Vec<Uuid>,
    stream: Vec<Uuid>,
    version: Vec<i32>,
    last: Vec<i32>,
    changed: Vec<bool>,
    counter: Vec<Option<&'a str>>,
}

/// The streams that a batch names.
#[derive(Default)]
pub(super) struct Streams<'a> {
    pub(super) request: Vec<i32>,
    pub(super) tenant: Vec<Uuid>,
    pub(super) stream: Vec<Uuid>,
    pub(super) category: Vec<&'a str>,
    pub(super) expected: Vec<i32>,
    added: Vec<i32>,
}

/// The names that a batch reserves or gives back.
#[derive(Default)]
pub(super) struct Names<'a> {
    pub(super) request: Vec<i32>,
    pub(super) tenant: Vec<Uuid>,
    pub(super) scope: Vec<&'a str>,
    pub(super) key: Vec<&'a str>,
    pub(super) stream: Vec<Uuid>,
    pub(super) release: Vec<bool>,
}

#[derive(Default)]
struct Events<'a> {
    occurred: Vec<DateTime<Utc>>,
    numbered: Vec<i32>,
    version: Vec<i32>,
    schema: Vec<i16>,
    id: Vec<Uuid>,
    tenant: Vec<Uuid>,
    stream: Vec<Uuid>,
    command: Vec<Uuid>,
    correlation: Vec<Uuid>,
    causation: Vec<Option<Uuid>>,
    actor: Vec<Uuid>,
    behalf: Vec<Option<Uuid>>,
    kind: Vec<&'static str>,
    category: Vec<&'a str>,
    event_type: Vec<&'a str>,
    trace: Vec<Option<String>>,
    data: Vec<&'a [u8]>,
}

/// Requests on their way to Postgres.
#[derive(Default)]
pub(super) struct Batch<'a> {
    requests: Requests<'a>,
    streams: Streams<'a>,
    names: Names<'a>,
    events: Events<'a>,
}

impl<'a> Batch<'a> {
    pub(super) fn of(appends: impl IntoIterator<Item = &'a Append>) -> Self {
        let mut batch = Self::default();
        for append in appends {
            batch.add(append);
        }
        batch
    }

    pub(super) const fn streams(&self) -> &Streams<'a> {
        &self.streams
    }

    pub(super) const fn names(&self) -> &Names<'a> {
        &self.names
    }

    pub(super) fn keys(&self) -> (&[Uuid], &[Uuid]) {
        (&self.requests.tenant, &self.requests.key)
    }

    fn add(&mut self, append: &'a Append) {
        let index = to_i32(self.requests.key.len());
        let tenant = append.tenant_id.0;
        let before = self.events.id.len();
        for (nth, change) in append.changes.iter().enumerate() {
            self.streams.add(index, tenant, change);
            for (offset, event) in (1_i32..).zip(&change.events) {
                let numbered = nth == 0 && offset == 1 && append.counter.is_some();
                self.events.numbered.push(if numbered { index + 1 } else { 0 });
                self.events.version.push(change.expected.0 + offset);
                self.events.schema.push(event.schema_version);
                self.events.stream.push(change.stream_id);
                self.events.category.push(change.category);
                self.events.event_type.push(event.event_type());
                self.events.data.push(event.data());
                self.events.add_envelope(append);
            }
        }
        let primary = append.changes.first();
        let stream = primary.map_or(Uuid::nil(), |change| change.stream_id);
        self.requests.tenant.push(tenant);
        self.requests.key.push(append.idempotency.key);
        self.requests.hash.push(append.idempotency.request_hash);
        self.requests.stream.push(stream);
        self.requests.version.push(primary.map_or(0, |change| change.expected.0 + to_i32(change.events.len())));
        self.requests.last.push(to_i32(self.events.id.len()));
        self.requests.changed.push(self.events.id.len() > before);
        self.requests.counter.push(append.counter);
        for (names, release) in [(&append.release, true), (&append.reserve, false)] {
            for name in names {
                self.names.request.push(index);
                self.names.tenant.push(tenant);
                self.names.scope.push(name.scope);
                self.names.key.push(&name.key);
                self.names.stream.push(stream);
                self.names.release.push(release);
            }
        }
    }

    /// Sends the batch: one statement, one round trip, one commit.
    pub(super) async fn send(&self, connection: &mut PgConnection) -> Result<Written, sqlx::Error> {
        let (r, s, k, e) = (&self.requests, &self.streams, &self.names, &self.events);
        let counters = r.counter.iter().any(Option::is_some).then_some(&r.counter);
        let (creates, updates, checks) = s.counts();
        let row = sqlx::query(APPEND)
            .bind(&r.tenant)
            .bind(&r.key)
            .bind(&r.hash)
            .bind(&r.stream)
            .bind(&r.version)
            .bind(&r.last)
            .bind(&r.changed)
            .bind(counters)
            .bind(&s.tenant)
            .bind(&s.stream)
            .bind(&s.category)
            .bind(&s.expected)
            .bind(&s.added)
            .bind(creates)
            .bind(updates)
            .bind(checks)
            .bind(&k.tenant)
            .bind(&k.scope)
            .bind(&k.key)
            .bind(&k.stream)
            .bind(&k.release)
            .bind(&e.occurred)
            .bind(&e.numbered)
            .bind(&e.version)
            .bind(&e.schema)
            .bind(&e.id)
            .bind(&e.tenant)
            .bind(&e.stream)
            .bind(&e.command)
            .bind(&e.correlation)
            .bind(&e.causation)
            .bind(&e.actor)
            .bind(&e.behalf)
            .bind(&e.kind)
            .bind(&e.category)
            .bind(&e.event_type)
            .bind(&e.trace)
            .bind(&e.data)
            .fetch_one(connection)
            .await?;
        Written::read(&row)
    }

    /// The answer of each request, in order.
    pub(super) fn answers(&self, written: &Written) -> Vec<Answer> {
        let requests = &self.requests;
        (0..requests.key.len())
            .map(|index| Answer {
                stream_id: requests.stream[index],
                version: Version(requests.version[index]),
                position: Position(written.base + i64::from(requests.last[index])),
                number: written.numbers.as_ref().and_then(|numbers| numbers.get(index).copied().flatten()),
                changed: requests.changed[index],
                recorded_at: written.recorded_at,
                epoch: written.epoch,
                repeated: false,
            })
            .collect()
    }

    /// The end of the log after the batch.
    pub(super) fn head(&self, written: &Written) -> Position {
        Position(written.base + i64::from(to_i32(self.events.id.len())))
    }
}

impl<'a> Streams<'a> {
    fn add(&mut self, request: i32, tenant: Uuid, change: &'a kernel::Change) {
        self.request.push(request);
        self.tenant.push(tenant);
        self.stream.push(change.stream_id);
        self.category.push(change.category);
        self.expected.push(change.expected.0);
        self.added.push(to_i32(change.events.len()));
    }

    /// How many streams are created, continued, and only looked at.
    fn counts(&self) -> (i32, i32, i32) {
        let mut counts = (0, 0, 0);
        for (expected, added) in self.expected.iter().zip(&self.added) {
            match (expected, added) {
                (_, 0) => counts.2 += 1,
                (0, _) => counts.0 += 1,
                _ => counts.1 += 1,
            }
        }
        counts
    }
}

impl Events<'_> {
    fn add_envelope(&mut self, append: &Append) {
        self.occurred.push(append.occurred_at);
        self.id.push(Uuid::now_v7());
        self.tenant.push(append.tenant_id.0);
        self.command.push(append.command_id.0);
        self.correlation.push(append.correlation_id.0);
        self.causation.push(append.causation_id.map(|id| id.0));
        self.actor.push(append.actor.id.0);
        self.behalf.push(append.actor.on_behalf_of.map(|id| id.0));
        self.kind.push(append.actor.kind.as_str());
        self.trace.push(append.trace.map(|trace| trace.to_string()));
    }
}

/// What Postgres decided while it held the head.
pub(super) struct Written {
    base: i64,
    epoch: Epoch,
    recorded_at: DateTime<Utc>,
    numbers: Option<Vec<Option<i64>>>,
}

impl Written {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            base: row.try_get(0)?,
            epoch: Epoch(row.try_get(1)?),
            recorded_at: row.try_get(2)?,
            numbers: row.try_get(3)?,
        })
    }
}

/// Batches are bounded far below this.
fn to_i32(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
