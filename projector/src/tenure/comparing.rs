//! The comparison of a generation with what readers see, done before they are switched to it.

use crate::compare::{self, CompareError, Differences};
use crate::control::Generation;
use crate::poison::chain;
use sqlx::{PgPool, query_scalar};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Rows that differ and are kept to be shown.
const SAMPLES: usize = 20;
/// A switch does not wait longer for the comparison.
const PATIENCE: Duration = Duration::from_mins(10);

/// Not begun, under way, or done; given up when nobody has it any more.
#[derive(Clone)]
pub(crate) struct Comparing(Arc<Comparison>);

struct Comparison {
    state: Mutex<State>,
    /// Rung at its end.
    done: Arc<Notify>,
}

#[derive(Default)]
struct State {
    running: Option<JoinHandle<()>>,
    is_over: bool,
    /// How often it was forgotten: what was begun before says nothing any more.
    forgotten: u32,
}

impl Comparing {
    /// Not begun. `done` rings at its end.
    pub(super) fn new(done: &Arc<Notify>) -> Self {
        Self(Arc::new(Comparison { state: Mutex::default(), done: Arc::clone(done) }))
    }

    /// Begins it where that has not been done, beside whatever else is done to the generation's table, as long as both
    /// generations are at the same position; otherwise it is left to be begun later.
    pub(crate) fn begin_early(&self, pool: &PgPool, generation: &Generation) {
        self.begin(&mut self.0.state(), pool, generation, true);
    }

    /// Whether readers may be switched as far as the comparison is concerned; begins it where it is not.
    pub(super) fn is_done(&self, pool: &PgPool, generation: &Generation) -> bool {
        let mut state = self.0.state();
        self.begin(&mut state, pool, generation, false);
        // It is over a moment before its task has ended, and by a panic too.
        state.is_over || state.running.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// What was compared is folded once more.
    pub(crate) fn forget(&self) {
        let mut state = self.0.state();
        if let Some(running) = state.running.take() {
            running.abort();
        }
        *state = State { forgotten: state.forgotten + 1, ..State::default() };
    }

    fn begin(&self, state: &mut State, pool: &PgPool, generation: &Generation, early: bool) {
        let forgotten = state.forgotten;
        state.running.get_or_insert_with(|| {
            let comparing = run(pool.clone(), generation.name, generation.number, early);
            // Not the whole of it: whoever drops the last one gives the comparison up.
            let comparison = Arc::downgrade(&self.0);
            tokio::spawn(async move {
                let is_over = comparing.await;
                if let Some(comparison) = comparison.upgrade() {
                    comparison.end(is_over, forgotten);
                }
            })
        });
    }
}

impl Comparison {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, is_over: bool, forgotten: u32) {
        let mut state = self.state();
        if state.forgotten == forgotten {
            state.is_over = is_over;
            if !is_over {
                state.running = None;
            }
        }
        self.done.notify_one();
    }
}

impl Drop for Comparison {
    fn drop(&mut self) {
        if let Some(running) = &self.state.get_mut().unwrap_or_else(PoisonError::into_inner).running {
            running.abort();
        }
    }
}

/// Compares a generation with the one that readers see, if there is one, and keeps the result. A comparison that fails is
/// no reason not to switch: nobody waits for its result. `false`: it was too early.
async fn run(pool: PgPool, name: &'static str, generation: i32, early: bool) -> bool {
    let compared = async {
        let serving = "select generation from projection.projections where name = $1 and serving";
        let serving: Option<i32> = query_scalar(serving).bind(name).fetch_optional(&pool).await?;
        let Some(serving) = serving.filter(|serving| *serving != generation) else { return Ok(Compared::WithNone) };
        let differences = if early {
            match compare::compare_level(&pool, name, serving, generation, SAMPLES).await? {
                Some(differences) => differences,
                None => return Ok(Compared::TooEarly),
            }
        } else {
            compare::compare(&pool, name, serving, generation, SAMPLES).await?
        };
        compare::keep(&pool, &differences).await?;
        Ok::<_, CompareError>(Compared::To(Box::new(differences)))
    };
    match tokio::time::timeout(PATIENCE, compared).await {
        Ok(Ok(Compared::WithNone)) => {}
        Ok(Ok(Compared::TooEarly)) => return false,
        Ok(Ok(Compared::To(found))) => tracing::info!(
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
    true
}

/// What a comparison came to.
enum Compared {
    /// Readers see no other generation.
    WithNone,
    /// The two are not at the same position.
    TooEarly,
    To(Box<Differences>),
}
