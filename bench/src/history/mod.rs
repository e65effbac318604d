//! A log as production would have filled it, put there by bulk: for what reads, not for what appends.
//!
//! The events are those that the deciders of the domain answer; only the appender is left out. The laws of the log
//! hold afterwards: positions without a gap, the head, the versions of streams and the ticket counter fit.

mod cases;
mod copy;
pub(crate) mod desk;
mod streams;

use crate::Failure;
use crate::servers::Database;
use cases::World;
pub(crate) use cases::sealed;
use copy::Writer;
use kernel::Position;
use sqlx::{Connection, PgConnection, PgPool};
use std::time::{Duration, Instant};
pub(crate) use streams::History;

/// What is told by the events, for those who will append after them.
const SETTLE: &str = "
    insert into log.streams (tenant_id, stream_id, category, version)
        select tenant_id, stream_id, category, max(version) from log.events group by 1, 2, 3;
    insert into log.counters (tenant_id, name, value)
        select tenant_id, category, max(number) from log.events where number is not null group by 1, 2;
    update log.head set (position, recorded_at, event_id) =
        (select position, recorded_at, event_id from log.events order by position desc limit 1);
    analyze log.events, log.streams;
    checkpoint";

/// Fills an empty log with exactly so many events: tickets, conversations, buildings with their doors, interleaved.
pub(crate) async fn fill(database: &Database, events: i64) -> Result<(), Failure> {
    // A connection of its own: the pool's sessions would time out.
    let mut connection = PgConnection::connect(&database.url).await?;
    let mut writer = Writer::begin(&mut connection).await?;
    let mut world = World::new(Some(database.vault().await?));
    while world.position() < events {
        world.step(events, writer.buffer())?;
        writer.flush_if_full().await?;
    }
    writer.finish().await?;
    sqlx::raw_sql(SETTLE).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Waits until these read models have committed the event at `position`.
pub(crate) async fn folded(
    pool: &PgPool,
    names: &[&'static str],
    position: Position,
    patience: Duration,
) -> Result<(), Failure> {
    let folded = "select count(*) from projection.checkpoints join projection.projections using (name, generation) \
                  where serving and name = any($1) and position >= $2";
    let count = async || sqlx::query_scalar(folded).bind(names).bind(position.0).fetch_one(pool).await;
    until(names.len(), patience, count).await
}

/// Waits until so many read models are made, and follow the log.
pub(crate) async fn live(pool: &PgPool, count: usize, patience: Duration) -> Result<(), Failure> {
    let live = "select count(*) from projection.projections where serving and state = 'live'";
    until(count, patience, async || sqlx::query_scalar(live).fetch_one(pool).await).await
}

/// Looks until there are so many.
async fn until(
    wanted: usize,
    patience: Duration,
    count: impl AsyncFn() -> Result<i64, sqlx::Error>,
) -> Result<(), Failure> {
    let (deadline, wanted) = (Instant::now() + patience, i64::try_from(wanted)?);
    while count().await? < wanted {
        if Instant::now() > deadline {
            return Err("the read models were not there in time".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// xorshift: the same numbers in every run.
pub(crate) const fn next_dice(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}
