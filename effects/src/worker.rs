//! Does jobs: takes those that are due, one process each, tries, and records what became of them.
//!
//! An effect is done at most once, except where the worker ends (or is paused for longer than its lease) between the other
//! side's yes and its own note of it, or where that yes is lost on the way. Then it is done again, under the same id.

use crate::backoff::Backoff;
use crate::effect::{Attempt, EXHAUSTED, Effect, RecordError, Settled};
use crate::metrics;
use crate::outbox::{self, Claimed};
use event_store::Decisions;
use futures_util::FutureExt;
use sqlx::PgPool;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often the backlog is measured.
const MEASURE: Duration = Duration::from_secs(5);
/// How often jobs that were done long ago are forgotten.
const PRUNE: Duration = Duration::from_hours(1);
/// Between two looks at a deadline that is put off, at least: clocks differ.
const SHORTEST_PUT_OFF: Duration = Duration::from_millis(100);
/// Pause after Postgres was away.
const AWAY: Duration = Duration::from_secs(1);
/// Longest text that is kept of an error.
const MAX_SAID: usize = 500;

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Jobs at the same time.
    pub at_once: usize,
    /// For how long a job is taken. Longer than `budget`: when it ends, others take the job.
    pub lease: Duration,
    /// How long one try may take.
    pub budget: Duration,
    /// How often to look for jobs of which nobody told; timers are such jobs.
    pub poll: Duration,
    /// The pause after the first try; each next one is twice as long.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// Tries after which a job is given up.
    pub most_attempts: i32,
    /// For how long jobs that are done are kept.
    pub kept: Duration,
    /// How long jobs in hand may take when the worker is told to stop.
    pub grace: Duration,
}

impl Default for Options {
    /// About a day and a half of trying.
    fn default() -> Self {
        Self {
            at_once: 8,
            lease: Duration::from_mins(2),
            budget: Duration::from_secs(90),
            poll: Duration::from_secs(1),
            first_pause: Duration::from_secs(5),
            longest_pause: Duration::from_hours(3),
            most_attempts: 20,
            kept: Duration::from_hours(30 * 24),
            grace: Duration::from_secs(4),
        }
    }
}

/// Does the jobs of one sort of effect. Any number of them may run, in any number of processes.
pub struct Worker<E> {
    shared: Arc<Shared<E>>,
    bell: Arc<Notify>,
}

struct Shared<E> {
    effect: E,
    decisions: Decisions,
    pool: PgPool,
    options: Options,
    id: Uuid,
}

impl<E: Effect> Worker<E> {
    /// Prepares to do `effect`. `pool` works as [`event_store::Role::Engine`]; `bell` tells of new jobs.
    pub fn new(effect: E, decisions: Decisions, pool: PgPool, bell: Arc<Notify>, options: Options) -> Self {
        let id = Uuid::now_v7();
        Self { shared: Arc::new(Shared { effect, decisions, pool, options, id }), bell }
    }

    /// Works until `shutdown`, then finishes what is in hand, for as long as it may.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { shared, bell } = self;
        let mut in_hand: JoinSet<()> = JoinSet::new();
        let (mut measured, mut pruned) = (None::<Instant>, Instant::now());
        while !shutdown.is_cancelled() {
            // From here on the bell is heard, also if it rings while we look.
            let rung = bell.notified();
            if measured.is_none_or(|at| at.elapsed() >= MEASURE) {
                measured = Some(Instant::now());
                shared.measure().await;
            }
            if pruned.elapsed() >= PRUNE {
                pruned = Instant::now();
                shared.prune().await;
            }
            let free = shared.options.at_once.saturating_sub(in_hand.len());
            let taken = if free == 0 { 0 } else { shared.take(free, &mut in_hand).await };
            // Less than asked for: there is no more for now.
            let pause = async {
                if taken < free || free == 0 {
                    tokio::time::timeout(shared.options.poll, rung).await.ok();
                }
            };
            tokio::select! {
                () = pause => {}
                Some(ended) = in_hand.join_next() => tell(ended),
                () = shutdown.cancelled() => {}
            }
            while let Some(ended) = in_hand.try_join_next() {
                tell(ended);
            }
        }
        let finished = async { while in_hand.join_next().await.is_some() {} };
        if tokio::time::timeout(shared.options.grace, finished).await.is_err() {
            tracing::warn!(kind = E::KIND, "jobs in hand did not end in time; others take them when their lease ends");
        }
    }
}

fn tell(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(error = %error, "a job's task panicked; it is taken again when its lease ends");
    }
}

impl<E: Effect> Shared<E> {
    async fn measure(&self) {
        match outbox::backlog(&self.pool, E::KIND).await {
            Ok(backlog) => metrics::backlog(E::KIND, backlog),
            Err(error) => tracing::debug!(kind = E::KIND, error = %error, "the backlog could not be measured"),
        }
    }

    async fn prune(&self) {
        match outbox::prune(&self.pool, E::KIND, self.options.kept).await {
            Ok(0) => {}
            Ok(pruned) => tracing::info!(kind = E::KIND, pruned, "forgot jobs that were done long ago"),
            Err(error) => tracing::warn!(kind = E::KIND, error = %error, "old jobs could not be forgotten"),
        }
    }

    /// Takes jobs that are due, and begins them; how many.
    async fn take(self: &Arc<Self>, most: usize, in_hand: &mut JoinSet<()>) -> usize {
        match outbox::claim(&self.pool, E::KIND, self.id, most, self.options.lease, E::SHARE).await {
            Ok(claimed) => {
                let taken = claimed.len();
                for held in claimed {
                    let shared = Arc::clone(self);
                    in_hand.spawn(async move { shared.work(held).await });
                }
                taken
            }
            Err(error) => {
                tracing::warn!(kind = E::KIND, error = %error, "jobs cannot be taken; trying again");
                tokio::time::sleep(AWAY).await;
                0
            }
        }
    }

    async fn work(&self, held: Claimed) {
        let settled = match &held.settled {
            Some(settled) => settled.clone(),
            None => match self.attempt(&held).await {
                Some(settled) => settled,
                None => return,
            },
        };
        match self.effect.record(&self.decisions, &held.job, &settled).await {
            Ok(()) => {}
            Err(RecordError::Away(reason)) => {
                self.give_back(&held, self.pause(1), &reason, true).await;
                return;
            }
            Err(RecordError::Refused(reason)) => {
                tracing::error!(kind = E::KIND, effect = %held.job.id, reason, "what became of an effect was refused");
            }
        }
        if let Err(error) = outbox::finish(&self.pool, &held, &settled).await {
            // Recorded and not marked so: it is recorded again when the lease ends, which changes nothing.
            tracing::warn!(kind = E::KIND, effect = %held.job.id, error = %error, "a job could not be marked as done");
        }
    }

    /// Tries it once; what became of it, if that is known now.
    async fn attempt(&self, held: &Claimed) -> Option<Settled> {
        let began = Instant::now();
        let trying = AssertUnwindSafe(self.effect.perform(&held.job)).catch_unwind();
        let attempt = match tokio::time::timeout(self.options.budget, trying).await {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(_)) => Attempt::Later { reason: "the program panicked".to_owned(), after: None },
            Err(_) => {
                Attempt::Later { reason: format!("no answer within {} s", self.options.budget.as_secs()), after: None }
            }
        };
        let (settled, said) = match attempt {
            Attempt::Succeeded { receipt } => (Settled::Succeeded { receipt }, None),
            Attempt::Never { code, reason } => (Settled::Failed { code: code.to_owned() }, Some(reason)),
            Attempt::Suppressed { code } => (Settled::Suppressed { code: code.to_owned() }, None),
            Attempt::Later { reason, .. } if held.job.attempts >= self.options.most_attempts => {
                (Settled::Failed { code: EXHAUSTED.to_owned() }, Some(reason))
            }
            Attempt::Later { reason, after } => {
                metrics::tried(E::KIND, "later");
                let pause = self.pause(held.job.attempts).max(after.unwrap_or_default());
                tracing::warn!(
                    kind = E::KIND,
                    effect = %held.job.id,
                    attempts = held.job.attempts,
                    pause_s = pause.as_secs(),
                    reason,
                    "an effect has to wait"
                );
                self.give_back(held, pause, &reason, true).await;
                return None;
            }
            Attempt::NotYet { until } => {
                let pause = (until - chrono::Utc::now()).to_std().unwrap_or_default().max(SHORTEST_PUT_OFF);
                self.give_back(held, pause, "put off", false).await;
                return None;
            }
            Attempt::Away { reason } => {
                metrics::tried(E::KIND, "away");
                self.give_back(held, self.pause(1), &reason, false).await;
                return None;
            }
        };
        metrics::tried(E::KIND, settled.outcome());
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            kind = E::KIND,
            effect = %held.job.id,
            tenant = %held.job.tenant_id,
            correlation_id = %held.job.correlation_id,
            outcome = settled.outcome(),
            attempts = held.job.attempts,
            elapsed_ms,
            reason = said,
            "an effect is settled"
        );
        self.settle(held, &settled, said.as_deref()).await.then_some(settled)
    }

    /// Notes what became of it. The other side has said yes: nothing is more urgent, so this is tried for as long as the
    /// lease goes. Whether it was noted.
    async fn settle(&self, held: &Claimed, settled: &Settled, said: Option<&str>) -> bool {
        let said = said.map(shortened);
        let until = Instant::now() + self.options.lease.saturating_sub(self.options.budget).max(AWAY);
        loop {
            match outbox::settle(&self.pool, held, settled, said.as_deref()).await {
                Ok(true) => return true,
                Ok(false) => {
                    metrics::overtaken(E::KIND);
                    tracing::error!(
                        kind = E::KIND,
                        effect = %held.job.id,
                        outcome = settled.outcome(),
                        "the lease ended while the effect was done: it may be done twice"
                    );
                    return false;
                }
                Err(error) if Instant::now() < until => {
                    tracing::warn!(kind = E::KIND, effect = %held.job.id, error = %error, "what became of an effect cannot be noted; trying again");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => {
                    tracing::error!(
                        kind = E::KIND,
                        effect = %held.job.id,
                        outcome = settled.outcome(),
                        error = %error,
                        "what became of an effect could not be noted: it may be done twice"
                    );
                    return false;
                }
            }
        }
    }

    async fn give_back(&self, held: &Claimed, pause: Duration, said: &str, counts: bool) {
        if let Err(error) = outbox::give_back(&self.pool, held, pause, &shortened(said), counts).await {
            // The end of its lease gives it back.
            tracing::warn!(kind = E::KIND, effect = %held.job.id, error = %error, "a job could not be given back");
        }
    }

    fn pause(&self, attempts: i32) -> Duration {
        Backoff { first: self.options.first_pause, longest: self.options.longest_pause }.after(attempts)
    }
}

fn shortened(said: &str) -> String {
    said.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect()
}
