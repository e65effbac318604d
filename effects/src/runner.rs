//! Runs the followers of a process: reactors and outboxes, under one lease.

use crate::control;
use crate::follower::{End, Follower, Run, Shared, chain, wait_for};
use crate::lease::Lease;
use event_store::Tail;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Pause before the followers are taken up again after Postgres was away or another process had taken them.
const PAUSE: Duration = Duration::from_secs(1);
/// The name of the lease.
const LEASE: &str = "effects followers";

/// Why a runner stops before it is told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What was acted on is not what the log tells.
    #[error("{0}. Nothing is acted on any more. Run `sillage log adopt`, then `sillage effects resume`")]
    Diverged(String),
}

/// Follows the log until it is told to stop, and acts on what happens.
///
/// Several processes may run it: one follows, the others wait to take over. That one is killed, paused or cut off at any
/// moment costs nothing but time: what it had asked for and not yet noted is asked for again under the same ids.
pub struct Runner {
    shared: Shared,
    followers: Vec<Arc<dyn Follower>>,
    stopped: watch::Sender<Vec<String>>,
}

impl Runner {
    /// Prepares to run `followers` over `tail`. `pool` works as [`event_store::Role::Engine`].
    pub fn new(tail: Tail, pool: PgPool, followers: Vec<Box<dyn Follower>>) -> Self {
        let shared = Shared { tail, pool, bell: Arc::new(Notify::new()) };
        let followers = followers.into_iter().map(Arc::from).collect();
        Self { shared, followers, stopped: watch::Sender::new(Vec::new()) }
    }

    /// Rung whenever jobs have been made in this process: a doorbell for workers.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.bell)
    }

    /// The followers that stand before an event that they cannot act on.
    pub fn stopped(&self) -> watch::Receiver<Vec<String>> {
        self.stopped.subscribe()
    }

    /// Runs until `shutdown`.
    ///
    /// Postgres being away, an event that one of them cannot act on and another process taking over are no reasons to
    /// return: it goes on as soon and as far as it can.
    ///
    /// # Errors
    /// Going on would be wrong, until the log is adopted: see [`Runner::until_mended`].
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), RunError> {
        loop {
            match self.tenure(&shutdown).await {
                End::Shutdown => return Ok(()),
                End::Diverged(reason) => {
                    tracing::error!(reason, "the followers of the log stop");
                    return Err(RunError::Diverged(reason));
                }
                End::Fenced => tracing::warn!("fenced: another process follows the log; starting again"),
                End::Lost(reason) => tracing::warn!(reason, "lost the log or Postgres; starting again"),
                // One that stopped stays stopped until the next tenure; `tenure` never answers this.
                End::Stopped => {}
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return Ok(());
            }
        }
    }

    /// After [`Runner::run`] ended because the log had diverged: waits until it has been adopted and no follower is known to
    /// have acted on another history any more.
    pub async fn until_mended(&self, shutdown: &CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_some() {
            let sound = tokio::time::timeout(PAUSE, self.shared.tail.is_sound()).await.unwrap_or(false);
            if sound && control::is_mended(&self.shared.pool).await.unwrap_or(false) {
                return;
            }
        }
    }

    /// From getting the lease to losing it.
    async fn tenure(&self, shutdown: &CancellationToken) -> End {
        let named: Vec<(String, _)> = self.followers.iter().map(|one| (one.name(), one.start())).collect();
        let named: Vec<(&str, _)> = named.iter().map(|(name, start)| (name.as_str(), *start)).collect();
        if let Err(error) = control::declare(&self.shared.pool, &named).await {
            return End::Lost(chain(&error));
        }
        let connect = (*self.shared.pool.connect_options()).clone();
        let mut lease = Lease::ask(connect, LEASE);
        let stop = CancellationToken::new();
        let mut runs = JoinSet::new();
        let end = match wait_for(&mut lease, shutdown).await {
            Err(end) => end,
            Ok(()) => self.follow(&mut lease, &mut runs, &stop, shutdown).await,
        };
        stop.cancel();
        while runs.join_next().await.is_some() {}
        lease.release().await;
        end
    }

    async fn follow(
        &self,
        lease: &mut Lease,
        runs: &mut JoinSet<(String, End)>,
        stop: &CancellationToken,
        shutdown: &CancellationToken,
    ) -> End {
        self.stopped.send_replace(Vec::new());
        for follower in &self.followers {
            match Run::begin(self.shared.clone(), Arc::clone(follower)).await {
                Ok(run) => {
                    let (name, stop) = (follower.name(), stop.clone());
                    runs.spawn(async move { (name, run.run(stop).await) });
                }
                Err(end) => return end,
            }
        }
        loop {
            let ended = tokio::select! {
                biased;
                () = shutdown.cancelled() => return End::Shutdown,
                reason = lease.lost() => return End::Lost(reason),
                Some(ended) = runs.join_next() => ended,
            };
            match ended {
                Ok((name, End::Stopped)) => {
                    self.stopped.send_modify(|stopped| stopped.push(name));
                }
                Ok((_, end)) => return end,
                Err(error) => return End::Lost(format!("a follower's task panicked: {error}")),
            }
            if runs.is_empty() {
                // All of them stand still: keep the lease, so that nobody else runs into the same.
                return tokio::select! {
                    () = shutdown.cancelled() => End::Shutdown,
                    reason = lease.lost() => End::Lost(reason),
                };
            }
        }
    }
}
