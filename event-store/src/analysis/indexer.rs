//! Fills the index beside the log, behind the appends and with little haste.

use crate::log::Log;
use kernel::Position;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Events per statement: some tens of milliseconds.
const BATCH: i32 = 2_000;
/// How often an index that is up to date looks for more.
const LOOK: Duration = Duration::from_millis(500);
/// Pause after Postgres did not answer.
const PAUSE: Duration = Duration::from_secs(5);

/// Keeps `analysis.event_index` close behind the log. Several processes may try; one at a time does.
#[derive(Clone, Debug)]
pub struct Indexer {
    log: Log,
}

impl Indexer {
    /// Works through this log's pool, one connection at a time.
    pub const fn new(log: Log) -> Self {
        Self { log }
    }

    /// Indexes until told to stop. It rests as long as it has worked, so it never takes more than half of one connection
    /// from whoever is busy.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut is_well = true;
        loop {
            let began = Instant::now();
            let rest = match self.step(BATCH).await {
                Ok(Some(indexed)) if indexed >= BATCH => began.elapsed(),
                Ok(_) => LOOK,
                Err(error) => {
                    if is_well {
                        tracing::warn!(error = %error, "the event index stands still; questions are answered by scans");
                    }
                    PAUSE
                }
            };
            is_well = rest != PAUSE;
            if shutdown.run_until_cancelled(tokio::time::sleep(rest)).await.is_none() {
                return;
            }
        }
    }

    /// Indexes up to `most` further events; `None` while somebody else does. The commit waits for no disk: what a crash
    /// takes is indexed again.
    async fn step(&self, most: i32) -> Result<Option<i32>, sqlx::Error> {
        sqlx::query_scalar(
            "select analysis.index_events($1) from (select set_config('synchronous_commit', 'off', true) offset 0) as lax",
        )
        .bind(most)
        .fetch_one(self.log.pool())
        .await
    }

    /// Indexes everything that is in the log now.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn catch_up(&self) -> Result<Position, sqlx::Error> {
        let head: i64 = sqlx::query_scalar("select position from log.head").fetch_one(self.log.pool()).await?;
        loop {
            let done = self.step(BATCH).await?;
            let at: i64 =
                sqlx::query_scalar("select position from analysis.progress").fetch_one(self.log.pool()).await?;
            if at >= head {
                return Ok(Position(at));
            }
            if done.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
