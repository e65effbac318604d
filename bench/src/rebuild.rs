//! `rebuild_*`: a read model built beside the one that readers see, compared and switched, against the bare transfer of the
//! same payloads.

use crate::catalogue::Choice;
use crate::fold_rows::copy;
use crate::history;
use crate::interleave::{interleave, median};
use crate::load::closed_loop::{Slice, histogram};
use crate::memory;
use crate::report::Line;
use crate::servers::{Bench, Database};
use crate::{Failure, Plan};
use chrono::{DateTime, Utc};
use event_store::{Log, Tail};
use kernel::{Position, ReadModel};
use projector::acts::By;
use projector::operate::Plan as BuildPlan;
use projector::{Operator, Options, Projector, projection};
use serde_json::json;
use sqlx::{PgPool, Row};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Longest time for one rebuild.
const PATIENCE: Duration = Duration::from_mins(15);

/// What one rebuild took, in milliseconds from the request.
struct Took {
    begun_ms: f64,
    live_ms: f64,
    compared_ms: f64,
    peak_mib: Option<f64>,
    spills: i32,
}

/// Measures rebuilds of one read model from a mixed log.
pub(crate) async fn run<M: ReadModel>(bench: &Bench, choice: Choice, plan: Plan) -> Result<Line, Failure> {
    let events = plan.rebuild_events;
    let database = bench.database(&choice.name()).await?;
    history::fill(&database, events).await?;
    let shutdown = CancellationToken::new();
    let log = Log::new(database.pool.clone()).with_vault(database.vault().await?);
    let tail = Tail::start(log, None, shutdown.clone()).await?;
    let projector = Projector::new(tail, vec![projection::<M>()], Options::default());
    let projector = tokio::spawn(projector.run(shutdown.clone()));
    let outcome = async {
        history::folded(&database.pool, &[M::NAME], Position(events), PATIENCE).await?;
        until_live(&database.pool, M::NAME).await?;
        let resident = memory::resident_mib();
        let mut all = Vec::new();
        let rounds = interleave(
            plan,
            async |_| {
                let (slice, took) = rebuild(&database, M::NAME, events).await?;
                all.push(took);
                Ok(slice)
            },
            async |_| copy(&database.pool, events).await,
        )
        .await?;
        let mut line = rounds.line(choice.name(), "events/s")?;
        let middle = |of: fn(&Took) -> f64| median(&all.iter().map(of).collect::<Vec<f64>>()).round();
        let name = M::NAME.replace('.', "_");
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from read.{name}")))
            .fetch_one(&database.pool)
            .await?;
        for (name, value) in [
            ("events", json!(events)),
            ("rows", json!(rows)),
            ("begun_ms", json!(middle(|took| took.begun_ms))),
            ("live_ms", json!(middle(|took| took.live_ms))),
            ("compared_ms", json!(middle(|took| took.compared_ms))),
            ("spills", json!(all.iter().map(|took| took.spills).max())),
            ("resident_before_mib", json!(resident)),
            ("peak_memory_mib", json!(all.iter().filter_map(|took| took.peak_mib).reduce(f64::max))),
        ] {
            line.more.insert(name.into(), value);
        }
        Ok(line)
    };
    let line: Result<Line, Failure> = outcome.await;
    shutdown.cancel();
    projector.await??;
    if let Ok(line) = &line {
        eprintln!("{}: {}", choice.name(), json!(line.more));
    }
    database.drop(bench).await?;
    line
}

async fn until_live(pool: &PgPool, name: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let all = projector::status(pool).await?;
        if all.iter().any(|one| one.name == name && one.serving && one.state == projector::State::Live) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err("a read model has not come to the end of the log in time".into())
}

/// From the request until readers see the new generation; the one before is dropped afterwards.
async fn rebuild(database: &Database, name: &str, events: i64) -> Result<(Slice, Took), Failure> {
    let operator = Operator::new(database.pool.clone());
    let by = || By::itself("a benchmark");
    sqlx::raw_sql("checkpoint").execute(&database.pool).await?;
    memory::forget_peak();
    let (begun, began_at) = (Instant::now(), Utc::now());
    let named = operator.rebuild(name, BuildPlan::default(), by()).await?;
    let (elapsed, took) = loop {
        tokio::time::sleep(Duration::from_millis(3)).await;
        if let Some(switched_at) = switched(&database.pool, name, named.generation).await? {
            let elapsed = (switched_at - began_at).to_std()?;
            break (elapsed, took(&database.pool, name, named.generation, began_at).await?);
        }
        if begun.elapsed() > PATIENCE {
            return Err("a rebuild has not come to its end".into());
        }
    };
    operator.retire(name, None, by()).await?;
    while sqlx::query_scalar::<_, bool>(
        "select exists (select from projection.projections where state = 'retired' and dropped_at is null)",
    )
    .fetch_one(&database.pool)
    .await?
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok((Slice { done: events.unsigned_abs(), elapsed, latency: histogram() }, took))
}

async fn switched(pool: &PgPool, name: &str, generation: i32) -> Result<Option<DateTime<Utc>>, Failure> {
    let found = "select switched_at from projection.projections where name = $1 and generation = $2 and serving";
    Ok(sqlx::query_scalar(found).bind(name).bind(generation).fetch_optional(pool).await?.flatten())
}

async fn took(pool: &PgPool, name: &str, generation: i32, began_at: DateTime<Utc>) -> Result<Took, Failure> {
    let row = sqlx::query(
        "select b.began_at, b.updated_at, c.compared_at, b.spills from projection.builds b \
         left join projection.comparisons c using (name, generation) where name = $1 and generation = $2",
    )
    .bind(name)
    .bind(generation)
    .fetch_one(pool)
    .await?;
    let since = |at: DateTime<Utc>| (at - began_at).to_std().map_or(0.0, |since| since.as_secs_f64() * 1e3);
    Ok(Took {
        begun_ms: since(row.try_get(0)?),
        live_ms: since(row.try_get(1)?),
        compared_ms: row.try_get::<Option<DateTime<Utc>>, _>(2)?.map_or(0.0, since),
        peak_mib: memory::peak_mib(),
        spills: row.try_get(3)?,
    })
}
