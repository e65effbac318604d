//! An event that a projection cannot fold.

use crate::row::RowError;
use kernel::{DecodeError, EventId, Position};

/// What a projection cannot get past, and where. `apply` is total, so it is data that cannot be read, a value that the
/// table cannot keep, or a programming error.
#[derive(Debug, thiserror::Error)]
#[error("folding the event at position {position}")]
pub struct Poison {
    /// The event, or the last of those that were folded together.
    pub position: Position,
    /// That event's id.
    pub event_id: Option<EventId>,
    /// What is wrong.
    #[source]
    pub cause: PoisonCause,
}

/// What is wrong with an event, or with the row it leads to.
#[derive(Debug, thiserror::Error)]
pub enum PoisonCause {
    /// This build cannot read it.
    #[error("it cannot be read")]
    Decode(#[source] DecodeError),
    /// The row does not fit its table.
    #[error("the row does not fit its table")]
    Row(#[source] RowError),
    /// Postgres refuses the row.
    #[error("Postgres refuses the row")]
    Refused(#[source] sqlx::Error),
    /// The read model's code panicked.
    #[error("the read model panicked: {0}")]
    Panic(String),
}

/// An error with its causes on one line, for people who read it in a table.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
