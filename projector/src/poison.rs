//! An event that a projection cannot fold.

use crate::row::RowError;
use event_store::VaultError;
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

impl Poison {
    /// Whether it concerns its stream alone, so that the stream is parked and everybody else goes on. Otherwise the read
    /// model stops: what is wrong concerns every event of its sort, or the table itself.
    pub fn parks(&self) -> bool {
        self.cause.parks()
    }

    /// What is wrong, on one line, without the position.
    pub fn reason(&self) -> String {
        chain(&self.cause)
    }
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
    /// The table holds what the read model did not write.
    #[error("the table holds a row that cannot be read")]
    Table(#[source] RowError),
    /// Postgres refuses the row.
    #[error("Postgres refuses the row")]
    Refused(#[source] sqlx::Error),
    /// Its personal data does not open.
    #[error("its personal data does not open")]
    Sealed(#[source] VaultError),
    /// What it would fold next was moved into files.
    #[error(
        "the events from {from} to {up_to} are archived: `sillage log archive restore --from {from}` brings them back, \
         then restart the projector"
    )]
    Archived {
        /// The first that is needed.
        from: Position,
        /// The last that is archived.
        up_to: Position,
    },
    /// The read model's code panicked.
    #[error("the read model panicked: {0}")]
    Panic(String),
    /// One stream more would be parked, but this is no longer about single streams.
    #[error("{parked} streams are parked already")]
    TooMany {
        /// How many.
        parked: usize,
        /// What is wrong with this one.
        #[source]
        cause: Box<PoisonCause>,
    },
}

impl PoisonCause {
    /// See [`Poison::parks`].
    pub(crate) fn parks(&self) -> bool {
        match self {
            Self::Decode(error) => !error.is_unknown(),
            Self::Row(error) => error.is_about_a_value(),
            // Cardinality, data, integrity, limits (an index entry that is too long); not syntax and rights, which means
            // that the table was changed by hand.
            Self::Refused(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref().and_then(|code| code.get(..2)), Some("21" | "22" | "23" | "54"))
            }
            Self::Refused(error) => matches!(error, sqlx::Error::Encode(_)),
            Self::Panic(_) | Self::Sealed(VaultError::Damaged(_)) => true,
            Self::Sealed(_) | Self::Table(_) | Self::Archived { .. } | Self::TooMany { .. } => false,
        }
    }
}

/// An error with its causes on one line, for people who read it in a table.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        // Some wrappers say what they wrap.
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_every_event_stops_and_what_concerns_one_parks() {
        let poison = |cause| Poison { position: Position(1), event_id: None, cause };
        let category = "test.box";
        let unknown = DecodeError::UnknownType { category, event_type: "dropped".into() };
        assert!(!poison(PoisonCause::Decode(unknown)).parks());
        let newer = DecodeError::NewerSchema { category, event_type: "put".into(), stored: 2, known: 1 };
        assert!(!poison(PoisonCause::Decode(newer)).parks());
        assert!(!poison(PoisonCause::Decode(DecodeError::UnknownCategory("test.sky".into()))).parks());
        let source = serde_json::from_str::<i32>("{").unwrap_err();
        let damaged = DecodeError::Payload { category, event_type: "put".into(), source };
        assert!(poison(PoisonCause::Decode(damaged)).parks());
        assert!(poison(PoisonCause::Row(RowError::Nul { column: "label" })).parks());
        assert!(!poison(PoisonCause::Row(RowError::NoColumn("label"))).parks());
        assert!(!poison(PoisonCause::Table(RowError::Nul { column: "label" })).parks());
        assert!(poison(PoisonCause::Panic("a cursed box".into())).parks());
    }

    #[test]
    fn an_error_is_said_once() {
        let cause = PoisonCause::Row(RowError::Nul { column: "label" });
        let too_many = PoisonCause::TooMany { parked: 3, cause: Box::new(cause) };
        assert_eq!(
            chain(&too_many),
            "3 streams are parked already: the row does not fit its table: \
             column label: the text contains a NUL character"
        );
    }
}
