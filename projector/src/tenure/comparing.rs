//! The comparison of a generation with what readers see, begun before they are switched to it.

use crate::compare::{self, CompareError};
use crate::control::Generation;
use crate::poison::chain;
use sqlx::{PgPool, query_scalar};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Rows that differ and are kept to be shown.
const SAMPLES: usize = 20;
/// A switch does not wait longer for the comparison.
const PATIENCE: Duration = Duration::from_mins(10);

/// Not begun, under way, or done; given up when it is dropped.
#[derive(Default)]
pub(super) struct Comparing(Option<JoinHandle<()>>, Arc<AtomicBool>);

impl Comparing {
    /// Whether readers may be switched as far as the comparison is concerned; begins it where it is not.
    /// `done` rings at its end.
    pub(super) fn is_done(&mut self, pool: &PgPool, generation: &Generation, done: &Arc<Notify>) -> bool {
        let Self(comparing, over) = self;
        let begin = || {
            let (running, over, done) =
                (run(pool.clone(), generation.name, generation.number), Arc::clone(over), Arc::clone(done));
            tokio::spawn(async move {
                running.await;
                over.store(true, Ordering::Release);
                done.notify_one();
            })
        };
        let running = comparing.get_or_insert_with(begin);
        // It is over a moment before its task has ended, and by a panic too.
        over.load(Ordering::Acquire) || running.is_finished()
    }
}

impl Drop for Comparing {
    fn drop(&mut self) {
        if let Some(comparing) = &self.0 {
            comparing.abort();
        }
    }
}

/// Compares a generation with the one that readers see, if there is one, and keeps the result. A comparison that fails is
/// no reason not to switch: nobody waits for its result.
async fn run(pool: PgPool, name: &'static str, generation: i32) {
    let compared = async {
        let serving = "select generation from projection.projections where name = $1 and serving";
        let serving: Option<i32> = query_scalar(serving).bind(name).fetch_optional(&pool).await?;
        let Some(serving) = serving.filter(|serving| *serving != generation) else { return Ok(None) };
        let differences = compare::compare(&pool, name, serving, generation, SAMPLES).await?;
        compare::keep(&pool, &differences).await?;
        Ok::<_, CompareError>(Some(differences))
    };
    match tokio::time::timeout(PATIENCE, compared).await {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(found))) => tracing::info!(
            projection = name,
            generation,
            before = found.before.generation,
            rows = found.after.rows,
            rows_gone = found.rows_gone,
            rows_new = found.rows_new,
            rows_changed = found.rows_changed,
            "a generation was compared with the one that readers see"
        ),
        Ok(Err(error)) => {
            tracing::warn!(projection = name, generation, error = chain(&error), "two generations were not compared");
        }
        Err(_) => tracing::warn!(projection = name, generation, "two generations were not compared in time"),
    }
}
