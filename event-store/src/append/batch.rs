//! Many requests as the parallel arrays of one statement.

use super::{Answer, Append};
use chrono::{DateTime, Utc};
use kernel::{Epoch, Position, Version};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

/// One statement for any number of requests; see `log.append` for what each array means.
const APPEND: &str = "select base, epoch, recorded_at, numbers from log.append(\
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, \
    $25, $26, $27, $28, $29, $30, $31, $32, $33)";

/// Strings that repeat in a batch, each sent once; everything else sends its index, from 1.
#[derive(Default)]
struct Names<'a>(Vec<&'a str>);

impl<'a> Names<'a> {
    /// A batch has a handful of them: a linear search is the fastest.
    fn index(&mut self, name: &'a str) -> i16 {
        let at = self.0.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.0.push(name);
            self.0.len() - 1
        });
        i16::try_from(at + 1).unwrap_or(i16::MAX)
    }
}

#[derive(Default)]
struct Requests<'a> {
    tenant: Vec<Uuid>,
    key: Vec<Uuid>,
    hash: Vec<Uuid>,
    actor: Vec<Uuid>,
    kind: Vec<i16>,
    behalf: Vec<Option<Uuid>>,
    correlation: Vec<Uuid>,
    causation: Vec<Option<Uuid>>,
    trace: Vec<Option<String>>,
    occurred: Vec<DateTime<Utc>>,
    counter: Vec<Option<&'a str>>,
    stream: Vec<i32>,
    last: Vec<i32>,
}

#[derive(Default)]
struct Streams {
    request: Vec<i32>,
    id: Vec<Uuid>,
    category: Vec<i16>,
    expected: Vec<i32>,
    added: Vec<i32>,
}

#[derive(Default)]
struct Events<'a> {
    stream: Vec<i32>,
    offset: Vec<i32>,
    event_type: Vec<i16>,
    schema: Vec<i16>,
    id: Vec<Uuid>,
    data: Vec<&'a [u8]>,
}

#[derive(Default)]
struct Reserved<'a> {
    request: Vec<i32>,
    scope: Vec<&'a str>,
    key: Vec<&'a str>,
    release: Vec<bool>,
}

/// Requests on their way to Postgres.
#[derive(Default)]
pub(super) struct Batch<'a> {
    names: Names<'a>,
    requests: Requests<'a>,
    streams: Streams,
    events: Events<'a>,
    reserved: Reserved<'a>,
}

impl<'a> Batch<'a> {
    pub(super) fn of(appends: impl IntoIterator<Item = &'a Append>) -> Self {
        let mut batch = Self::default();
        for append in appends {
            batch.add(append);
        }
        batch
    }

    fn add(&mut self, append: &'a Append) {
        self.requests.stream.push(to_i32(self.streams.id.len()) + 1);
        let request = to_i32(self.requests.key.len()) + 1;
        for change in &append.changes {
            self.streams.request.push(request);
            self.streams.id.push(change.stream_id);
            self.streams.category.push(self.names.index(change.category));
            self.streams.expected.push(change.expected.0);
            self.streams.added.push(to_i32(change.events.len()));
            let stream = to_i32(self.streams.id.len());
            for (offset, event) in (1..).zip(&change.events) {
                self.events.stream.push(stream);
                self.events.offset.push(offset);
                self.events.event_type.push(self.names.index(event.event_type()));
                self.events.schema.push(event.schema_version);
                self.events.id.push(Uuid::now_v7());
                self.events.data.push(event.data());
            }
        }
        for (names, release) in [(&append.release, true), (&append.reserve, false)] {
            for name in names {
                self.reserved.request.push(request);
                self.reserved.scope.push(name.scope);
                self.reserved.key.push(&name.key);
                self.reserved.release.push(release);
            }
        }
        let requests = &mut self.requests;
        requests.tenant.push(append.tenant_id.0);
        requests.key.push(append.idempotency.key);
        requests.hash.push(append.idempotency.request_hash);
        requests.actor.push(append.actor.id.0);
        requests.kind.push(self.names.index(append.actor.kind.as_str()));
        requests.behalf.push(append.actor.on_behalf_of.map(|id| id.0));
        requests.correlation.push(append.correlation_id.0);
        requests.causation.push(append.causation_id.map(|id| id.0));
        requests.trace.push(append.trace.map(|trace| trace.to_string()));
        requests.occurred.push(append.occurred_at);
        requests.counter.push(append.counter);
        requests.last.push(to_i32(self.events.id.len()));
    }

    /// Sends the batch: one statement, one round trip, one commit.
    ///
    /// With `flush` the commit waits for the disk; without, somebody must wait for it before anything is acknowledged.
    pub(super) async fn send(&self, connection: &mut PgConnection, flush: bool) -> Result<Written, sqlx::Error> {
        let (r, s, e, k) = (&self.requests, &self.streams, &self.events, &self.reserved);
        let (creates, updates, checks) = s.counts();
        let reserves = !k.key.is_empty();
        let row = sqlx::query(APPEND)
            .bind(flush)
            .bind(&self.names.0)
            .bind(&r.tenant)
            .bind(&r.key)
            .bind(&r.hash)
            .bind(&r.actor)
            .bind(&r.kind)
            .bind(any(&r.behalf))
            .bind(&r.correlation)
            .bind(any(&r.causation))
            .bind(any(&r.trace))
            .bind(&r.occurred)
            .bind(any(&r.counter))
            .bind(&r.stream)
            .bind(&r.last)
            .bind(&s.request)
            .bind(&s.id)
            .bind(&s.category)
            .bind(&s.expected)
            .bind(&s.added)
            .bind(creates)
            .bind(updates)
            .bind(checks)
            .bind(&e.stream)
            .bind(&e.offset)
            .bind(&e.event_type)
            .bind(&e.schema)
            .bind(&e.id)
            .bind(&e.data)
            .bind(reserves.then_some(&k.request))
            .bind(reserves.then_some(&k.scope))
            .bind(reserves.then_some(&k.key))
            .bind(reserves.then_some(&k.release))
            .fetch_one(connection)
            .await?;
        Written::read(&row)
    }

    /// The answer of each request, in order.
    pub(super) fn answers(&self, written: &Written) -> Vec<Answer> {
        let mut before = 0;
        (0..self.requests.key.len())
            .map(|index| {
                let stream = usize::try_from(self.requests.stream[index] - 1).unwrap_or_default();
                let last = self.requests.last[index];
                let changed = last > before;
                before = last;
                Answer {
                    stream_id: self.streams.id[stream],
                    version: Version(self.streams.expected[stream] + self.streams.added[stream]),
                    position: Position(written.base + i64::from(last)),
                    number: written.numbers.as_ref().and_then(|numbers| numbers.get(index).copied().flatten()),
                    changed,
                    recorded_at: written.recorded_at,
                    epoch: written.epoch,
                    repeated: false,
                }
            })
            .collect()
    }

    /// The end of the log after the batch.
    pub(super) fn head(&self, written: &Written) -> Position {
        Position(written.base + i64::from(to_i32(self.events.id.len())))
    }
}

/// An array, or null where every element would be: most batches have no counters, no causes, nobody on behalf.
fn any<T>(elements: &Vec<Option<T>>) -> Option<&Vec<Option<T>>> {
    elements.iter().any(Option::is_some).then_some(elements)
}

impl Streams {
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
