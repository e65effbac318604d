//! Looks after a running process: is Postgres there, are the pools sound, how are the projections.
//!
//! Every two seconds, on a connection of its own, so that a busy pool never looks like a dead database.

use event_store::Log;
use platform::admin::{Check, Needed, Readiness};
use projector::{ProjectionStatus, State};
use sqlx::{Connection as _, PgPool};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Between two looks while all is well.
const PERIOD: Duration = Duration::from_secs(2);
/// Between two looks while Postgres is away.
const AWAY_PERIOD: Duration = Duration::from_millis(500);
/// A slower answer is no answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// So long after the start it is worth a warning that projections are not there yet.
const YOUTH: Duration = Duration::from_secs(5);
/// From when on being behind is worth telling.
const LAG_MS: i64 = 5_000;

pub(crate) struct Watcher {
    log: Log,
    pools: Vec<(&'static str, PgPool)>,
    postgres: Check,
    projections: Option<ProjectionChecks>,
    is_well: watch::Sender<bool>,
}

struct ProjectionChecks {
    /// Readers would be told wrong things, or nothing.
    required: Check,
    /// Readers are told old things.
    current: Check,
    /// Whether the required one was well when it was last told.
    ready: AtomicBool,
    began: Instant,
}

impl Watcher {
    pub(crate) fn new(
        probe: PgPool,
        pools: Vec<(&'static str, PgPool)>,
        readiness: &Readiness,
        projections: bool,
        is_well: watch::Sender<bool>,
    ) -> Self {
        let projections = projections.then(|| ProjectionChecks {
            required: readiness.check("projections", Needed::Required),
            current: readiness.check("projections_current", Needed::Optional),
            ready: AtomicBool::new(false),
            began: Instant::now(),
        });
        Self {
            log: Log::new(probe),
            pools,
            postgres: readiness.check("postgres", Needed::Required),
            projections,
            is_well,
        }
    }

    pub(crate) async fn run(self) {
        loop {
            let well = self.look().await;
            self.is_well.send_if_modified(|known| std::mem::replace(known, well) != well);
            self.measure_pools();
            // Only young projections are looked at more often: a start waits for them.
            let young = self.projections.is_some() && !self.projections_are_ready();
            tokio::time::sleep(if well && !young { PERIOD } else { AWAY_PERIOD }).await;
        }
    }

    async fn look(&self) -> bool {
        let was_well = *self.is_well.borrow();
        let answer = tokio::time::timeout(PATIENCE, self.ask()).await;
        let failing = match answer {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(crate::Failure::failed("Postgres does not answer").because(error).to_string()),
            Err(_) => Some(format!("Postgres does not answer within {} s", PATIENCE.as_secs())),
        };
        if failing.is_some() || !was_well {
            for (_, pool) in &self.pools {
                drop_broken(pool).await;
            }
        }
        match &failing {
            None if !was_well => {
                tracing::info!("Postgres answers again");
                self.postgres.ok();
            }
            None => self.postgres.ok(),
            Some(reason) => self.postgres.failing(reason.clone()),
        }
        failing.is_none()
    }

    async fn ask(&self) -> Result<(), event_store::ReadError> {
        let head = self.log.head().await?;
        #[expect(clippy::cast_precision_loss, reason = "a log beyond 2^52 events has other problems")]
        metrics::gauge!("log_head_position").set(head.position.0 as f64);
        if let Some(checks) = &self.projections {
            checks.tell(&projector::status(self.log.pool()).await?);
        }
        Ok(())
    }

    fn projections_are_ready(&self) -> bool {
        self.projections.as_ref().is_none_or(|checks| checks.ready.load(Ordering::Relaxed))
    }

    #[expect(clippy::cast_precision_loss, reason = "pools have hundreds of connections")]
    fn measure_pools(&self) {
        for (name, pool) in &self.pools {
            let (open, idle) = (f64::from(pool.size()), pool.num_idle() as f64);
            metrics::gauge!("postgres_connections", "pool" => *name, "state" => "open").set(open);
            metrics::gauge!("postgres_connections", "pool" => *name, "state" => "idle").set(idle);
        }
    }
}

impl ProjectionChecks {
    fn tell(&self, status: &[ProjectionStatus]) {
        let serving = || status.iter().filter(|one| one.serving);
        let declared = serving().count();
        let diverged: Vec<&str> =
            serving().filter(|one| one.state == State::Diverged).map(|one| one.name.as_str()).collect();
        metrics::gauge!("projections_diverged").set(f64::from(u32::try_from(diverged.len()).unwrap_or(u32::MAX)));
        let diverged = (!diverged.is_empty())
            .then(|| format!("LOG_DIVERGED: {} (see docs/runbooks/divergence.md)", diverged.join(", ")));
        let unready = diverged.or_else(|| {
            serving().find_map(|one| match one.state {
                State::Building => Some(format!("{} is being built, {} events to go", one.name, one.gap)),
                State::Diverged | State::Live | State::Failed | State::Cancelled | State::Retired => None,
            })
        });
        let unready = if declared == 0 { Some("no projector has run yet".to_owned()) } else { unready };
        let was_ready = self.ready.swap(unready.is_none(), Ordering::Relaxed);
        match unready {
            None => self.required.ok(),
            // A check that nobody has told anything fails silently.
            Some(_) if !was_ready && self.began.elapsed() < YOUTH => {}
            Some(reason) => self.required.failing(reason),
        }
        let late = serving().find_map(|one| match (one.state, one.error_position) {
            (State::Failed, at) => Some(format!(
                "{} stopped before the event at position {}: {}",
                one.name,
                at.unwrap_or_default(),
                one.error.as_deref().unwrap_or("unknown")
            )),
            _ if one.parked_streams > 0 => Some(format!(
                "{} has parked {} of its streams (see `sillage projections parked list`); the first waits at position \
                 {}: {}",
                one.name,
                one.parked_streams,
                one.parked_position.unwrap_or_default(),
                one.parked_error.as_deref().unwrap_or("unknown")
            )),
            _ if one.lag_ms > LAG_MS => Some(format!("{} is behind for more than {} s", one.name, LAG_MS / 1000)),
            _ => None,
        });
        match late {
            None => self.current.ok(),
            Some(reason) => self.current.failing(reason),
        }
    }
}

/// Closes idle connections that no longer work: after a restart of Postgres, requests must not meet them.
async fn drop_broken(pool: &PgPool) {
    let mut held = Vec::new();
    for _ in 0..pool.num_idle() {
        let Some(connection) = pool.try_acquire() else { break };
        held.push(connection);
    }
    for connection in &mut held {
        let answer = tokio::time::timeout(Duration::from_millis(250), connection.ping()).await;
        if !matches!(answer, Ok(Ok(()))) {
            connection.close_on_drop();
        }
    }
}
