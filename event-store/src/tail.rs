//! The tail: `next(after)` gives the events that follow, live. Subscribers read the log through nothing else.
//!
//! One feeder per process takes events from JetStream while they are contiguous and of this log and epoch; at a
//! start, a gap or silence it reads Postgres, which it also polls twice a second. What it has lately seen waits in
//! a ring that all subscribers share; whoever is further behind reads Postgres. Subscribers never see the difference.
//!
//! Where the log turns out not to be the one that was read (a standby was promoted, a backup restored), the tail gives
//! nothing any more until an operator has adopted the log: see [`Tail::diverged`].

use crate::cloud_event::CloudEvent;
use crate::jetstream::{self as mirror, MirrorError};
use crate::log::{Followed, Head, Log, ReadError};
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::StreamExt;
use kernel::{Epoch, EventData, EventId, Position, Recorded};
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
    /// What was read is not what the log tells now, or nobody has said that this server may go on with it.
    #[error("LOG_DIVERGED: {0}")]
    Diverged(Arc<str>),
    /// The feeder has stopped: the process is shutting down.
    #[error("the tail has stopped")]
    Stopped,
}

/// How far the tail has come, and what keeps it from going on.
#[derive(Clone)]
struct Flow {
    head: Position,
    diverged: Option<Arc<str>>,
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
    flow: watch::Receiver<Flow>,
}

impl Tail {
    /// Starts the feeder. Without a NATS URL it polls Postgres.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn start(log: Log, nats_url: Option<String>, shutdown: CancellationToken) -> Result<Self, ReadError> {
        let at = log.head().await?;
        let (sender, flow) = watch::channel(Flow { head: at.position, diverged: None });
        let ring = Arc::new(Ring::default());
        let mut feeder = Feeder {
            log: log.clone(),
            ring: Arc::clone(&ring),
            last: at.position,
            last_id: at.event_id,
            at,
            flow: sender,
            diverged_in: None,
        };
        if !log.is_adopted().await? {
            feeder.stand_still(NOT_ADOPTED);
        }
        tokio::spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = feeder.run(nats_url) => {}
            }
        });
        Ok(Self { log, ring, flow })
    }

    /// The log behind it.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// The end of the log as far as this process has heard. It goes back only where the log has lost its end.
    pub fn head(&self) -> Position {
        self.flow.borrow().head
    }

    /// Resolves, with the reason, as soon and as long as the log is not the one that was read: nothing may be done upon it
    /// before an operator has adopted it. Never does once the tail has stopped.
    pub async fn diverged(&self) -> Arc<str> {
        let mut flow = self.flow.clone();
        let reason = flow.wait_for(|flow| flow.diverged.is_some()).await.ok().and_then(|flow| flow.diverged.clone());
        match reason {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }

    /// Why nothing may be done upon the log now; `None` while all is well.
    pub fn divergence(&self) -> Option<Arc<str>> {
        self.flow.borrow().diverged.clone()
    }

    /// Resolves when the log may be followed (again). `false`: the tail has stopped.
    pub async fn is_sound(&self) -> bool {
        self.flow.clone().wait_for(|flow| flow.diverged.is_none()).await.is_ok()
    }

    /// Waits until there is an event after `after`; then up to `max` events from `after + 1` on, without a gap.
    ///
    /// # Errors
    /// Postgres does not answer, the log has diverged, or the tail has stopped.
    pub async fn next(&self, after: Position, max: usize) -> Result<Vec<Shared>, TailError> {
        let mut flow = self.flow.clone();
        let known = {
            let flow = flow.wait_for(|flow| flow.head > after || flow.diverged.is_some()).await;
            let flow = flow.map_err(|_| TailError::Stopped)?;
            if let Some(reason) = &flow.diverged {
                return Err(TailError::Diverged(Arc::clone(reason)));
            }
            flow.head
        };
        if let Some(events) = self.ring.after(after, max) {
            return Ok(events);
        }
        // Not beyond what is known to be on disk.
        let known = usize::try_from(known.0 - after.0).unwrap_or_default();
        Ok(self.log.read(after, max.min(PAGE).min(known)).await?.into_iter().map(Arc::new).collect())
    }
}

struct Feeder {
    log: Log,
    ring: Arc<Ring>,
    /// The last event given out.
    last: Position,
    last_id: Option<EventId>,
    at: Head,
    flow: watch::Sender<Flow>,
    /// The epoch in which the log was found to be another one; a later one is an operator's word that it is the log.
    diverged_in: Option<Epoch>,
}

/// Why a log may not be followed that nobody has adopted.
pub(crate) const NOT_ADOPTED: &str = "the server was promoted or restored, and nobody has adopted the log since: positions may have \
    been handed out that it does not know; run `sillage log adopt`";

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
                && self.diverged_in.is_none()
                && let Some(client) = &client
            {
                messages = self.subscribe(client).await.ok().flatten();
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
                    let had = self.diverged_in.is_some();
                    // The subscription of a mirror that was wiped can stay silent for long: start it anew.
                    if self.look().await || self.diverged_in.is_some() != had {
                        messages = None;
                    }
                }
            }
        }
    }

    /// Subscribes to the mirror, if it mirrors this log; `None`: it does not.
    async fn subscribe(&mut self, client: &async_nats::Client) -> Result<Option<Messages>, MirrorError> {
        if client.connection_state() != async_nats::connection::State::Connected {
            return Err(MirrorError::Stream { doing: "reading", reason: "NATS is away".into() });
        }
        let failed = |reason: String| MirrorError::Stream { doing: "reading", reason };
        let context = mirror::context(client.clone());
        let name = mirror::stream_name(self.at.log_id, self.at.epoch);
        let stream = context.get_stream(name).await.map_err(|error| failed(error.to_string()))?;
        // What the mirror has is on disk, so a head that is read later is no earlier.
        let mirrored = Position(i64::try_from(stream.cached_info().state.last_sequence).unwrap_or(i64::MAX));
        let head = self.log.head().await.map_err(|error| failed(error.to_string()))?;
        if head.epoch == self.at.epoch && mirrored > head.position {
            self.stand_still(&format!(
                "the mirror has events up to position {mirrored}, the log ends at {head}",
                head = head.position
            ));
            return Ok(None);
        }
        if mirrored >= self.last
            && let Some(id) = self.last_id
            && let Ok(message) = stream.get_raw_message(self.last.0.unsigned_abs()).await
            && serde_json::from_slice::<CloudEvent<'_>>(&message.payload).is_ok_and(|event| event.id != id)
        {
            self.stand_still(&format!("at position {} the mirror has another event than the log", self.last));
            return Ok(None);
        }
        let config = pull::OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.last.0.unsigned_abs() + 1 },
            ..pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| failed(error.to_string()))?;
        consumer.messages().await.map(Some).map_err(|error| failed(error.to_string()))
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

    /// Reads on, unless the log is not the one that was read; whether there was anything.
    async fn look(&mut self) -> bool {
        match self.log.is_adopted().await {
            Ok(true) => {}
            Ok(false) => {
                self.stand_still(NOT_ADOPTED);
                return false;
            }
            Err(error) => {
                tracing::warn!(error = %error, "the tail cannot read Postgres");
                return false;
            }
        }
        if self.diverged_in.is_some() {
            self.begin_anew().await;
            return false;
        }
        self.read_on().await
    }

    /// Gives out what Postgres holds beyond the last event; whether there was anything.
    async fn read_on(&mut self) -> bool {
        let before = self.last;
        while self.diverged_in.is_none() {
            // What the mirror tells is on disk; what Postgres tells may still be on its way there.
            match self.log.follow((self.last, self.last_id), PAGE, true).await {
                Ok(Followed::By(events)) => {
                    let Some(event) = events.last() else { break };
                    self.at.epoch = event.epoch;
                    self.give(events.into_iter().map(Arc::new).collect());
                }
                Ok(Followed::Lost) => {
                    self.stand_still(&format!(
                        "the event at position {}, which was read, is not in the log",
                        self.last
                    ));
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
    /// other events: nobody may get them as if they followed. So nobody gets anything before the log is adopted.
    fn stand_still(&mut self, why: &str) {
        if self.diverged_in.is_some() {
            return;
        }
        tracing::error!(last = self.last.0, "LOG_DIVERGED: {why}");
        metrics::gauge!("log_diverged").set(1.0);
        self.diverged_in = Some(self.at.epoch);
        self.ring.clear();
        self.flow.send_modify(|flow| flow.diverged = Some(why.into()));
    }

    /// Goes on from the end of the log, once it has begun another epoch.
    async fn begin_anew(&mut self) {
        let Ok(head) = self.log.durable_head().await else { return };
        let adopted = self.diverged_in.is_none_or(|epoch| head.epoch > epoch) || head.log_id != self.at.log_id;
        if !adopted {
            if head.position < self.last {
                // Readers elsewhere see by this that they are ahead.
                self.flow.send_if_modified(|flow| std::mem::replace(&mut flow.head, head.position) != head.position);
            }
            return;
        }
        tracing::warn!(epoch = head.epoch.0, head = head.position.0, "the log was adopted: it is followed again");
        metrics::gauge!("log_diverged").set(0.0);
        (self.last, self.last_id, self.at, self.diverged_in) = (head.position, head.event_id, head, None);
        self.flow.send_replace(Flow { head: head.position, diverged: None });
    }

    fn give(&mut self, events: Vec<Shared>) {
        self.last_id = events.last().map(|event| event.event_id).or(self.last_id);
        if let Some(last) = self.ring.push(events) {
            self.last = last;
            self.flow.send_modify(|flow| flow.head = last);
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
