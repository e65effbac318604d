//! `live_projection`: a simple read model that follows the log in batches of 1,000, each with its checkpoint, against a bare
//! fold with an UNNEST upsert per 1,000 events; and its lag while commands come in.

use crate::catalogue::Choice;
use crate::history::{self, History};
use crate::interleave::Rounds;
use crate::load::closed_loop::{Slice, histogram};
use crate::notes::Noted;
use crate::report::Line;
use crate::servers::{Bench, Database};
use crate::{Failure, Plan, visible_latency};
use event_store::{Log, Tail};
use kernel::{Column, ColumnKind, Keys, Position, ReadModel, Recorded, Table};
use projector::{Options, Projector, projection};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{Connection, PgConnection, PgPool, Row};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longest time for one stretch.
const PATIENCE: Duration = Duration::from_mins(5);
/// Events per batch, on both sides.
const BATCH: i64 = 1_000;
/// Events that each stretch adds, as a share of the plan's.
const SHARE: i64 = 3;

/// `bench.notes`: one row per stream of notes.
struct Notes;

/// A stream of notes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct NoteRow {
    /// The stream.
    stream_id: Uuid,
    /// How many there are.
    count: i64,
    /// The last one.
    text: String,
}

impl ReadModel for Notes {
    type Event = Noted;
    type Key = Uuid;
    type Row = NoteRow;
    const NAME: &'static str = "bench.notes";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("stream_id", ColumnKind::Uuid),
            Column::new("count", ColumnKind::BigInt),
            Column::new("text", ColumnKind::Text),
        ],
        indexes: &[],
    };

    fn keys(event: &Recorded<Noted>) -> Keys<Uuid> {
        Keys::One(event.stream_id)
    }

    fn apply(row: Option<NoteRow>, key: &Uuid, event: &Recorded<Noted>) -> Option<NoteRow> {
        let Noted::Written { text, .. } = &event.event;
        let count = row.map_or(0, |row| row.count) + 1;
        Some(NoteRow { stream_id: *key, count, text: text.clone() })
    }
}

const BASELINE: &str = "create schema baseline; \
    create table baseline.notes (stream_id uuid primary key, count bigint not null, text text not null); \
    create table baseline.checkpoint (position bigint not null); insert into baseline.checkpoint values (0)";
const NEXT: &str = "select stream_id, data, position from log.events where position > $1 order by position limit $2";
const UPSERT: &str = "insert into baseline.notes select * from unnest($1::uuid[], $2::bigint[], $3::text[]) \
    on conflict (stream_id) do update set count = excluded.count, text = excluded.text";

/// Measures stretches of new events that both sides fold; then commands and their lag.
pub(crate) async fn run(bench: &mut Bench, choice: Choice, plan: Plan) -> Result<Line, Failure> {
    let database = bench.database(&choice.name()).await?;
    sqlx::raw_sql(BASELINE).execute(&database.pool).await?;
    let shutdown = CancellationToken::new();
    let log = Log::new(database.pool.clone()).with_vault(database.vault().await?);
    let tail = Tail::start(log, None, shutdown.clone()).await?;
    let batch = usize::try_from(BATCH)?;
    let projector = Projector::new(tail, vec![projection::<Notes>()], Options { batch, ..Options::default() });
    let projector = tokio::spawn(projector.run(shutdown.clone()));
    let events = plan.fold_events / SHARE;
    let outcome = async {
        // The first events are folded by a build; what comes then is followed.
        let mut history = History::new();
        history.add(&database, BATCH).await?;
        history::folded(&database.pool, &[Notes::NAME], Position(BATCH), PATIENCE).await?;
        let mut bare = Bare::new(&database).await?;
        bare.fold(BATCH).await?;
        let (mut subject, mut baseline) = (Vec::new(), Vec::new());
        for round in 0..=plan.rounds {
            let from = history.position();
            history.add(&database, events).await?;
            let followed = follow(&database.pool, from, from + events).await?;
            let folded = bare.fold(from + events).await?;
            // The first round warms up.
            if round > 0 {
                subject.push(followed);
                baseline.push(folded);
            }
        }
        agree(&database.pool).await?;
        Rounds::of(subject, baseline).line(choice.name(), "events/s")
    };
    let line: Result<Line, Failure> = outcome.await;
    shutdown.cancel();
    projector.await??;
    database.drop(bench).await?;
    let mut line = line?;
    let lag = visible_latency::run(bench, Choice::VisibleLatency, plan, true).await?;
    line.latency = lag.latency;
    line.more.insert("commands_per_second".into(), json!(lag.subject));
    line.more.insert("events_per_stretch".into(), json!(events));
    eprintln!("{}: {}", choice.name(), json!(line));
    Ok(line)
}

/// Waits until the projector has followed the log up to here; the pace between its first batch and its last.
async fn follow(pool: &PgPool, from: i64, to: i64) -> Result<Slice, Failure> {
    let deadline = Instant::now() + PATIENCE;
    let mut first: Option<(Instant, i64)> = None;
    while Instant::now() < deadline {
        let at: i64 = sqlx::query_scalar(
            "select position from projection.checkpoints join projection.projections using (name, generation) \
             where serving and name = $1",
        )
        .bind(Notes::NAME)
        .fetch_one(pool)
        .await?;
        match first {
            // How soon it hears of new events is not what is measured here.
            None if at > from => first = Some((Instant::now(), at)),
            Some((begun, begun_at)) if at >= to => {
                let done = (to - begun_at).unsigned_abs();
                return Ok(Slice { done, elapsed: begun.elapsed(), latency: histogram() });
            }
            None | Some(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Err("the log was not followed in time".into())
}

/// The baseline: rows in memory, no types, no checks, nothing but the statements.
struct Bare {
    connection: PgConnection,
    rows: HashMap<Uuid, (i64, String)>,
    at: i64,
}

impl Bare {
    async fn new(database: &Database) -> Result<Self, Failure> {
        Ok(Self { connection: PgConnection::connect(&database.url).await?, rows: HashMap::new(), at: 0 })
    }

    async fn fold(&mut self, to: i64) -> Result<Slice, Failure> {
        let (begun, from) = (Instant::now(), self.at);
        while self.at < to {
            self.batch().await?;
        }
        Ok(Slice { done: (self.at - from).unsigned_abs(), elapsed: begun.elapsed(), latency: histogram() })
    }

    async fn batch(&mut self) -> Result<(), Failure> {
        let events = sqlx::query(NEXT).bind(self.at).bind(BATCH).fetch_all(&mut self.connection).await?;
        let mut touched = HashSet::new();
        for event in &events {
            let (stream_id, data): (Uuid, &[u8]) = (event.try_get(0)?, event.try_get(1)?);
            let note: serde_json::Value = serde_json::from_slice(data)?;
            let text = note["text"].as_str().ok_or("a note has a text")?.to_owned();
            let row = self.rows.entry(stream_id).or_insert((0, String::new()));
            *row = (row.0 + 1, text);
            touched.insert(stream_id);
            self.at = event.try_get(2)?;
        }
        let ids: Vec<Uuid> = touched.into_iter().collect();
        let counts: Vec<i64> = ids.iter().map(|id| self.rows[id].0).collect();
        let texts: Vec<&str> = ids.iter().map(|id| self.rows[id].1.as_str()).collect();
        let mut inside = self.connection.begin().await?;
        sqlx::query(UPSERT).bind(&ids).bind(&counts).bind(&texts).execute(&mut *inside).await?;
        sqlx::query("update baseline.checkpoint set position = $1").bind(self.at).execute(&mut *inside).await?;
        Ok(inside.commit().await?)
    }
}

/// Both sides have the same rows, or what was measured is worth nothing.
async fn agree(pool: &PgPool) -> Result<(), Failure> {
    let different: i64 = sqlx::query_scalar(
        "select count(*) from baseline.notes b full join read.bench_notes n using (stream_id) \
         where (b.count, b.text) is distinct from (n.count, n.text)",
    )
    .fetch_one(pool)
    .await?;
    if different > 0 {
        return Err(format!("{different} rows differ between the two sides").into());
    }
    Ok(())
}
