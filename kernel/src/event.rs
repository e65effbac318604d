//! Facts: what an aggregate stores, and what a reader gets.

use crate::actor::Actor;
use crate::codec::{self, DecodeError, Encoded, EventData, Upcaster};
use crate::ids::{CommandId, CorrelationId, EventId, TenantId};
use crate::position::{Epoch, Position, Version};
use crate::trace::TraceParent;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use uuid::Uuid;

/// The events of one aggregate: an enum of struct variants, snake case when stored.
///
/// The variants and their fields are the storage format: add, never rename. A shape that must change
/// gets an [`Upcaster`].
pub trait Event: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static {
    /// Which streams these events live in: `support.ticket`.
    const CATEGORY: &'static str;
    /// How older payloads become today's, oldest first.
    const UPCASTERS: &'static [Upcaster] = &[];

    /// One example of every event type, for the catalogue and the golden files.
    fn examples() -> Vec<Self>;

    /// The event as bytes.
    fn encode(&self) -> Encoded {
        codec::encode(self, Self::UPCASTERS)
    }
}

/// The events that a reader understands: those of one aggregate, or of several by [`event_set!`](crate::event_set).
pub trait EventSet: Sized + Send + Sync + 'static {
    /// The categories it wants to see.
    fn categories() -> Vec<&'static str>;

    /// Reads a stored event of one of the categories.
    ///
    /// # Errors
    /// The event is of another category or cannot be read.
    fn decode(category: &str, stored: &EventData) -> Result<Self, DecodeError>;
}

impl<E: Event> EventSet for E {
    fn categories() -> Vec<&'static str> {
        vec![E::CATEGORY]
    }

    fn decode(category: &str, stored: &EventData) -> Result<Self, DecodeError> {
        if category != E::CATEGORY {
            return Err(DecodeError::UnknownCategory(category.to_owned()));
        }
        codec::decode(E::CATEGORY, E::UPCASTERS, stored)
    }
}

/// Declares the events of several aggregates that one reader listens to:
/// `event_set! { /// docs pub enum Seen { Building(building::Event), Door(door::Event) } }`.
#[macro_export]
macro_rules! event_set {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident($event:ty)),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        $visibility enum $name { $($(#[$variant_meta])* $variant($event)),+ }

        impl $crate::EventSet for $name {
            fn categories() -> Vec<&'static str> {
                vec![$(<$event as $crate::Event>::CATEGORY),+]
            }

            fn decode(category: &str, stored: &$crate::EventData) -> Result<Self, $crate::DecodeError> {
                $(
                    if category == <$event as $crate::Event>::CATEGORY {
                        return <$event as $crate::EventSet>::decode(category, stored).map(Self::$variant);
                    }
                )+
                Err($crate::DecodeError::UnknownCategory(category.to_owned()))
            }
        }

        $(impl From<$event> for $name {
            fn from(event: $event) -> Self {
                Self::$variant(event)
            }
        })+
    };
}

/// An event with everything the log knows about it. `Recorded<EventData>` is the undecoded form.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_field_names, reason = "`recorded_at` is the field's term for that time axis")]
pub struct Recorded<E> {
    /// Place in the log.
    pub position: Position,
    /// The life of the log in which the position was given.
    pub epoch: Epoch,
    /// The event's own id.
    pub event_id: EventId,
    /// Whose event it is.
    pub tenant_id: TenantId,
    /// `support.ticket`.
    pub category: String,
    /// The stream within the category.
    pub stream_id: Uuid,
    /// Place in the stream.
    pub version: Version,
    /// Who did it.
    pub actor: Actor,
    /// The command that made it.
    pub command_id: CommandId,
    /// The story it belongs to.
    pub correlation_id: CorrelationId,
    /// The event that directly caused the command, if one did.
    pub causation_id: Option<EventId>,
    /// The trace in which it was made.
    pub trace: Option<TraceParent>,
    /// When it happened: business or device time.
    pub occurred_at: DateTime<Utc>,
    /// When the server recorded it; never decreases with the position.
    pub recorded_at: DateTime<Utc>,
    /// The gap-free number that the log gave with this event, where its command asked for one (a ticket number).
    pub number: Option<i64>,
    /// What happened.
    pub event: E,
}

impl<E> Recorded<E> {
    /// The same envelope around another form of the event.
    ///
    /// # Errors
    /// Whatever `change` answers.
    pub fn try_map<F, X>(self, change: impl FnOnce(&str, E) -> Result<F, X>) -> Result<Recorded<F>, X> {
        let event = change(&self.category, self.event)?;
        Ok(Recorded {
            position: self.position,
            epoch: self.epoch,
            event_id: self.event_id,
            tenant_id: self.tenant_id,
            category: self.category,
            stream_id: self.stream_id,
            version: self.version,
            actor: self.actor,
            command_id: self.command_id,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            trace: self.trace,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            number: self.number,
            event,
        })
    }
}

impl Recorded<EventData> {
    /// Reads the payload.
    ///
    /// # Errors
    /// The event is not of this set, or cannot be read.
    pub fn decode<E: EventSet>(self) -> Result<Recorded<E>, DecodeError> {
        self.try_map(|category, stored| E::decode(category, &stored))
    }
}
