//! The mirror: every message of its window is the event whose position is the message's sequence.

use super::{Divergence, Pace};
use crate::cloud_event::{CloudEvent, source_of};
use crate::jetstream::{self as mirror};
use crate::log::{Head, Log, ReadError};
use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::Info;
use aws_lc_rs::digest::{SHA256, digest};
use futures_util::StreamExt;
use kernel::{EventData, Position, Recorded};
use serde_json::Value;
use std::time::Duration;

/// Events that are compared together.
const PAGE: usize = 1_000;
/// A message that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the mirror could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// NATS does not answer, or not with what was asked for.
    #[error("reading the mirror: {0}")]
    Nats(String),
    /// The mirror cannot be had.
    #[error(transparent)]
    Mirror(#[from] mirror::MirrorError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorVerified {
    /// The window: its first and last position; none where there is no mirror, or nothing in it.
    pub window: Option<(Position, Position)>,
    /// Messages that were compared.
    pub messages: u64,
    /// The first that is wrong.
    pub divergence: Option<Divergence>,
}

/// What is archived cannot be compared any more.
async fn cold(log: &Log) -> Result<Position, ReadError> {
    Ok(log.archived().await?.map_or(Position::ZERO, |archived| archived.last))
}

/// Compares the messages after `after` with the log.
///
/// # Errors
/// NATS or Postgres does not answer.
pub async fn verify_mirror(
    log: &Log,
    nats_url: &str,
    after: Position,
    pace: &mut Pace,
) -> Result<MirrorVerified, MirrorError> {
    let head = log.head().await?;
    let client = tokio::time::timeout(PATIENCE, async_nats::connect(nats_url))
        .await
        .map_err(|_| MirrorError::Nats("NATS does not answer".into()))?
        .map_err(|error| MirrorError::Nats(error.to_string()))?;
    let context = mirror::context(client);
    let Some(info) = mirror::find(&context, &head).await? else { return Ok(MirrorVerified::default()) };
    let mut verified = MirrorVerified::default();
    let (first, last) = window(&info);
    // The log is asked after the mirror: what is published is in the log before.
    let now = log.head().await?;
    if last > now.position {
        let found = format!("a message at {last}");
        let expected = format!("nothing after position {}", now.position);
        verified.divergence = Some(of_mirror(last, "sequence", expected, found));
        return Ok(verified);
    }
    if info.state.messages == 0 {
        return Ok(verified);
    }
    verified.window = Some((first, last));
    let mut at = Position(after.0.max(first.0 - 1)).max(cold(log).await?);
    if at >= last {
        return Ok(verified);
    }
    let mut messages = subscribe(&context, &info.config.name, at).await?;
    let comparing = Comparing { head, source: source_of(head.log_id) };
    let mut waiting: Option<Message> = None;
    while at < last {
        let most = usize::try_from(last.0 - at.0).unwrap_or(PAGE).min(PAGE);
        let events = log.read(at, most).await?;
        if events.is_empty() {
            return Err(ReadError::Damaged(format!("the log has no event at position {}", at.next())).into());
        }
        for event in &events {
            let message = match waiting.take() {
                Some(message) => message,
                None => next(&mut messages).await?,
            };
            let sequence = sequence(&message)?;
            if sequence > event.position {
                // What has grown too old meanwhile is gone by right.
                let now = mirror::find(&context, &head).await?;
                let begins = now.as_ref().map_or(Position(i64::MAX), |info| window(info).0);
                if event.position < begins {
                    waiting = Some(message);
                    at = event.position;
                    continue;
                }
                let found = format!("none; the next is at {sequence}");
                verified.divergence = Some(of_mirror(event.position, "sequence", "a message".to_owned(), found));
                return Ok(verified);
            }
            verified.divergence = comparing.compare(&message, event)?;
            if verified.divergence.is_some() {
                return Ok(verified);
            }
            verified.messages += 1;
            at = event.position;
        }
        pace.spend(events.len()).await;
    }
    Ok(verified)
}

/// The messages after a position.
async fn subscribe(context: &Context, name: &str, after: Position) -> Result<pull::Ordered, MirrorError> {
    let failed = |error: String| MirrorError::Nats(error);
    let stream = context.get_stream_no_info(name).await.map_err(|error| failed(error.to_string()))?;
    let config = pull::OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after.0.unsigned_abs() + 1 },
        ..pull::OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(|error| failed(error.to_string()))?;
    consumer.messages().await.map_err(|error| failed(error.to_string()))
}

fn window(info: &Info) -> (Position, Position) {
    let position = |sequence: u64| Position(i64::try_from(sequence).unwrap_or(i64::MAX));
    (position(info.state.first_sequence), position(info.state.last_sequence))
}

async fn next(messages: &mut pull::Ordered) -> Result<Message, MirrorError> {
    match tokio::time::timeout(PATIENCE, messages.next()).await {
        Ok(Some(Ok(message))) => Ok(message),
        Ok(Some(Err(error))) => Err(MirrorError::Nats(error.to_string())),
        Ok(None) => Err(MirrorError::Nats("the subscription ended".into())),
        Err(_) => Err(MirrorError::Nats("a message did not come in time".into())),
    }
}

fn sequence(message: &Message) -> Result<Position, MirrorError> {
    let info = message.info().map_err(|error| MirrorError::Nats(error.to_string()))?;
    Ok(Position(i64::try_from(info.stream_sequence).unwrap_or(i64::MAX)))
}

struct Comparing {
    head: Head,
    source: String,
}

impl Comparing {
    fn compare(&self, message: &Message, event: &Recorded<EventData>) -> Result<Option<Divergence>, MirrorError> {
        let wrong =
            |field: &str, expected: String, found: String| Ok(Some(of_mirror(event.position, field, expected, found)));
        let subject = mirror::subject(self.head.log_id, self.head.epoch, &event.category);
        if message.subject.as_str() != subject {
            return wrong("subject", subject, message.subject.to_string());
        }
        let headers = message.headers.clone().unwrap_or_default();
        let expected = [
            ("Nats-Msg-Id", Some(mirror::message_id(self.head.log_id, self.head.epoch, event.position))),
            ("content-type", Some("application/cloudevents+json".to_owned())),
            ("traceparent", event.trace.map(|trace| trace.to_string())),
        ];
        for (name, expected) in expected {
            let found = header(&headers, name);
            if found != expected {
                let said = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
                return wrong(name, said(expected), said(found));
            }
        }
        let payload = CloudEvent::of(&self.source, event)
            .and_then(|event| Ok(serde_json::to_vec(&event)?))
            .map_err(|error| ReadError::Damaged(format!("position {}: {error}", event.position)))?;
        if payload == message.payload.as_ref() {
            return Ok(None);
        }
        let (field, expected, found) = difference(&payload, &message.payload);
        wrong(&field, expected, found)
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.as_str().to_owned())
}

/// The attribute of two `CloudEvents` that differs. What is in `data` is nobody's business: its hashes are told.
fn difference(expected: &[u8], found: &[u8]) -> (String, String, String) {
    let parse = |bytes: &[u8]| serde_json::from_slice::<serde_json::Map<String, Value>>(bytes).ok();
    if let (Some(expected), Some(found)) = (parse(expected), parse(found)) {
        let names = expected.keys().chain(found.keys().filter(|name| !expected.contains_key(*name)));
        for name in names {
            let (one, other) = (expected.get(name), found.get(name));
            if one != other {
                let said = |value: Option<&Value>| match value {
                    Some(value) if name == "data" => hash(value.to_string().as_bytes()),
                    Some(value) => value.to_string(),
                    None => "none".to_owned(),
                };
                return (name.clone(), said(one), said(other));
            }
        }
    }
    ("payload".to_owned(), hash(expected), hash(found))
}

fn hash(bytes: &[u8]) -> String {
    let digest = digest(&SHA256, bytes);
    digest.as_ref()[..8].iter().fold("sha256 ".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn of_mirror(position: Position, field: &str, expected: String, found: String) -> Divergence {
    let (part, subject) = ("mirror".to_owned(), String::new());
    Divergence { part, position: Some(position), subject, field: field.to_owned(), expected, found }
}
