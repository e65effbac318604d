//! `verify_log`: the proof that the log is whole against the bare transfer of the same columns.

use crate::catalogue::Choice;
use crate::history;
use crate::interleave::interleave;
use crate::load::closed_loop::{Slice, histogram};
use crate::report::Line;
use crate::servers::{Bench, Database};
use crate::{Failure, Plan};
use event_store::Log;
use event_store::verify::{Limits, LogVerifier, Pace};
use futures_util::StreamExt;
use kernel::Position;
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt;
use std::time::Instant;

/// What a verification must at least have sent to it.
const COPY: &str = "copy (select position, recorded_at, epoch, version, event_id, tenant_id, stream_id, category \
    from log.events order by position) to stdout (format binary)";

/// Measures passes over the whole log.
pub(crate) async fn run(bench: &Bench, choice: Choice, plan: Plan) -> Result<Line, Failure> {
    let database = bench.database(&choice.name()).await?;
    history::fill(&database, plan.fold_events).await?;
    let streams: i64 = sqlx::query_scalar("select count(*) from log.streams").fetch_one(&database.pool).await?;
    let rounds = interleave(
        plan,
        async |_| verify(&database, plan.fold_events).await,
        async |_| copy(&database.pool, plan.fold_events).await,
    )
    .await?;
    database.drop(bench).await?;
    let mut line = rounds.line(choice.name(), "events/s")?;
    line.more.insert("events".into(), json!(plan.fold_events));
    line.more.insert("streams".into(), json!(streams));
    Ok(line)
}

async fn verify(database: &Database, events: i64) -> Result<Slice, Failure> {
    let log = Log::new(database.pool.clone());
    let mut pace = Pace::new(None);
    let begun = Instant::now();
    let mut verifier = LogVerifier::start(&log, Position::ZERO, Limits::default(), (0, 1)).await?;
    let mut found = verifier.read_to(Position(events), &mut pace).await?;
    if found.is_none() {
        found = verifier.finish(&mut pace).await?;
    }
    let elapsed = begun.elapsed();
    match found {
        Some(divergence) => Err(divergence.to_string().into()),
        None => Ok(Slice { done: events.unsigned_abs(), elapsed, latency: histogram() }),
    }
}

/// Receives the same columns and looks at none.
async fn copy(pool: &PgPool, events: i64) -> Result<Slice, Failure> {
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
