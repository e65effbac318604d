//! Waiting until a read model has folded a position: how a reader sees its own writes.

use kernel::Position;
use sqlx::{PgPool, Row, query};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// The first pause between two looks at the checkpoint; each next one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Why a reader does not get the position it waits for.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The read model has not come so far in time; it goes on.
    #[error("read model {name} has folded up to position {at} in the time given")]
    TimedOut {
        /// The read model.
        name: String,
        /// How far it is.
        at: Position,
    },
    /// The read model stands still until an operator has seen to it.
    #[error("read model {name} has stopped at position {at} ({state})")]
    Stopped {
        /// The read model.
        name: String,
        /// How far it is.
        at: Position,
        /// `failed` or `diverged`.
        state: String,
    },
    /// There is no such read model, or its projector has not begun in time.
    #[error("there is no read model {0}")]
    Unknown(String),
    /// Postgres does not answer.
    #[error("reading the checkpoint of a read model")]
    Database(#[from] sqlx::Error),
}

/// Waits until the serving generation of a read model has folded the event at `position`. Answers where it is then.
///
/// The checkpoint in the database decides. It is asked in growing steps of 2 to 20 ms; in the process that runs the
/// projector, [`Progress::wait_for`] hears of a commit at once.
///
/// # Errors
/// The position is not reached within `at_most`, or never will be.
pub async fn wait_for(pool: &PgPool, name: &str, position: Position, at_most: Duration) -> Result<Position, WaitError> {
    wait(pool, name, position, at_most, None).await
}

async fn wait(
    pool: &PgPool,
    name: &str,
    position: Position,
    at_most: Duration,
    mut hint: Option<watch::Receiver<Position>>,
) -> Result<Position, WaitError> {
    let deadline = Instant::now() + at_most;
    let mut pause = FIRST_PAUSE;
    loop {
        let known = serving(pool, name).await?;
        let name = || name.to_owned();
        if let Some((at, state)) = &known {
            if *at >= position {
                return Ok(*at);
            }
            if matches!(state.as_str(), "failed" | "diverged") {
                return Err(WaitError::Stopped { name: name(), at: *at, state: state.clone() });
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // Its projector may just be starting for the first time: that is worth waiting for.
            let Some((at, _)) = known else { return Err(WaitError::Unknown(name())) };
            return Err(WaitError::TimedOut { name: name(), at });
        }
        match &mut hint {
            // A hint that is too low for ever, because another process folds, costs one look every 20 ms; one that is too
            // high, because readers were switched a moment ago, is as good as none.
            Some(committed) if *committed.borrow() < position => {
                drop(timeout(left.min(LONGEST_PAUSE), committed.wait_for(|at| *at >= position)).await);
            }
            _ => sleep(left.min(pause)).await,
        }
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

async fn serving(pool: &PgPool, name: &str) -> Result<Option<(Position, String)>, WaitError> {
    let row = query(
        "select c.position, p.state from projection.projections p \
         join projection.checkpoints c using (name, generation) where p.name = $1 and p.serving",
    )
    .bind(name)
    .fetch_optional(pool)
    .await?;
    row.map(|row| Ok((Position(row.try_get(0)?), row.try_get(1)?))).transpose()
}

/// How far the projections of this process are. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress {
    committed: Arc<HashMap<&'static str, watch::Sender<Position>>>,
}

impl Progress {
    pub(crate) fn new(names: impl Iterator<Item = &'static str>) -> Self {
        Self { committed: Arc::new(names.map(|name| (name, watch::Sender::new(Position::ZERO))).collect()) }
    }

    /// The last position that a read model's serving generation has committed in this process; 0 while another process
    /// folds it. `None` for a read model that this process does not run.
    ///
    /// A hint: after a crash of Postgres the checkpoint in the database can be a little behind it.
    pub fn committed(&self, name: &str) -> Option<watch::Receiver<Position>> {
        self.committed.get(name).map(watch::Sender::subscribe)
    }

    /// Like [`wait_for`], and woken by the commit itself where this process folds the read model.
    ///
    /// # Errors
    /// The position is not reached within `at_most`, or never will be.
    pub async fn wait_for(
        &self,
        pool: &PgPool,
        name: &str,
        position: Position,
        at_most: Duration,
    ) -> Result<Position, WaitError> {
        wait(pool, name, position, at_most, self.committed(name)).await
    }

    /// A read model's serving generation has committed a position.
    pub(crate) fn tell(&self, name: &str, position: Position) {
        if let Some(committed) = self.committed.get(name) {
            committed.send_replace(position);
        }
    }
}
