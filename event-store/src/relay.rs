//! The relay publishes committed events to the JetStream mirror, each at the sequence that equals its position.
//!
//! Every publish names the sequence it must follow. A second relay, a retry or a store rolled back makes that
//! compare-and-set fail; the relay looks where the mirror is and goes on from there. Several relays are harmless,
//! and the mirror's own last sequence is the only checkpoint there is.

use crate::cloud_event::{CloudEvent, CloudEventError, source_of};
use crate::jetstream::{self as mirror, MirrorError, MirrorOptions};
use crate::log::{Followed, Head, Log, ReadError};
use crate::tail::NOT_ADOPTED;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use kernel::{EventData, EventId, Position, Recorded};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Events read and in flight at a time.
const WINDOW: usize = 256;
/// An epoch with no more events than this is mirrored from its beginning.
const YOUNG: i64 = 100_000;
/// How often the log is looked at when nobody rings.
const POLL: Duration = Duration::from_millis(500);
/// How long to wait after NATS failed.
const PAUSE: Duration = Duration::from_millis(500);

/// What the relay is doing, for health checks and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// NATS has not been reached yet.
    Connecting,
    /// The mirror holds the log up to here.
    Relaying(Position),
    /// NATS is away: readers poll Postgres meanwhile.
    Away(String),
    /// The mirror holds events that the log does not: the database has lost its tail or is another one.
    Diverged(String),
}

/// Why the relay starts over.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Event(#[from] CloudEventError),
    #[error("publishing to the mirror: {0}")]
    Publish(String),
    #[error("LOG_DIVERGED: {0}")]
    Diverged(String),
}

/// Publishes the log to its mirror.
pub struct Relay {
    log: Log,
    options: MirrorOptions,
    doorbell: watch::Receiver<Position>,
    state: watch::Sender<RelayState>,
}

impl Relay {
    /// A relay that is woken by `doorbell` (the appender's) and looks by itself every half second.
    pub fn new(log: Log, options: MirrorOptions, doorbell: watch::Receiver<Position>) -> Self {
        let (state, _) = watch::channel(RelayState::Connecting);
        Self { log, options, doorbell, state }
    }

    /// What it is doing.
    pub fn state(&self) -> watch::Receiver<RelayState> {
        self.state.subscribe()
    }

    /// Relays until told to stop, through every failure.
    ///
    /// # Errors
    /// The NATS URL is malformed or the server is too old; everything else is tried again for ever.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), MirrorError> {
        let client = mirror::connect(&self.options.url).await?;
        let context = mirror::context(client.clone());
        while !shutdown.is_cancelled() {
            let outcome = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                outcome = self.relay(&client, &context) => outcome,
            };
            match outcome {
                Ok(()) => {}
                Err(RelayError::Mirror(error @ MirrorError::TooOld(_))) => return Err(error),
                Err(RelayError::Diverged(reason)) => self.diverged(reason),
                Err(error) => self.away(&error),
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        Ok(())
    }

    /// Told once, and not every time that it is looked at again.
    fn diverged(&self, reason: String) {
        metrics::gauge!("relay_diverged").set(1.0);
        let known = matches!(&*self.state.borrow(), RelayState::Diverged(old) if *old == reason);
        if !known {
            tracing::error!(
                reason,
                "LOG_DIVERGED: the mirror has seen another history of the log; nothing is relayed until `sillage log adopt`"
            );
            self.state.send_replace(RelayState::Diverged(reason));
        }
    }

    fn away(&self, error: &RelayError) {
        let reason = error.to_string();
        let known = matches!(&*self.state.borrow(), RelayState::Away(old) if *old == reason);
        if !known {
            tracing::warn!(reason, "the mirror is not available; readers poll Postgres");
        }
        self.state.send_replace(RelayState::Away(reason));
    }

    /// Finds or makes the mirror and publishes until something fails.
    async fn relay(&mut self, client: &async_nats::Client, context: &Context) -> Result<(), RelayError> {
        let mut head = self.log.head().await?;
        let mut last = self.attach(client, context, &head).await?;
        let source = source_of(head.log_id);
        metrics::gauge!("relay_diverged").set(0.0);
        // The event that the next one must follow; asked for once, then known.
        let mut last_id = self.log.event_at(last).await?.map(|event| event.event_id);
        loop {
            self.state.send_replace(RelayState::Relaying(last));
            let events = self.next(last, last_id).await?;
            if events.is_empty() {
                self.rest(last).await;
                let now = self.log.head().await?;
                if now.epoch != head.epoch || now.log_id != head.log_id || now.position < last {
                    return Ok(());
                }
                head = now;
                continue;
            }
            match publish(context, &head, &source, &events).await {
                Ok(reached) => {
                    last = reached;
                    let at = events.iter().find(|event| event.position == last);
                    last_id = at.map(|event| event.event_id);
                }
                // Another relay was faster, or the store was rolled back: go on from where the mirror is.
                Err(PublishFailed::Elsewhere) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    last = self.attach(client, context, &head).await?;
                    last_id = self.log.event_at(last).await?.map(|event| event.event_id);
                }
                Err(PublishFailed::Error(error)) => return Err(error),
            }
            let gap = head.position.0.max(self.doorbell.borrow().0) - last.0;
            metrics::gauge!("relay_gap").set(f64::from(i32::try_from(gap.max(0)).unwrap_or(i32::MAX)));
        }
    }

    /// The next events, on disk: nobody outside may hear of one that a crash could still take back. What this process has
    /// appended rings the doorbell when it is on disk; for what others have appended the relay waits for the disk itself.
    async fn next(&self, last: Position, last_id: Option<EventId>) -> Result<Vec<Recorded<EventData>>, RelayError> {
        let durable = self.doorbell.borrow().0 - last.0;
        let followed = match usize::try_from(durable) {
            Ok(durable) if durable > 0 => self.log.follow((last, last_id), WINDOW.min(durable), false).await?,
            _ => self.log.follow((last, last_id), WINDOW, true).await?,
        };
        match followed {
            Followed::By(events) => Ok(events),
            Followed::Lost => {
                Err(RelayError::Diverged(format!("the event at position {last}, which was relayed, is not in the log")))
            }
        }
    }

    /// Waits for the doorbell or the next look; at most one head query per poll keeps an idle process idle.
    async fn rest(&mut self, last: Position) {
        if self.doorbell.borrow_and_update().0 > last.0 {
            return;
        }
        let _ = tokio::time::timeout(POLL, self.doorbell.changed()).await;
    }

    /// The position that the mirror has reached; makes the mirror where there is none.
    async fn attach(
        &self,
        client: &async_nats::Client,
        context: &Context,
        head: &Head,
    ) -> Result<Position, RelayError> {
        if !self.log.is_adopted().await? {
            return Err(RelayError::Diverged(NOT_ADOPTED.to_owned()));
        }
        let info = if let Some(info) = mirror::find(context, head).await? {
            info
        } else {
            mirror::check_server(client)?;
            let began = self.log.epoch_began_after(head.epoch).await?;
            // Of an epoch that is young the mirror has all; of an old one, what comes.
            let first = if head.position.0 - began.0 <= YOUNG { began.next() } else { head.position.next() };
            let info = mirror::create(context, &self.options, head, first).await?;
            tracing::info!(stream = info.config.name, first = first.0, "made the JetStream mirror");
            info
        };
        let last = Position(i64::try_from(info.state.last_sequence).unwrap_or(i64::MAX));
        let now = self.log.head().await?;
        if last > now.position {
            return Err(RelayError::Diverged(format!("the mirror is at {last}, the log ends at {}", now.position)));
        }
        if info.state.messages > 0 && last > Position::ZERO {
            self.check_last(context, head, last).await?;
        }
        Ok(last)
    }

    /// The mirror's last message must be the log's event at that position.
    async fn check_last(&self, context: &Context, head: &Head, last: Position) -> Result<(), RelayError> {
        let failed = |reason: String| RelayError::Publish(reason);
        let name = mirror::stream_name(head.log_id, head.epoch);
        let stream = context.get_stream_no_info(name).await.map_err(|e| failed(e.to_string()))?;
        let Ok(message) = stream.get_raw_message(last.0.unsigned_abs()).await else { return Ok(()) };
        let mirrored: CloudEvent<'_> = serde_json::from_slice(&message.payload).map_err(CloudEventError::from)?;
        match self.log.event_at(last).await? {
            Some(event) if event.event_id == mirrored.id => Ok(()),
            _ => Err(RelayError::Diverged(format!("at position {last} the mirror holds another event than the log"))),
        }
    }
}

enum PublishFailed {
    Elsewhere,
    Error(RelayError),
}

/// Publishes a run of events, all in flight at once; each must follow the one before it.
async fn publish(
    context: &Context,
    head: &Head,
    source: &str,
    events: &[Recorded<EventData>],
) -> Result<Position, PublishFailed> {
    let mut flights = Vec::with_capacity(events.len());
    for event in events {
        if event.epoch != head.epoch {
            return Err(PublishFailed::Error(RelayError::Publish("the log has begun another epoch".into())));
        }
        flights.push(send(context, head, source, event).await.map_err(PublishFailed::Error)?);
    }
    let mut reached = events[0].position;
    for (event, flight) in events.iter().zip(flights) {
        match flight.await {
            Ok(_) => reached = event.position,
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => return Err(PublishFailed::Elsewhere),
            Err(error) => return Err(PublishFailed::Error(RelayError::Publish(error.to_string()))),
        }
    }
    Ok(reached)
}

async fn send(
    context: &Context,
    head: &Head,
    source: &str,
    event: &Recorded<EventData>,
) -> Result<PublishAckFuture, RelayError> {
    let body = serde_json::to_vec(&CloudEvent::of(source, event)?).map_err(CloudEventError::from)?;
    let mut message = PublishMessage::build()
        .payload(Bytes::from(body))
        .message_id(mirror::message_id(head.log_id, head.epoch, event.position))
        .expected_last_sequence((event.position.0 - 1).unsigned_abs())
        .header("content-type", "application/cloudevents+json");
    if let Some(trace) = event.trace {
        message = message.header("traceparent", trace.to_string());
    }
    context
        .send_publish(mirror::subject(head.log_id, head.epoch, &event.category), message)
        .await
        .map_err(|error| RelayError::Publish(error.to_string()))
}
