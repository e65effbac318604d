//! What an effect is: which events ask for it, how it is done, and how its result becomes an event.

use chrono::{DateTime, Utc};
use event_store::{Decisions, InternalCommand};
use kernel::{CommandId, CorrelationId, EventId, EventSet, Position, Recorded, TenantId, TraceParent, ids};
use std::time::Duration;
use uuid::Uuid;

/// One sort of effect: mail, a text message, a call of somebody's webhook.
///
/// Its aggregate says what is wanted and what became of it; the id of that stream is the effect's id. The other side gets
/// that id with everything that is done, so that it can tell a repeat.
pub trait Effect: Send + Sync + 'static {
    /// The events of its aggregate.
    type Event: EventSet;

    /// `email`. The name of its outbox: it must never change.
    const KIND: &'static str;

    /// How many jobs of one endpoint are in hand at the same time, in all processes together; one while it fails. Jobs are not
    /// shared out between endpoints unless this says so.
    const SHARE: Option<i64> = None;

    /// What an event asks of the outbox.
    fn order(event: &Recorded<Self::Event>) -> Order;

    /// Does it, once. Dropped when it takes too long: whoever loses an answer that way tries again.
    fn perform(&self, job: &Job) -> impl Future<Output = Attempt> + Send;

    /// Records what became of it as an event, under the command id of `settled`: recording it twice changes nothing.
    fn record(
        &self,
        decisions: &Decisions,
        job: &Job,
        settled: &Settled,
    ) -> impl Future<Output = Result<(), RecordError>> + Send;
}

/// What an event asks of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing.
    Nothing,
    /// A new effect: the event's stream.
    Begin,
    /// A new effect that is not to be done before this moment: a deadline.
    NotBefore(DateTime<Utc>),
    /// A timer that is due at this moment at the latest: one that runs is brought forward, one that is over is set anew.
    /// One that is due before stays: whoever performs it looks at what is so then, and says [`Attempt::NotYet`].
    Due(DateTime<Utc>),
    /// The same once more, after it had failed for good: an operator asked for it.
    Again,
}

/// An effect that is to be done, as its worker holds it.
#[derive(Clone, Debug)]
pub struct Job {
    /// In whose data.
    pub tenant_id: TenantId,
    /// The effect; also the stream that says what is to be done.
    pub id: Uuid,
    /// Which of several others it is for, where each has a pace of its own.
    pub endpoint: Option<Uuid>,
    /// The event that asked for it.
    pub event_id: EventId,
    /// The story that it belongs to.
    pub correlation_id: CorrelationId,
    /// Where in the log that event is.
    pub position: Position,
    /// The trace that it is part of.
    pub trace: Option<TraceParent>,
    /// How often operators have asked for it again.
    pub round: i32,
    /// Which try of this round this is, from 1.
    pub attempts: i32,
    /// When it was first asked for.
    pub created_at: DateTime<Utc>,
}

impl Job {
    /// A command on the effect's stream, in the story of what asked for it.
    pub const fn command(&self, command_id: CommandId) -> InternalCommand {
        InternalCommand::new(self.tenant_id, self.id, command_id).caused_by(
            self.event_id,
            self.correlation_id,
            self.trace,
        )
    }
}

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The other side has it.
    Succeeded {
        /// What the other side calls it.
        receipt: String,
    },
    /// Not now; later is worth a try.
    Later {
        /// What was said; never personal.
        reason: String,
        /// Not before that, where the other side said so.
        after: Option<Duration>,
    },
    /// Never: trying again would say the same.
    Never {
        /// A stable code.
        code: &'static str,
        /// What was said; never personal.
        reason: String,
    },
    /// It is no longer wanted.
    Suppressed {
        /// A stable code.
        code: &'static str,
    },
    /// Nothing was tried: its time has been put off. Does not count.
    NotYet {
        /// Until when.
        until: DateTime<Utc>,
    },
    /// Nothing was tried: something of ours is away. Does not count.
    Away {
        /// What.
        reason: String,
    },
}

/// What became of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was done.
    Succeeded {
        /// What the other side calls it.
        receipt: String,
    },
    /// It was given up.
    Failed {
        /// A stable code; [`EXHAUSTED`] where every try was answered "later".
        code: String,
    },
    /// It was no longer wanted.
    Suppressed {
        /// A stable code.
        code: String,
    },
}

/// The code of an effect that was tried as often as it may be.
pub const EXHAUSTED: &str = "exhausted";

impl Settled {
    /// The stored name.
    pub(crate) const fn outcome(&self) -> &'static str {
        match self {
            Self::Succeeded { .. } => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Suppressed { .. } => "suppressed",
        }
    }

    /// The id of the command that records it: the same whoever records it.
    pub fn command_id(&self, job: &Job) -> CommandId {
        CommandId(ids::derived(job.id, &format!("{} {}", job.round, self.outcome())))
    }
}

/// Why a result could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Something of ours is away; it is tried again.
    #[error("{0}")]
    Away(String),
    /// The domain does not take it: a mistake in the program.
    #[error("{0}")]
    Refused(String),
}
