//! Events and read models without a business, a log full of them, and a projector to fold it.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use event_store::verify::Pace;
use event_store::{Log, Tail};
use kernel::{
    Column, ColumnKind, Encoded, Event, Index, Keys, Position, ReadModel, Recorded, Table, TenantId, event_set,
    typed_id,
};
use projector::naive::{Limits, compare};
use projector::{Options, Progress, Projection, Projector, RunError, State, projection};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, query, query_scalar};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

typed_id! {
    /// A box.
    pub(crate) struct BoxId;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Colour {
    Red,
    DarkBlue,
}

/// What happens to boxes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Boxed {
    Put {
        amount: i64,
        label: String,
        ratio: f64,
        colour: Colour,
        day: Option<NaiveDate>,
        tags: Vec<String>,
    },
    Taken {
        amount: i32,
    },
    Tied {
        to: Vec<BoxId>,
    },
    Burnt {},
    /// Makes `apply` panic.
    Cursed {},
    /// Makes a row that Postgres refuses.
    Inked {
        label: String,
    },
}

impl Event for Boxed {
    const CATEGORY: &'static str = "test.box";
    fn examples() -> Vec<Self> {
        vec![Self::Burnt {}]
    }
}

/// What this build cannot read of boxes: a type that only a newer one knows, and a payload that is damaged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unreadable {
    Dropped {},
    Taken { amount: String },
}

impl Event for Unreadable {
    const CATEGORY: &'static str = Boxed::CATEGORY;
    fn examples() -> Vec<Self> {
        vec![Self::Dropped {}]
    }
}

/// What nobody listens to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Noise {
    Made {},
}

impl Event for Noise {
    const CATEGORY: &'static str = "test.noise";
    fn examples() -> Vec<Self> {
        vec![Self::Made {}]
    }
}

/// What happens to wheels; read by one read model only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wheel {
    Turned { times: i64 },
}

impl Event for Wheel {
    const CATEGORY: &'static str = "test.wheel";
    fn examples() -> Vec<Self> {
        vec![Self::Turned { times: 1 }]
    }
}

event_set! {
    /// Both.
    pub(crate) enum BoxOrWheel { Boxed(Boxed), Wheel(Wheel) }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BoxRow {
    pub id: BoxId,
    pub label: Option<String>,
    pub colour: Colour,
    pub open: bool,
    pub takes: i32,
    pub amount: i64,
    pub ratio: f64,
    pub seen_at: DateTime<Utc>,
    pub day: Option<NaiveDate>,
    pub tags: Vec<String>,
    pub tied_to: Option<BoxId>,
    pub extra: Option<serde_json::Value>,
}

/// One row per box; every kind of column.
pub(crate) struct Boxes<const VERSION: i32>;

impl<const VERSION: i32> ReadModel for Boxes<VERSION> {
    type Event = Boxed;
    type Key = BoxId;
    type Row = BoxRow;
    const NAME: &'static str = "test.boxes";
    const VERSION: i32 = VERSION;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("id", ColumnKind::Uuid),
            Column::optional("label", ColumnKind::Text),
            Column::new("colour", ColumnKind::Text),
            Column::new("open", ColumnKind::Boolean),
            Column::new("takes", ColumnKind::Integer),
            Column::new("amount", ColumnKind::BigInt),
            Column::new("ratio", ColumnKind::Double),
            Column::new("seen_at", ColumnKind::Timestamp),
            Column::optional("day", ColumnKind::Date),
            Column::new("tags", ColumnKind::Json),
            Column::optional("tied_to", ColumnKind::Uuid),
            Column::optional("extra", ColumnKind::Json),
        ],
        indexes: &[Index { columns: &["label", "-seen_at"] }],
    };

    fn keys(event: &Recorded<Boxed>) -> Keys<BoxId> {
        let own = BoxId(event.stream_id);
        match &event.event {
            Boxed::Put { .. } | Boxed::Taken { .. } | Boxed::Burnt {} | Boxed::Cursed {} | Boxed::Inked { .. } => {
                Keys::One(own)
            }
            Boxed::Tied { to } => Keys::Many(to.iter().copied().chain([own]).collect()),
        }
    }

    fn apply(row: Option<BoxRow>, key: &BoxId, event: &Recorded<Boxed>) -> Option<BoxRow> {
        let row = row.map(|row| BoxRow { seen_at: event.occurred_at, ..row });
        match &event.event {
            Boxed::Put { amount, label, ratio, colour, day, tags } => {
                let before = row.as_ref().map_or(0, |row| row.amount);
                Some(BoxRow {
                    id: *key,
                    label: (!label.is_empty()).then(|| label.clone()),
                    colour: *colour,
                    open: amount % 2 == 0,
                    takes: row.as_ref().map_or(0, |row| row.takes),
                    // A version that counts in another way.
                    amount: before + amount * i64::from(VERSION),
                    ratio: *ratio,
                    seen_at: event.occurred_at,
                    day: *day,
                    tags: tags.clone(),
                    tied_to: row.and_then(|row| row.tied_to),
                    extra: tags.first().map(|tag| serde_json::json!({ "tag": tag, "ratio": ratio })),
                })
            }
            Boxed::Taken { amount } => {
                row.map(|row| BoxRow { takes: row.takes + 1, amount: row.amount - i64::from(*amount), ..row })
            }
            Boxed::Tied { .. } => row.map(|row| BoxRow { tied_to: Some(BoxId(event.stream_id)), ..row }),
            Boxed::Burnt {} => None,
            Boxed::Cursed {} => panic!("a cursed box"),
            Boxed::Inked { label } => row.map(|row| BoxRow { label: Some(label.clone()), ..row }),
        }
    }
}

/// [`Boxes`] of version 1 with its bug mended, under the same version: a curse does nothing.
pub(crate) struct MendedBoxes;

impl ReadModel for MendedBoxes {
    type Event = Boxed;
    type Key = BoxId;
    type Row = BoxRow;
    const NAME: &'static str = Boxes::<1>::NAME;
    const VERSION: i32 = Boxes::<1>::VERSION;
    const TABLE: Table = Boxes::<1>::TABLE;

    fn keys(event: &Recorded<Boxed>) -> Keys<BoxId> {
        Boxes::<1>::keys(event)
    }

    fn apply(row: Option<BoxRow>, key: &BoxId, event: &Recorded<Boxed>) -> Option<BoxRow> {
        match &event.event {
            Boxed::Cursed {} => row,
            Boxed::Put { .. } | Boxed::Taken { .. } | Boxed::Tied { .. } | Boxed::Burnt {} | Boxed::Inked { .. } => {
                Boxes::<1>::apply(row, key, event)
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LabelRow {
    pub label: String,
    pub bucket: i32,
    pub puts: i64,
    pub turns: i64,
}

/// One row per label and the last digit of the amount: many events share a row.
pub(crate) struct Labels;

impl ReadModel for Labels {
    type Event = BoxOrWheel;
    type Key = (String, i32);
    type Row = LabelRow;
    const NAME: &'static str = "test.labels";
    const VERSION: i32 = 1;
    /// A few rows that everything touches.
    const SPLITS: bool = false;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("label", ColumnKind::Text),
            Column::new("bucket", ColumnKind::Integer),
            Column::new("puts", ColumnKind::BigInt),
            Column::new("turns", ColumnKind::BigInt),
        ],
        indexes: &[],
    };

    fn keys(event: &Recorded<BoxOrWheel>) -> Keys<(String, i32)> {
        match &event.event {
            BoxOrWheel::Boxed(Boxed::Put { amount, label, .. }) => {
                Keys::One((label.clone(), i32::try_from(amount.rem_euclid(10)).unwrap_or(0)))
            }
            BoxOrWheel::Wheel(Wheel::Turned { .. }) => Keys::One(("wheel".to_owned(), 0)),
            BoxOrWheel::Boxed(_) => Keys::None,
        }
    }

    fn apply(row: Option<LabelRow>, key: &(String, i32), event: &Recorded<BoxOrWheel>) -> Option<LabelRow> {
        let mut row = row.unwrap_or(LabelRow { label: key.0.clone(), bucket: key.1, puts: 0, turns: 0 });
        match &event.event {
            BoxOrWheel::Boxed(_) => row.puts += 1,
            BoxOrWheel::Wheel(Wheel::Turned { times }) => row.turns += times,
        }
        Some(row)
    }
}

pub(crate) fn models() -> Vec<Box<dyn Projection>> {
    vec![projection::<Boxes<1>>(), projection::<Labels>()]
}

/// Numbers that look random and are the same every time (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    /// An event of some box, of a wheel, or noise: stream, category and payload.
    pub(crate) fn event(&mut self, boxes: u64) -> (Uuid, &'static str, Encoded) {
        let stream = Uuid::from_u128(u128::from(self.roll(boxes)) + 1);
        match self.roll(20) {
            0 => (stream, Noise::CATEGORY, Noise::Made {}.encode()),
            1 => (stream, Wheel::CATEGORY, Wheel::Turned { times: self.small() }.encode()),
            roll => (stream, Boxed::CATEGORY, self.boxed(roll, boxes).encode()),
        }
    }

    fn small(&mut self) -> i64 {
        i64::try_from(self.roll(1_000)).unwrap_or(0)
    }

    fn boxed(&mut self, roll: u64, boxes: u64) -> Boxed {
        match roll {
            2..=10 => Boxed::Put {
                amount: self.small() - 500,
                label: ["", "été", "oak", "pine \"x\"", "back\\slash"][usize::try_from(self.roll(5)).unwrap_or(0)]
                    .to_owned(),
                ratio: f64::from_bits(self.0 >> 2),
                colour: if self.roll(2) == 0 { Colour::Red } else { Colour::DarkBlue },
                day: NaiveDate::from_ymd_opt(2026, 1, 1 + u32::try_from(self.roll(28)).unwrap_or(0))
                    .filter(|_| self.roll(2) == 0),
                tags: (0..self.roll(3)).map(|n| format!("tag {n}")).collect(),
            },
            11..=15 => Boxed::Taken { amount: i32::try_from(self.roll(10)).unwrap_or(0) },
            16..=17 => {
                let to = (0..self.roll(4)).map(|_| BoxId(Uuid::from_u128(u128::from(self.roll(boxes)) + 1))).collect();
                Boxed::Tied { to }
            }
            _ => Boxed::Burnt {},
        }
    }
}

/// Records events in one transaction, as an append does. Answers the last position.
pub(crate) async fn record(pool: &PgPool, tenants: u64, events: Vec<(Uuid, &'static str, Encoded)>) -> Position {
    let (mut ids, mut streams, mut tenant_ids, mut categories) = (vec![], vec![], vec![], vec![]);
    let (mut types, mut data, mut occurred) = (vec![], vec![], vec![]);
    let noon = DateTime::<Utc>::from_timestamp(1_768_474_800, 0).unwrap();
    for (number, (stream, category, event)) in (0_i64..).zip(&events) {
        ids.push(Uuid::now_v7());
        streams.push(*stream);
        tenant_ids.push(Uuid::from_u128(stream.as_u128() % u128::from(tenants)));
        categories.push(*category);
        types.push(event.event_type().to_owned());
        data.push(event.data().to_vec());
        occurred.push(noon + TimeDelta::microseconds(number * 1_234_567));
    }
    let added = i64::try_from(events.len()).unwrap();
    sqlx::query("select log.make_partitions((select position from log.head) + 200000 + $1, 100000)")
        .bind(added)
        .execute(pool)
        .await
        .unwrap();
    query_scalar::<_, i64>(
        "with head as (
            update log.head set position = position + $1, event_id = $2, recorded_at = greatest(recorded_at, clock_timestamp())
            returning position - $1 as base, epoch, recorded_at
        ), added as (
            insert into log.events (position, recorded_at, occurred_at, epoch, version, schema_version, event_id, tenant_id,
                stream_id, command_id, correlation_id, actor_id, actor_kind, category, type, data)
            select base + n, recorded_at, o, epoch, (base + n)::int, 1, i, t, s, i, i, i, 'system', c, y, d
            from head, unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::bytea[], $9::timestamptz[])
                with ordinality as u(i, t, s, c, y, d, o, n)
        )
        select base + $1 from head",
    )
    .bind(added)
    .bind(ids.last())
    .bind(&ids)
    .bind(&tenant_ids)
    .bind(&streams)
    .bind(&categories)
    .bind(&types)
    .bind(&data)
    .bind(&occurred)
    .fetch_one(pool)
    .await
    .map(Position)
    .unwrap()
}

/// `count` events about `boxes` boxes of three tenants.
pub(crate) async fn record_some(pool: &PgPool, dice: &mut Dice, count: usize, boxes: u64) -> Position {
    let mut at = Position::ZERO;
    let mut left = count;
    while left > 0 {
        let part = left.min(20_000);
        let events = (0..part).map(|_| dice.event(boxes)).collect();
        at = record(pool, 3, events).await;
        left -= part;
    }
    at
}

/// Events recorded until told to stop; the last position.
pub(crate) fn keep_recording(pool: PgPool, seed: u64, stop: Arc<AtomicBool>) -> JoinHandle<Position> {
    tokio::spawn(async move {
        let mut dice = Dice::new(seed);
        let mut last = Position::ZERO;
        while !stop.load(Ordering::SeqCst) {
            let events = (0..=dice.roll(40)).map(|_| dice.event(50)).collect();
            last = record(&pool, 3, events).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        last
    })
}

/// One event of one box.
pub(crate) async fn record_boxed(pool: &PgPool, number: u128, event: impl Event) -> Position {
    record(pool, 3, vec![(Uuid::from_u128(number), Boxed::CATEGORY, event.encode())]).await
}

/// A projector at work in this process.
pub(crate) struct Running {
    pub shutdown: CancellationToken,
    pub progress: Progress,
    pub task: JoinHandle<Result<(), RunError>>,
}

impl Running {
    pub(crate) async fn start(log: &Log, models: Vec<Box<dyn Projection>>, options: Options) -> Self {
        let shutdown = CancellationToken::new();
        let tail = Tail::start(log.clone(), None, shutdown.clone()).await.unwrap();
        let projector = Projector::new(tail, models, options);
        let progress = projector.progress();
        let task = tokio::spawn(projector.run(shutdown.clone()));
        Self { shutdown, progress, task }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// Waits until a generation is at the end of the log.
pub(crate) async fn live(pool: &PgPool, name: &str, generation: i32) {
    until("the generation is live", async || {
        let all = projector::status(pool).await.unwrap();
        all.iter().any(|one| one.name == name && one.generation == generation && one.state == State::Live)
    })
    .await;
}

/// Waits, a minute at most, until `done`.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let begun = std::time::Instant::now();
    while !done().await {
        assert!(begun.elapsed() < Duration::from_mins(1), "waited a minute: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a read model's serving generation has come so far.
pub(crate) async fn wait(pool: &PgPool, name: &str, position: Position) {
    until("the read model is declared", async || {
        query_scalar("select exists (select from projection.projections where name = $1)")
            .bind(name)
            .fetch_one(pool)
            .await
            .unwrap()
    })
    .await;
    projector::wait_for(pool, name, position, Duration::from_mins(1)).await.unwrap();
}

/// The read model's generation is what the log tells.
pub(crate) async fn assert_equal_to_log<M: ReadModel>(log: &Log, generation: i32) -> usize {
    let comparison = compare::<M>(log, generation, Limits::default(), &mut Pace::new(None)).await.unwrap();
    assert_eq!(comparison.divergence, None, "{} at {}", M::NAME, comparison.position);
    comparison.rows
}

/// The state of a generation.
pub(crate) async fn state(log: &Log, name: &str, generation: i32) -> State {
    let all = projector::status(log.pool()).await.unwrap();
    all.iter().find(|one| one.name == name && one.generation == generation).expect("it is declared").state
}

/// A digest of a table's whole content.
pub(crate) async fn digest(pool: &PgPool, table: &str) -> String {
    let statement = format!(
        "select coalesce(md5(string_agg(t::text, '|' order by t::text collate \"C\")), '') from read.{table} t"
    );
    query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(pool).await.unwrap()
}

pub(crate) async fn execute(pool: &PgPool, statement: &'static str) {
    query(statement).execute(pool).await.unwrap();
}

pub(crate) fn tenant(number: u128) -> TenantId {
    TenantId(Uuid::from_u128(number))
}
