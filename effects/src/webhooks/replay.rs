//! Sending a stretch of history once more: puts it into the outbox piece by piece, as fast as it is sent.

use super::dispatch::ordered;
use super::endpoints::{self, Replay};
use super::facts;
use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::chain;
use crate::outbox::How;
use chrono::{TimeDelta, Utc};
use domain::notifications::webhook::{self, WebhookStatus};
use event_store::analysis::{Filter, Finder};
use event_store::{Decisions, Log, ReadError};
use kernel::{Position, Recorded};
use sqlx::PgPool;
use std::time::{Duration, Instant};

/// The name of its outbox.
pub(super) const REPLAY: &str = "webhook_replay";
/// Events that are looked at in one go.
const AT_ONCE: usize = 500;
/// Jobs of one webhook that are open at most while more are put in.
const MOST_OPEN: i64 = 5_000;
/// How long to wait where there are as many.
const WAIT: TimeDelta = TimeDelta::seconds(2);
/// How long one go may take; then others get their turn.
const TURN: Duration = Duration::from_secs(20);

/// Replays.
pub struct WebhookReplay {
    decisions: Decisions,
    log: Log,
    finder: Finder,
    pool: PgPool,
}

impl WebhookReplay {
    /// Reads history from `log`; `pool` works as [`event_store::Role::Engine`].
    pub fn new(decisions: Decisions, log: Log, pool: PgPool) -> Self {
        Self { decisions, finder: Finder::new(log.clone(), log.clone()), log, pool }
    }

    async fn go_on(&self, job: &Job) -> Result<Attempt, String> {
        let away = |error: sqlx::Error| chain(&error);
        let began = Instant::now();
        loop {
            let found = endpoints::replay(&self.pool, job.tenant_id, job.id).await.map_err(away)?;
            let Some(replay) = found else { return Ok(Attempt::Succeeded { receipt: "over".to_owned() }) };
            let known = facts(&self.decisions, job, replay.endpoint).await?;
            let Some(facts) = known.filter(|facts| facts.status == WebhookStatus::Enabled) else {
                return self.end(job, "disabled").await;
            };
            if replay.open >= MOST_OPEN || began.elapsed() > TURN {
                return Ok(Attempt::NotYet { until: Utc::now() + WAIT });
            }
            let reached = match self.reached(&replay).await {
                Ok(reached) => reached,
                Err(ReadError::Archived(_)) => return self.end(job, "archived").await,
                Err(error) => return Err(chain(&error)),
            };
            let filter = Filter { tenant_id: Some(job.tenant_id), ..Filter::default() };
            let found = self.finder.find(&filter, reached, replay.up_to, AT_ONCE, Duration::from_secs(5)).await;
            let found = match found {
                Ok(found) => found,
                Err(ReadError::Archived(_)) => return self.end(job, "archived").await,
                Err(error) => return Err(chain(&error)),
            };
            let types = &facts.event_types;
            let wanted = found.events.iter().filter(|event| types.matches(&event.category, &event.event.event_type));
            let orders: Vec<_> = wanted.map(|event: &Recorded<_>| ordered(event, replay.endpoint, How::Anew)).collect();
            endpoints::queue(&self.pool, job.tenant_id, job.id, &orders, found.reached).await.map_err(away)?;
        }
    }

    /// Up to where it has come; at first, what comes before its beginning.
    async fn reached(&self, replay: &Replay) -> Result<Position, ReadError> {
        match (replay.reached.or(replay.after), replay.from_time) {
            (Some(position), _) => Ok(position.min(replay.up_to)),
            (None, Some(time)) => self.log.position_at(time - TimeDelta::microseconds(1)).await,
            (None, None) => Ok(Position::ZERO),
        }
    }

    async fn end(&self, job: &Job, code: &'static str) -> Result<Attempt, String> {
        let ended = endpoints::end_replay(&self.pool, job.tenant_id, job.id, code).await;
        ended.map_err(|error| chain(&error))?;
        Ok(Attempt::Suppressed { code })
    }
}

impl Effect for WebhookReplay {
    type Event = webhook::Event;
    const KIND: &'static str = REPLAY;

    /// Its jobs are made by [`super::webhooks_dispatch`].
    fn order(_: &Recorded<webhook::Event>) -> Order {
        Order::Nothing
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.go_on(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, _: &Decisions, _: &Job, _: &Settled) -> Result<(), RecordError> {
        // That it was asked for is an event; how far it has come is shown for a month.
        Ok(())
    }
}
