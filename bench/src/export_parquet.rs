//! `export_parquet`: the log as typed Parquet files against the bare transfer of its payloads.

use crate::catalogue::Choice;
use crate::fold_rows;
use crate::history;
use crate::interleave::interleave;
use crate::load::closed_loop::{Slice, histogram};
use crate::report::Line;
use crate::servers::{Bench, Database};
use crate::{Failure, Plan};
use cli::export::{Export, Format};
use domain::catalogue::categories;
use event_store::Log;
use event_store::analysis::Filter;
use kernel::Position;
use serde_json::json;
use std::path::Path;
use std::time::Instant;
use uuid::Uuid;

/// Measures exports of the whole log into new folders.
pub(crate) async fn run(bench: &Bench, choice: Choice, plan: Plan) -> Result<Line, Failure> {
    let database = bench.database(&choice.name()).await?;
    history::fill(&database, plan.fold_events).await?;
    let mut size_bytes = 0;
    let rounds = interleave(
        plan,
        async |_| {
            let (slice, size) = export(&database, bench.folder(), plan.fold_events).await?;
            size_bytes = size;
            Ok(slice)
        },
        async |_| fold_rows::copy(&database.pool, plan.fold_events).await,
    )
    .await?;
    database.drop(bench).await?;
    let mut line = rounds.line(choice.name(), "events/s")?;
    line.more.insert("events".into(), json!(plan.fold_events));
    line.more.insert("file_bytes".into(), json!(size_bytes));
    Ok(line)
}

/// Exports everything; the time is until the manifest lists the last file, each synced.
async fn export(database: &Database, folder: &Path, events: i64) -> Result<(Slice, u64), Failure> {
    let folder = folder.join(format!("export-{}", Uuid::now_v7()));
    let log = Log::new(database.pool.clone());
    let head = log.durable_head().await?;
    let export = Export {
        format: Format::Parquet,
        folder: folder.clone(),
        filter: Filter::default(),
        after: Position::ZERO,
        up_to: head.position,
        stretch: 100_000,
    };
    let begun = Instant::now();
    let manifest = export.run(&log, &head, categories(), |_, _| {}).await?.manifest;
    let elapsed = begun.elapsed();
    if manifest.rows != events.unsigned_abs() {
        return Err(format!("{} of {events} events were exported", manifest.rows).into());
    }
    let size_bytes = manifest.files.iter().map(|part| part.size_bytes).sum();
    std::fs::remove_dir_all(&folder)?;
    Ok((Slice { done: events.unsigned_abs(), elapsed, latency: histogram() }, size_bytes))
}
