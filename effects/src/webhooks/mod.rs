//! Webhooks: other systems are told of events, over HTTP, as the Standard Webhooks specification says.
//!
//! [`webhooks_dispatch`] makes a job for every event and webhook that fit; [`WebhookEffect`] does it; [`WebhookReplay`] puts a
//! stretch of the log into the outbox once more. What is sent is the event itself, read from the log when it is sent.

mod client;
mod dispatch;
pub(crate) mod endpoints;
mod replay;
#[cfg(test)]
mod ssrf;

pub use client::Client;
pub use dispatch::webhooks_dispatch;
pub use replay::WebhookReplay;

use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::chain;
use crate::worker::Options;
use aws_lc_rs::rand;
use chrono::Utc;
use client::{Call, Came};
use domain::catalogue::categories;
use domain::notifications::webhook::{
    self, Facts, MOST_FAILING, StopWebhook, Webhook, WebhookId, WebhookStatus, WebhookStop,
};
use endpoints::Tried;
use event_store::cloud_event::{CloudEvent, source_of};
use event_store::masking::Unsealed;
use event_store::{Decisions, Log, ReadError};
use kernel::{CommandId, Event as _, EventData, Recorded, ids};
use platform::auth::SigningSecrets;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The name of the outbox.
const KIND: &str = "webhook";
/// Calls of one webhook at the same time, in all processes; one while it fails.
const SHARE: i64 = 4;
/// Calls at the same time in one process.
const AT_ONCE: usize = 64;
/// For how long what was sent is shown.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// The pauses after each try that fails, each made longer by up to a fifth: 14 tries in three days at most.
pub const PAUSES: [Duration; 13] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
    Duration::from_hours(8),
    Duration::from_hours(8),
    Duration::from_hours(12),
    Duration::from_hours(12),
    Duration::from_hours(12),
];

/// Tells webhooks of events.
pub struct WebhookEffect {
    client: Client,
    secrets: SigningSecrets,
    decisions: Decisions,
    log: Log,
    pool: PgPool,
    pauses: Arc<[Duration]>,
    /// Whose events they are. A log keeps its id for life.
    source: OnceCell<String>,
}

impl WebhookEffect {
    /// Calls through `client`, signs with `secrets`, reads events from `log`. `pool` works as
    /// [`event_store::Role::Engine`].
    pub fn new(client: Client, secrets: SigningSecrets, decisions: Decisions, log: Log, pool: PgPool) -> Self {
        Self { client, secrets, decisions, log, pool, pauses: Arc::new(PAUSES), source: OnceCell::new() }
    }

    /// With other pauses between tries.
    #[must_use]
    pub fn pausing(self, pauses: impl Into<Arc<[Duration]>>) -> Self {
        Self { pauses: pauses.into(), ..self }
    }

    /// How its worker works.
    pub fn options(&self) -> Options {
        Options {
            at_once: AT_ONCE,
            lease: Duration::from_mins(1),
            budget: Duration::from_secs(40),
            // The pauses are its own.
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_millis(1),
            most_attempts: i32::try_from(self.pauses.len() + 1).unwrap_or(i32::MAX),
            kept: KEPT,
            ..Options::default()
        }
    }

    async fn attempt(&self, job: &Job) -> Result<Attempt, String> {
        let webhook_id = WebhookId(job.endpoint.unwrap_or_default());
        let Some(facts) = facts(&self.decisions, job, webhook_id).await? else { return Ok(suppressed("removed")) };
        let event = match self.log.event_at(job.position).await {
            Ok(event) => event.filter(|event| event.event_id == job.event_id && event.tenant_id == job.tenant_id),
            Err(ReadError::Archived(_)) => return Ok(never("archived", "the event is in an archive")),
            Err(error) => return Err(chain(&error)),
        };
        let Some(event) = event else { return Ok(never("log_diverged", "the log has no such event any more")) };
        if facts.status == WebhookStatus::Disabled && !is_test(webhook_id, &event) {
            return Ok(suppressed("disabled"));
        }
        let body = self.body(event).await?;
        let (id, timestamp) = (job.id.to_string(), Utc::now().timestamp());
        let signed = facts
            .secrets(Utc::now())
            .map(|secret_id| self.secrets.of(job.tenant_id, webhook_id.0, secret_id.0).sign(&id, timestamp, &body));
        let signature = signed.collect::<Vec<_>>().join(" ");
        let began = Instant::now();
        let call = Call { url: facts.url.as_str(), id: &id, timestamp, signature: &signature, body };
        let came = self.client.call(call).await;
        let took_ms = i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX);
        self.heard(job, webhook_id, came, took_ms).await
    }

    /// The event as it leaves: nothing sealed is opened.
    async fn body(&self, event: Recorded<EventData>) -> Result<Vec<u8>, String> {
        let asking = async || self.log.head().await.map(|head| source_of(head.log_id));
        let source = self.source.get_or_try_init(asking).await.map_err(|error| chain(&error))?;
        let event = Unsealed::default().shown(event, categories());
        let cloud = CloudEvent::of(source, &event).map_err(|error| chain(&error))?;
        serde_json::to_vec(&cloud).map_err(|error| chain(&error))
    }

    /// Notes what came of a call, and says how to go on.
    async fn heard(&self, job: &Job, webhook_id: WebhookId, came: Came, took_ms: i32) -> Result<Attempt, String> {
        let (status, error) = match &came {
            Came::Answer { status, .. } => {
                (i16::try_from(status.as_u16()).ok(), (!status.is_success()).then_some("status"))
            }
            Came::Forbidden(_) => (None, Some("forbidden")),
            Came::Nothing(code) => (None, Some(*code)),
        };
        let away = |error: sqlx::Error| chain(&error);
        endpoints::tried(&self.pool, job, Tried { took_ms, status, error }).await.map_err(away)?;
        if error.is_none() {
            endpoints::is_well(&self.pool, job.tenant_id, webhook_id.0).await.map_err(away)?;
            return Ok(Attempt::Succeeded { receipt: status.unwrap_or_default().to_string() });
        }
        let since = endpoints::is_failing(&self.pool, job.tenant_id, webhook_id.0).await.map_err(away)?;
        let (reason, asked) = match came {
            Came::Answer { status, .. } if status == reqwest::StatusCode::GONE => {
                self.stop(job, webhook_id, WebhookStop::Gone).await?;
                return Ok(never("gone", "the address answers that it is gone"));
            }
            Came::Answer { status, after } => (format!("answered {}", status.as_u16()), after),
            // The address is not told: it may be somebody else's affair which ones there are.
            Came::Forbidden(forbidden) => (format!("must not be called: {forbidden}"), None),
            Came::Nothing(code) => (code.to_owned(), None),
        };
        if since.is_some_and(|since| Utc::now() - since >= MOST_FAILING) {
            self.stop(job, webhook_id, WebhookStop::Failing).await?;
        }
        let pause = self.pause(job.attempts).max(asked.unwrap_or_default());
        Ok(Attempt::Later { reason, after: Some(pause) })
    }

    /// Disables it. A repeat changes nothing.
    async fn stop(&self, job: &Job, webhook_id: WebhookId, cause: WebhookStop) -> Result<(), String> {
        let command_id = CommandId(ids::derived(job.id, &format!("stop {} {}", job.round, job.attempts)));
        let internal = event_store::InternalCommand { target: webhook_id.0, ..job.command(command_id) };
        match self.decisions.carry_out_internal(&StopWebhook { cause }, &internal).await {
            Ok(_) => {
                tracing::warn!(webhook = %webhook_id, tenant = %job.tenant_id, %cause, "a webhook is disabled");
                Ok(())
            }
            Err(refused) => Err(format!("disabling it: {refused:?}")),
        }
    }

    /// The pause after so many tries.
    fn pause(&self, attempts: i32) -> Duration {
        let nth = usize::try_from(attempts.saturating_sub(1)).unwrap_or_default();
        let pause = self.pauses.get(nth).or(self.pauses.last()).copied().unwrap_or_default();
        let mut lot = [0_u8; 1];
        // Without randomness all come back at once, which is a pity and no more.
        let _ = rand::fill(&mut lot);
        pause + pause * u32::from(lot[0]) / (5 * 256)
    }
}

/// What is known of a webhook, unless it is gone; as the log has it now.
async fn facts(decisions: &Decisions, job: &Job, webhook_id: WebhookId) -> Result<Option<Facts>, String> {
    let webhook = decisions.states().current::<Webhook>(job.tenant_id, webhook_id.0).await;
    let facts = webhook.map_err(|error| chain(&error))?.facts().cloned();
    Ok(facts.filter(|facts| !facts.is_removed))
}

/// Whether an event asks for itself to be sent to this webhook, to try it out.
fn is_test(webhook_id: WebhookId, event: &Recorded<EventData>) -> bool {
    event.category == webhook::Event::CATEGORY
        && event.event.event_type == "test_requested"
        && event.stream_id == webhook_id.0
}

const fn suppressed(code: &'static str) -> Attempt {
    Attempt::Suppressed { code }
}

fn never(code: &'static str, reason: &str) -> Attempt {
    Attempt::Never { code, reason: reason.to_owned() }
}

/// Forgets once an hour what was sent long ago.
pub async fn forget_old_deliveries(pool: PgPool, stop: tokio_util::sync::CancellationToken) {
    const PAUSE: Duration = Duration::from_hours(1);
    while stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_some() {
        if let Err(error) = endpoints::prune(&pool, KEPT).await {
            tracing::warn!(%error, "old deliveries could not be forgotten");
        }
    }
}

impl Effect for WebhookEffect {
    type Event = webhook::Event;
    const KIND: &'static str = KIND;
    const SHARE: Option<i64> = Some(SHARE);

    /// Its jobs are made by [`webhooks_dispatch`].
    fn order(_: &Recorded<webhook::Event>) -> Order {
        Order::Nothing
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.attempt(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, _: &Decisions, _: &Job, _: &Settled) -> Result<(), RecordError> {
        // What was sent is no fact of the business; the outbox shows it for a month.
        Ok(())
    }
}
