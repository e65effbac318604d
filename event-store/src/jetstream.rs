//! The mirror of the log in NATS JetStream: a bounded window whose sequence equals the position.
//!
//! The stream's name carries log and epoch, so another log or another life of this one never meets these
//! messages. The mirror may lag, be wiped or be away: it holds nothing that Postgres does not.

use crate::log::Head;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, context::ContextBuilder};
use kernel::{Epoch, LogId, Position};
use std::time::Duration;

/// The oldest NATS server that keeps what is asked of it (first sequence, metadata).
pub const OLDEST_NATS: (i64, i64, i64) = (2, 10, 0);

/// How much of the log the mirror keeps.
#[derive(Clone, Debug)]
pub struct MirrorOptions {
    /// The NATS servers.
    pub url: String,
    /// Copies of the stream in the cluster: 1 on one machine, 3 in a cluster.
    pub replicas: usize,
    /// How long the mirror keeps an event.
    pub max_age: Duration,
    /// How many bytes the mirror keeps.
    pub max_bytes: i64,
}

impl MirrorOptions {
    /// A day or a gigabyte on one server.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), replicas: 1, max_age: Duration::from_hours(24), max_bytes: 1 << 30 }
    }
}

/// Why the mirror cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// NATS does not answer.
    #[error("connecting to NATS")]
    Connect(#[source] async_nats::ConnectError),
    /// The server would silently ignore what is asked of it.
    #[error("NATS {0} is too old: 2.10 or later is needed")]
    TooOld(String),
    /// The stream could not be read or made.
    #[error("{doing} the JetStream mirror: {reason}")]
    Stream {
        /// What was being done.
        doing: &'static str,
        /// What NATS said.
        reason: String,
    },
    /// The stream has another configuration than was asked for.
    #[error("the JetStream mirror differs from what was asked: {0}")]
    Differs(String),
}

/// Connects, and goes on trying in the background when the server is away.
///
/// # Errors
/// The URL is malformed.
pub async fn connect(url: &str) -> Result<async_nats::Client, MirrorError> {
    async_nats::ConnectOptions::new()
        .name("sillage")
        .retry_on_initial_connect()
        .connection_timeout(Duration::from_secs(2))
        .request_timeout(Some(Duration::from_secs(2)))
        .ping_interval(Duration::from_secs(5))
        .connect(url)
        .await
        .map_err(MirrorError::Connect)
}

/// Refuses servers that silently drop what they do not know.
///
/// # Errors
/// The server is too old.
pub fn check_server(client: &async_nats::Client) -> Result<(), MirrorError> {
    let (major, minor, patch) = OLDEST_NATS;
    if client.is_server_compatible(major, minor, patch) {
        return Ok(());
    }
    Err(MirrorError::TooOld(client.server_info().version))
}

/// The JetStream interface with bounded waits.
pub fn context(client: async_nats::Client) -> jetstream::Context {
    ContextBuilder::new()
        .timeout(Duration::from_secs(2))
        .ack_timeout(Duration::from_secs(2))
        .backpressure_on_inflight(false)
        .build(client)
}

/// The stream's name: `SILLAGE_<log>_E<epoch>`.
pub fn stream_name(log_id: LogId, epoch: Epoch) -> String {
    format!("SILLAGE_{}_E{epoch}", short(log_id))
}

/// The subject of an event: `sillage.<log>.e<epoch>.support.ticket`.
pub fn subject(log_id: LogId, epoch: Epoch, category: &str) -> String {
    format!("sillage.{}.e{epoch}.{category}", short(log_id))
}

/// An event's message id: the same event is never published twice inside the duplicate window either.
pub fn message_id(log_id: LogId, epoch: Epoch, position: Position) -> String {
    format!("{log_id}:{epoch}:{position}")
}

fn short(log_id: LogId) -> String {
    log_id.0.simple().to_string()[20..].to_owned()
}

/// The mirror as it is, or `None` if there is none.
///
/// # Errors
/// NATS does not answer.
pub async fn find(context: &jetstream::Context, head: &Head) -> Result<Option<Info>, MirrorError> {
    match context.get_stream(stream_name(head.log_id, head.epoch)).await {
        Ok(stream) => Ok(Some(stream.cached_info().clone())),
        Err(error) => match error.kind() {
            jetstream::context::GetStreamErrorKind::JetStream(answer) if answer.code() == 404 => Ok(None),
            _ => Err(MirrorError::Stream { doing: "looking for", reason: error.to_string() }),
        },
    }
}

/// Makes the mirror so that the next message published gets `first` as its sequence, or finds the one that
/// another relay has just made.
///
/// # Errors
/// NATS does not answer, or keeps less than was asked.
pub async fn create(
    context: &jetstream::Context,
    options: &MirrorOptions,
    head: &Head,
    first: Position,
) -> Result<Info, MirrorError> {
    let wanted = Config {
        name: stream_name(head.log_id, head.epoch),
        description: Some("A window of the Sillage log; the sequence is the position.".into()),
        subjects: vec![subject(head.log_id, head.epoch, ">")],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        storage: StorageType::File,
        num_replicas: options.replicas,
        max_age: options.max_age,
        max_bytes: options.max_bytes,
        allow_direct: true,
        first_sequence: Some(first.0.unsigned_abs()),
        ..Config::default()
    };
    let made = match context.create_stream(wanted.clone()).await {
        Ok(stream) => stream.cached_info().clone(),
        Err(error) => match find(context, head).await? {
            Some(info) => return Ok(info),
            None => return Err(MirrorError::Stream { doing: "making", reason: error.to_string() }),
        },
    };
    let (got, asked) = (&made.config, &wanted);
    for (what, same) in [
        ("first_sequence", got.first_sequence == asked.first_sequence),
        ("subjects", got.subjects == asked.subjects),
        ("max_age", got.max_age == asked.max_age),
        ("max_bytes", got.max_bytes == asked.max_bytes),
        ("num_replicas", got.num_replicas == asked.num_replicas),
    ] {
        if !same {
            return Err(MirrorError::Differs(what.into()));
        }
    }
    Ok(made)
}
