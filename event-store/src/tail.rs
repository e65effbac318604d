//! The tail: `next(after)` gives the events that follow, live. Subscribers read the log through nothing else.
//!
//! One feeder per process takes events from JetStream while they are contiguous and of this log and epoch; at a
//! start, a gap or silence it reads Postgres, which it also polls twice a second. What it has lately seen waits in
//! a ring that all subscribers share; whoever is further behind reads Postgres. Subscribers never see the difference.

use crate::cloud_event::CloudEvent;
use crate::jetstream::{self as mirror, MirrorError};
use crate::log::{Head, Log, ReadError};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::StreamExt;
use kernel::{EventData, Position, Recorded};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Events that the ring keeps.
const RING: usize = 16_384;
/// How often Postgres is asked when JetStream is silent.
const POLL: Duration = Duration::from_millis(500);
/// Events read from Postgres at a time.
const PAGE: usize = 1_000;

/// An event, shared by all subscribers of a process.
pub type Shared = Arc<Recorded<EventData>>;

/// Why the tail cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// Postgres could not be read; the next call may succeed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The feeder has stopped: the process is shutting down.
    #[error("the tail has stopped")]
    Stopped,
}

#[derive(Default)]
struct Ring(Mutex<VecDeque<Shared>>);

impl Ring {
    fn push(&self, events: impl IntoIterator<Item = Shared>) -> Option<Position> {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.extend(events);
        let excess = ring.len().saturating_sub(RING);
        ring.drain(..excess);
        ring.back().map(|event| event.position)
    }

    /// Forgets everything: it was another history.
    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Events after `after`, or `None` if the ring no longer or not yet holds the first of them.
    fn after(&self, after: Position, max: usize) -> Option<Vec<Shared>> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = ring.front()?.position.0;
        let skip = usize::try_from(after.0 + 1 - first).ok()?;
        (skip < ring.len()).then(|| ring.iter().skip(skip).take(max).cloned().collect())
    }
}

/// The live end of the log. Cheap to clone; all clones share one feeder.
#[derive(Clone)]
pub struct Tail {
    log: Log,
    ring: Arc<Ring>,
    head: watch::Receiver<Position>,
}

impl Tail {
    /// Starts the feeder. Without a NATS URL it polls Postgres.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn start(log: Log, nats_url: Option<String>, shutdown: CancellationToken) -> Result<Self, ReadError> {
        let at = log.head().await?;
        let (sender, head) = watch::channel(at.position);
        let ring = Arc::new(Ring::default());
        let feeder = Feeder { log: log.clone(), ring: Arc::clone(&ring), last: at.position, at, head: sender };
        tokio::spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = feeder.run(nats_url) => {}
            }
        });
        Ok(Self { log, ring, head })
    }

    /// The log behind it.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// The end of the log as far as this process has heard. It goes back only where the log has lost its end.
    pub fn head(&self) -> Position {
        *self.head.borrow()
    }

    /// Waits until there is an event after `after`; then up to `max` events from `after + 1` on, without a gap.
    ///
    /// # Errors
    /// Postgres does not answer, or the tail has stopped.
    pub async fn next(&self, after: Position, max: usize) -> Result<Vec<Shared>, TailError> {
        let mut head = self.head.clone();
        head.wait_for(|head| *head > after).await.map_err(|_| TailError::Stopped)?;
        if let Some(events) = self.ring.after(after, max) {
            return Ok(events);
        }
        // Not beyond what is known to be on disk.
        let known = usize::try_from(self.head().0 - after.0).unwrap_or_default();
        Ok(self.log.read(after, max.min(PAGE).min(known)).await?.into_iter().map(Arc::new).collect())
    }
}

struct Feeder {
    log: Log,
    ring: Arc<Ring>,
    /// The last event given out.
    last: Position,
    at: Head,
    head: watch::Sender<Position>,
}

type Messages = pull::Ordered;

impl Feeder {
    async fn run(mut self, nats_url: Option<String>) {
        let client = match &nats_url {
            Some(url) => {
                mirror::connect(url).await.inspect_err(|error| tracing::error!(error = %error, "the tail polls")).ok()
            }
            None => None,
        };
        let mut messages = None;
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if messages.is_none()
                && let Some(client) = &client
            {
                messages = self.subscribe(client).await.ok();
            }
            tokio::select! {
                biased;
                message = next_message(&mut messages) => match message {
                    Some(event) => {
                        self.receive(event).await;
                        poll.reset();
                    }
                    None => messages = None,
                },
                _ = poll.tick() => {
                    // The subscription of a mirror that was wiped can stay silent for long: start it anew.
                    if self.read_on().await {
                        messages = None;
                    }
                }
            }
        }
    }

    async fn subscribe(&self, client: &async_nats::Client) -> Result<Messages, MirrorError> {
        if client.connection_state() != async_nats::connection::State::Connected {
            return Err(MirrorError::Stream { doing: "reading", reason: "NATS is away".into() });
        }
        let failed = |reason: String| MirrorError::Stream { doing: "reading", reason };
        let context = mirror::context(client.clone());
        let name = mirror::stream_name(self.at.log_id, self.at.epoch);
        let stream = context.get_stream_no_info(name).await.map_err(|error| failed(error.to_string()))?;
        let config = pull::OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.last.0.unsigned_abs() + 1 },
            ..pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| failed(error.to_string()))?;
        consumer.messages().await.map_err(|error| failed(error.to_string()))
    }

    /// Takes an event from the mirror; what is missing before it comes from Postgres.
    async fn receive(&mut self, event: Recorded<EventData>) {
        if event.epoch != self.at.epoch || event.position <= self.last {
            return;
        }
        if event.position > self.last.next() {
            self.read_on().await;
        }
        if event.position == self.last.next() {
            self.give(vec![Arc::new(event)]);
        }
    }

    /// Gives out what Postgres holds beyond the last event; whether there was anything.
    async fn read_on(&mut self) -> bool {
        let before = self.last;
        loop {
            // What the mirror tells is on disk; what Postgres tells may still be on its way there.
            match self.log.read_durable(self.last, PAGE).await {
                Ok(events) if events.is_empty() => {
                    self.begin_anew_if_lost().await;
                    break;
                }
                Ok(events) => {
                    if let Some(event) = events.last() {
                        self.at.epoch = event.epoch;
                    }
                    self.give(events.into_iter().map(Arc::new).collect());
                }
                Err(error) => {
                    tracing::warn!(error = %error, "the tail cannot read Postgres");
                    break;
                }
            }
        }
        self.last > before
    }

    /// A standby that was promoted without the tail ends before what was given out. What comes at those positions now are
    /// other events: nobody may get them as if they followed. Subscribers who are ahead see [`Tail::head`] go back.
    async fn begin_anew_if_lost(&mut self) {
        // The head is seen before it is on disk: what ends before what was on disk has lost something.
        let is_lost = |head: &Head| head.position < self.last;
        if !self.log.head().await.is_ok_and(|head| is_lost(&head)) {
            return;
        }
        let Ok(head) = self.log.durable_head().await else { return };
        if !is_lost(&head) {
            return;
        }
        tracing::error!(
            last = self.last.0,
            head = head.position.0,
            "LOG_DIVERGED: the log ends before what was read of it"
        );
        self.ring.clear();
        self.last = head.position;
        self.at = head;
        self.head.send_replace(head.position);
    }

    fn give(&mut self, events: Vec<Shared>) {
        if let Some(last) = self.ring.push(events) {
            self.last = last;
            self.head.send_replace(last);
        }
    }
}

/// The next event of the mirror; `None` when the subscription has ended. Waits for ever without one.
async fn next_message(messages: &mut Option<Messages>) -> Option<Recorded<EventData>> {
    let Some(messages) = messages else { return std::future::pending().await };
    loop {
        match messages.next().await? {
            Ok(message) => {
                let event = serde_json::from_slice::<CloudEvent<'_>>(&message.payload)
                    .map_err(crate::cloud_event::CloudEventError::from)
                    .and_then(CloudEvent::into_recorded);
                match event {
                    Ok(event) => return Some(event),
                    // Not ours, or damaged: Postgres has the event.
                    Err(error) => tracing::warn!(error = %error, "a message of the mirror is no event"),
                }
            }
            Err(error) => {
                tracing::debug!(error = %error, "the subscription to the mirror ended");
                return None;
            }
        }
    }
}
