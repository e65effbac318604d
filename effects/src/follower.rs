//! Following the log with a checkpoint of one's own: what reactors and outboxes have in common.

use crate::control::{self, Checkpoint, ControlError, Place};
use crate::lease::Lease;
use crate::metrics;
use crate::outbox::{self, Ordered};
use crate::reactions::{self, Refusal};
use crate::webhooks::endpoints::{self, Note};
use event_store::{Refused, Tail, TailError};
use futures_util::future::BoxFuture;
use kernel::reactor::Start;
use kernel::{DecodeError, EventData, EventSet, Position, Recorded, Rejection};
use sqlx::{Connection, PgPool};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Events that are acted on together, at most.
const BATCH: usize = 500;
/// A checkpoint that nothing depends on is written this often at most.
const LAZY: Duration = Duration::from_secs(1);
/// How often a follower's place is compared with the log.
const TICK: Duration = Duration::from_secs(2);

pub(crate) type Event = Arc<Recorded<EventData>>;

/// Somebody who reads the log to act on it. Made by [`crate::reactor`] and [`crate::outbox`].
pub trait Follower: Send + Sync {
    /// The name of its checkpoint.
    fn name(&self) -> String;
    /// Where it begins when it has never run.
    fn start(&self) -> Start;
    /// The events it listens to.
    fn categories(&self) -> Vec<&'static str>;
    /// Acts on events of its categories, in order. May be asked again about the same ones.
    ///
    /// # Errors
    /// Nothing is known about how far it came: the same events are to be given to it again.
    fn act(&self, events: Vec<Event>) -> BoxFuture<'_, Result<Led, Halt>>;
}

/// Why acting must be tried again from the checkpoint.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Halt(pub String);

/// What events led to.
#[derive(Debug, Default)]
pub struct Led {
    /// Jobs, to be put in with the checkpoint.
    pub(crate) orders: Vec<Ordered>,
    /// Commands that were refused, to be recorded with the checkpoint.
    pub(crate) refusals: Vec<Refusal>,
    /// What is to be known of endpoints from here on, to be written with the checkpoint.
    pub(crate) notes: Vec<Note>,
    /// The event that cannot be passed, and why. What comes before it has been acted on.
    pub(crate) stop: Option<(Position, String)>,
}

/// The events that could be read.
pub(crate) struct Decoded<S> {
    pub(crate) events: Vec<Recorded<S>>,
    pub(crate) stop: Option<(Position, String)>,
}

/// Reads events up to the first that cannot be read.
pub(crate) fn decode<S: EventSet>(events: &[Event]) -> Decoded<S> {
    let mut decoded = Decoded { events: Vec::with_capacity(events.len()), stop: None };
    for event in events {
        let position = event.position;
        match Recorded::clone(event).decode::<S>() {
            Ok(event) => decoded.events.push(event),
            Err(error) => {
                decoded.stop = Some((position, chain::<DecodeError>(&error)));
                break;
            }
        }
    }
    decoded
}

/// An error with its causes on one line.
pub(crate) fn chain<E: std::error::Error>(error: &E) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Why a follower's run ended.
pub(crate) enum End {
    /// It was told to.
    Shutdown,
    /// It stands before an event that it cannot pass, which is recorded.
    Stopped,
    /// Another process has taken over.
    Fenced,
    /// Postgres is away.
    Lost(String),
    /// What it has acted on is not what the log tells.
    Diverged(String),
}

impl From<ControlError> for End {
    fn from(error: ControlError) -> Self {
        Self::Lost(chain(&error))
    }
}

/// Why a command that must not be refused was not carried out, on one line: later is worth a try.
pub(crate) fn refusal<R: Rejection>(refused: Refused<R>) -> String {
    match refused {
        Refused::Rejected(rejection) => rejection.code().to_owned(),
        Refused::Version(version) => format!("the version is {version}"),
        Refused::Load(error) => chain(&error),
        Refused::Append(error) => chain(&error),
        Refused::Read(error) => chain(&error),
        Refused::Vault(error) => chain(&error),
    }
}

/// What the followers of a process share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) tail: Tail,
    /// Works as the engine.
    pub(crate) pool: PgPool,
    /// Rung when there are new jobs.
    pub(crate) bell: Arc<Notify>,
}

/// A follower at work.
pub(crate) struct Run {
    shared: Shared,
    follower: Arc<dyn Follower>,
    name: String,
    categories: Vec<&'static str>,
    checkpoint: Checkpoint,
    /// How far it has come; the checkpoint may be behind, by events that it does not listen to.
    at: Place,
    written: Instant,
}

impl Run {
    /// Takes the follower over. The caller holds the lease.
    pub(crate) async fn begin(shared: Shared, follower: Arc<dyn Follower>) -> Result<Self, End> {
        let name = follower.name();
        let checkpoint = control::take_over(&shared.pool, &name).await?;
        let categories = follower.categories();
        let run = Self { shared, follower, categories, checkpoint, at: checkpoint.at, written: Instant::now(), name };
        run.verify(run.checkpoint.at).await?;
        tracing::info!(
            follower = run.name,
            position = run.at.position.0,
            owner_epoch = run.checkpoint.owner_epoch,
            "following the log"
        );
        metrics::stopped(&run.name, false);
        Ok(run)
    }

    /// Acts on what comes until something ends it.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> End {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let tail = self.shared.tail.clone();
        loop {
            let idle = self.at != self.checkpoint.at;
            let outcome = tokio::select! {
                biased;
                () = stop.cancelled() => Err(End::Shutdown),
                events = tail.next(self.at.position, BATCH) => match events {
                    Ok(events) => self.step(events).await,
                    Err(TailError::Read(error)) => Err(End::Lost(chain(&error))),
                    Err(error @ TailError::Diverged(_)) => Err(self.foreign(&error).await),
                    Err(TailError::Stopped) => Err(End::Shutdown),
                },
                () = tokio::time::sleep(LAZY), if idle => self.write(Led::default()).await,
                _ = tick.tick() => self.look().await,
            };
            let Err(end) = outcome else { continue };
            if matches!(end, End::Shutdown) && self.at != self.checkpoint.at {
                // Only spares the next owner a look at events that are none of its business.
                let _ = self.write(Led::default()).await;
            }
            return end;
        }
    }

    async fn look(&self) -> Result<(), End> {
        metrics::gap(&self.name, self.shared.tail.head().0 - self.at.position.0);
        self.verify(self.checkpoint.at).await
    }

    async fn step(&mut self, mut events: Vec<Event>) -> Result<(), End> {
        let Some(first) = events.first() else { return Ok(()) };
        if first.position != self.at.position.next() {
            return Err(End::Lost(format!("the tail gave {} after {}", first.position, self.at.position)));
        }
        if first.epoch != self.at.epoch {
            self.verify(self.checkpoint.at).await?;
        }
        // A batch is of one life of the log.
        let epoch = first.epoch;
        events.retain(|event| event.epoch == epoch);
        let wanted = |event: &&Event| self.categories.contains(&event.category.as_str());
        let relevant: Vec<Event> = events.iter().filter(wanted).cloned().collect();
        let led = if relevant.is_empty() {
            Led::default()
        } else {
            self.follower.act(relevant).await.map_err(|halt| End::Lost(halt.0))?
        };
        let passed = match &led.stop {
            None => events.last(),
            Some((position, _)) => events.iter().take_while(|event| event.position < *position).last(),
        };
        if let Some(last) = passed {
            self.at = Place::of(last);
        }
        let stop = led.stop.clone();
        let has_led = !led.orders.is_empty() || !led.refusals.is_empty() || !led.notes.is_empty();
        if has_led || stop.is_some() || self.written.elapsed() >= LAZY {
            self.write(led).await?;
        }
        match stop {
            None => Ok(()),
            Some((position, error)) => Err(self.stand_before(position, &error).await),
        }
    }

    /// Moves the checkpoint to where it has come, with what the events led to, in one transaction.
    async fn write(&mut self, led: Led) -> Result<(), End> {
        if self.at == self.checkpoint.at {
            return Ok(());
        }
        let (pool, name) = (self.shared.pool.clone(), self.name.clone());
        let (owner_epoch, from, to) = (self.checkpoint.owner_epoch, self.checkpoint.at, self.at);
        let (rings, refused) = (!led.orders.is_empty() || !led.notes.is_empty(), led.refusals.len());
        // In a task of its own: a transaction that has begun is never dropped halfway.
        let written = tokio::spawn(async move { write(&pool, &name, owner_epoch, from, to, &led).await }).await;
        match written {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                self.verify(from).await?;
                return Err(End::Fenced);
            }
            Ok(Err(error)) => return Err(End::Lost(error.to_string())),
            Err(error) => return Err(End::Lost(error.to_string())),
        }
        self.checkpoint.at = self.at;
        self.written = Instant::now();
        metrics::refused(&self.name, refused);
        if rings {
            self.shared.bell.notify_waiters();
        }
        Ok(())
    }

    /// Compares a place with the log as it is now.
    async fn verify(&self, place: Place) -> Result<(), End> {
        if control::log_has(&self.shared.pool, self.checkpoint.log_id, place).await? {
            return Ok(());
        }
        let reason = format!(
            "LOG_DIVERGED: {} has acted on the log up to position {}, and the log now has another event there, or none: a \
             standby was promoted or a backup restored without its latest events",
            self.name, place.position
        );
        control::mark(&self.shared.pool, &self.name, "diverged", &reason, place.position).await?;
        Err(End::Diverged(reason))
    }

    /// The log is not the one that was read: whatever comes next, this has acted on something else.
    async fn foreign(&self, error: &TailError) -> End {
        let reason = error.to_string();
        match control::mark(&self.shared.pool, &self.name, "diverged", &reason, self.at.position).await {
            Ok(()) => End::Diverged(reason),
            Err(error) => error.into(),
        }
    }

    async fn stand_before(&self, position: Position, error: &str) -> End {
        tracing::error!(
            follower = self.name,
            position = position.0,
            error,
            "stopped before an event that cannot be acted on"
        );
        metrics::stopped(&self.name, true);
        match control::mark(&self.shared.pool, &self.name, "stopped", error, position).await {
            Ok(()) => End::Stopped,
            Err(error) => error.into(),
        }
    }
}

async fn write(
    pool: &PgPool,
    name: &str,
    owner_epoch: i64,
    from: Place,
    to: Place,
    led: &Led,
) -> Result<bool, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    if !control::advance(&mut transaction, name, owner_epoch, from, to).await? {
        transaction.rollback().await?;
        return Ok(false);
    }
    outbox::put(&mut transaction, &led.orders).await?;
    reactions::record(&mut transaction, &led.refusals).await?;
    endpoints::note(&mut transaction, &led.notes).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Waits until the lease is held, or until it makes no sense any more.
pub(crate) async fn wait_for(lease: &mut Lease, stop: &CancellationToken) -> Result<(), End> {
    tokio::select! {
        held = lease.held() => held.map_err(End::Lost),
        () = stop.cancelled() => Err(End::Shutdown),
    }
}
