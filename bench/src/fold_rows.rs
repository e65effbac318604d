//! `fold_rows`: log → fold → rows by the projector's catch-up against the bare transfer of the same payloads.

use crate::catalogue::Choice;
use crate::history;
use crate::interleave::{interleave, median};
use crate::load::closed_loop::{Slice, histogram};
use crate::report::Line;
use crate::servers::{Bench, Database};
use crate::{Failure, Plan};
use cli::projections;
use event_store::{Log, Tail};
use futures_util::StreamExt;
use kernel::Position;
use projector::{Options, Projection, Projector, projection};
use read_models::field_sales::Doors;
use read_models::messaging::Conversations;
use read_models::support::Tickets;
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Longest time for one pass over the log.
const PATIENCE: Duration = Duration::from_mins(5);

/// As if nothing had ever been folded.
const FORGET: &str = "drop schema read cascade; create schema read; truncate projection.projections cascade";

/// Payload bytes as Postgres sends them fastest.
const COPY: &str = "copy (select data from log.events) to stdout (format binary)";

/// One read model per context: between them they fold nearly every event once, into the row of its ticket, its
/// conversation or its door.
fn one_per_context() -> Vec<Box<dyn Projection>> {
    vec![projection::<Tickets>(), projection::<Conversations>(), projection::<Doors>()]
}

/// Measures passes over the whole log.
pub(crate) async fn run(bench: &Bench, choice: Choice, plan: Plan) -> Result<Line, Failure> {
    let database = bench.database(&choice.name()).await?;
    history::fill(&database, plan.fold_events).await?;
    let rounds = interleave(
        plan,
        async |_| fold(&database, one_per_context(), plan.fold_events).await,
        async |_| copy(&database.pool, plan.fold_events).await,
    )
    .await?;
    let mut everything = Vec::new();
    for _ in 0..plan.rounds / 2 {
        everything.push(fold(&database, projections(), plan.fold_events).await?.per_second());
    }
    let rows: i64 = sqlx::query_scalar(
        "select (select count(*) from read.support_tickets) + (select count(*) from read.messaging_conversations) \
         + (select count(*) from read.field_sales_doors)",
    )
    .fetch_one(&database.pool)
    .await?;
    database.drop(bench).await?;
    let mut line = rounds.line(choice.name(), "events/s")?;
    line.more.insert("events".into(), json!(plan.fold_events));
    line.more.insert("rows".into(), json!(rows));
    line.more.insert("all_read_models_per_second".into(), json!(median(&everything).round()));
    Ok(line)
}

/// Folds the whole log into empty tables; the time is from starting the projector until the last read model has
/// committed the last event.
async fn fold(database: &Database, models: Vec<Box<dyn Projection>>, events: i64) -> Result<Slice, Failure> {
    sqlx::raw_sql(FORGET).execute(&database.pool).await?;
    let names: Vec<&'static str> = models.iter().map(|model| model.name()).collect();
    let shutdown = CancellationToken::new();
    let vault = database.vault().await?;
    let tail = Tail::start(Log::new(database.pool.clone()).with_vault(vault), None, shutdown.clone()).await?;
    let begun = Instant::now();
    let projector = tokio::spawn(Projector::new(tail, models, Options::default()).run(shutdown.clone()));
    let folded = history::folded(&database.pool, &names, Position(events), PATIENCE).await;
    let elapsed = begun.elapsed();
    shutdown.cancel();
    projector.await??;
    folded?;
    Ok(Slice { done: events.unsigned_abs(), elapsed, latency: histogram() })
}

/// Receives all payloads and looks at none.
pub(crate) async fn copy(pool: &PgPool, events: i64) -> Result<Slice, Failure> {
    let begun = Instant::now();
    let mut stream = pool.copy_out_raw(COPY).await?;
    let mut bytes = 0;
    while let Some(chunk) = stream.next().await {
        bytes += chunk?.len();
    }
    let elapsed = begun.elapsed();
    if bytes < usize::try_from(events)? * 50 {
        return Err(format!("{bytes} bytes are too few for {events} events").into());
    }
    Ok(Slice { done: events.unsigned_abs(), elapsed, latency: histogram() })
}
