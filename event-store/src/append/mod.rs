//! Appending: one request is one atomic unit; many requests share one transaction.

mod appender;
mod batch;
mod claims;
mod flusher;
mod lane;
mod refusal;
mod waiting;

pub use appender::{Appender, AppenderOptions};
pub(crate) use flusher::FLUSH;

use chrono::{DateTime, Utc};
use kernel::{
    Actor, Change, CommandId, CorrelationId, Epoch, EventId, Position, TenantId, TraceParent, Version,
    command::Reservation,
};
use uuid::Uuid;

/// By which a repeated request is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Unique in the tenant: derived from actor, command and the caller's key; the command's id where there is none.
    pub key: Uuid,
    /// What was asked: the same key with another hash is refused.
    pub request_hash: Uuid,
}

/// Events of one or several streams with everything that must be stored with them, all or nothing.
#[derive(Clone, Debug)]
pub struct Append {
    /// Whose events.
    pub tenant_id: TenantId,
    /// Who asks.
    pub actor: Actor,
    /// The command.
    pub command_id: CommandId,
    /// The story that it belongs to.
    pub correlation_id: CorrelationId,
    /// The event that caused it, if one did.
    pub causation_id: Option<EventId>,
    /// The trace that it is part of.
    pub trace: Option<TraceParent>,
    /// When it happened; business or device time.
    pub occurred_at: DateTime<Utc>,
    /// By which a repeat is known.
    pub idempotency: Idempotency,
    /// What changes. The first stream is the primary one: its id and version are answered.
    pub changes: Vec<Change>,
    /// Names to reserve for the primary stream.
    pub reserve: Vec<Reservation>,
    /// Names of the primary stream to give back.
    pub release: Vec<Reservation>,
    /// The tenant's counter that numbers the first event of the primary stream.
    pub counter: Option<&'static str>,
}

/// What an append did, or had done when it was first asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The primary stream.
    pub stream_id: Uuid,
    /// Its version after the append.
    pub version: Version,
    /// The position of the last event; of the end of the log where nothing changed.
    pub position: Position,
    /// The number that the counter gave.
    pub number: Option<i64>,
    /// Whether there were events to add.
    pub changed: bool,
    /// When the server recorded it.
    pub recorded_at: DateTime<Utc>,
    /// The life of the log in which this process got the answer.
    pub epoch: Epoch,
    /// Whether this is the answer to an earlier request with the same key.
    pub repeated: bool,
}

/// Why nothing was appended. Each variant says whether trying again can help.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// A stream is not at the expected version: read it again and decide again.
    #[error("stream {stream_id} is at version {version}")]
    Conflict {
        /// The stream that has moved on.
        stream_id: Uuid,
        /// Where it is now.
        version: Version,
    },
    /// Another stream holds a name. Trying again does not help.
    #[error("{scope} {key:?} is taken")]
    Reserved {
        /// What sort of name.
        scope: String,
        /// The name.
        key: String,
        /// Who holds it.
        stream_id: Uuid,
    },
    /// The key was used for another request. Trying again does not help.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// More requests wait than may wait: later is better than now.
    #[error("too many appends are waiting")]
    Overloaded,
    /// The database is away or refused. Whether the events were stored is known only by asking again
    /// with the same key.
    #[error("the log is not available: {0}")]
    Unavailable(String),
}
