//! The words that every other crate speaks: ids, positions, events, commands, read models.
//!
//! Pure: no IO, no clock, no randomness. No business word either; `domain` says what may happen,
//! this crate says what "an event", "a command" and "a read model" are.

pub mod actor;
pub mod aggregate;
pub mod blind;
pub mod catalogue;
pub mod codec;
pub mod command;
pub mod event;
pub mod ids;
pub mod labels;
pub mod personal;
pub mod policy;
pub mod position;
pub mod reach;
pub mod reactor;
pub mod read_model;
pub mod rejection;
pub mod scope;
mod shape;
pub mod specs;
pub mod team;
pub mod text;
pub mod trace;

pub use actor::{Actor, ActorKind};
pub use aggregate::{Aggregate, Change, Known, Loaded, Source, Streams};
pub use blind::{BlindIndex, BlindIndexer};
pub use catalogue::{Category, EventType, Field, FieldKind, Writing, Written};
pub use codec::{DecodeError, Encoded, EventData, Upcaster};
pub use command::{Command, Context, Decided, Decision, Events, Ids, View};
pub use event::{Event, EventSet, Recorded};
pub use ids::{ActorId, CommandId, CorrelationId, EventId, LogId, SubjectId, TenantId};
pub use labels::{Labelled, Language};
pub use personal::{Personal, Private, Sealed, Seals, Shows};
pub use policy::{Policy, Rows};
pub use position::{Epoch, Position, Version};
pub use reach::Reach;
pub use reactor::{Reaction, Reactor};
pub use read_model::{Column, ColumnKind, Index, Keys, ReadModel, Table};
pub use rejection::{Rejection, RejectionKind};
pub use scope::{Scope, Scopes};
pub use team::Team;
pub use text::{ParseError, Text};
pub use trace::TraceParent;
