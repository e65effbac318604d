//! Personal data: what tells something about a person, and must become unreadable when that person is erased.
//!
//! In the log it is stored *sealed*, encrypted under a key of the person it is about; destroying the key erases it
//! everywhere at once, and no stored byte changes. Folding never opens anything: events and states carry the sealed form,
//! so no fold needs a key and none fails after an erasure. Clear text exists in a command and its decision, in the rows that
//! are shown, and in answers.
//!
//! What a value may become is decided by where it is serialized: see [`scope`].

mod private;
pub mod scope;
mod sealed;

pub use private::Private;
pub use scope::{SealError, Seals, Shows, collecting, listing, noting, sealing, showing, shown};
pub use sealed::Sealed;

use crate::ids::SubjectId;
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is shown where a person's data was.
pub const ERASED: &str = "[erased]";
/// What is printed instead of a person's data.
pub(crate) const REDACTED: &str = "‹redacted›";

/// A value about a person: a name, an address, what somebody wrote. Its text form is what `Display` prints and `FromStr`
/// reads.
///
/// `Debug` and `Display` print `‹redacted›`. Two fresh values are equal if subject and value are; two sealed ones if they
/// are the same stored bytes; a fresh and a sealed one never are, since only the key could tell.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(
    bound = "",
    value_type = String,
    description = "What a person wrote, or is known or reached by. `[erased]` once that person's data was erased."
)]
pub struct Personal<T>(Form<T>);

#[derive(Clone, PartialEq, Eq)]
enum Form<T> {
    /// Fresh from a command.
    Plain { subject: SubjectId, value: T },
    /// As the log has it.
    Sealed(Sealed),
    /// As a read model's table has it: clear, and whose it is is not known.
    Shown(Arc<str>),
    /// The table has it no more.
    Erased,
}

impl<T> Personal<T> {
    /// A fresh value about `subject`: the person whose erasure must take it away.
    pub fn new(subject: impl Into<Uuid>, value: T) -> Self {
        Self(Form::Plain { subject: SubjectId(subject.into()), value })
    }

    /// The value, where it is fresh from a command. What comes from the log or a table has none.
    pub const fn fresh(&self) -> Option<&T> {
        match &self.0 {
            Form::Plain { value, .. } => Some(value),
            Form::Sealed(_) | Form::Shown(_) | Form::Erased => None,
        }
    }

    /// The sealed form, where it comes from the log.
    pub const fn sealed(&self) -> Option<&Sealed> {
        match &self.0 {
            Form::Sealed(sealed) => Some(sealed),
            Form::Plain { .. } | Form::Shown(_) | Form::Erased => None,
        }
    }

    /// Whom it is about; not known of what comes from a table.
    pub fn subject(&self) -> Option<SubjectId> {
        match &self.0 {
            Form::Plain { subject, .. } => Some(*subject),
            Form::Sealed(sealed) => Some(sealed.subject()),
            Form::Shown(_) | Form::Erased => None,
        }
    }
}

impl<T> Personal<T> {
    /// The same data as a type with the same text form. `change` sees the value where it is fresh; what is sealed stays
    /// as it is, and opens in its own tenant only.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Personal<U> {
        Personal(match self.0 {
            Form::Plain { subject, value } => Form::Plain { subject, value: change(value) },
            Form::Sealed(sealed) => Form::Sealed(sealed),
            Form::Shown(text) => Form::Shown(text),
            Form::Erased => Form::Erased,
        })
    }
}

impl<T> From<Sealed> for Personal<T> {
    fn from(sealed: Sealed) -> Self {
        Self(Form::Sealed(sealed))
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T: fmt::Display> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match &self.0 {
            Form::Plain { subject, value } => scope::write_plain(*subject, value),
            Form::Sealed(sealed) => Ok(scope::write_sealed(sealed)),
            Form::Shown(text) => scope::write_shown(text),
            Form::Erased => scope::write_shown(ERASED),
        };
        serializer.serialize_str(&text.map_err(serde::ser::Error::custom)?)
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for TextVisitor<T> {
    type Value = Personal<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("personal data in its stored form")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Personal<T>, E> {
        // Errors never quote the text: it may be somebody's data.
        match scope::reading() {
            scope::Reading::Stored => {
                let sealed = Sealed::parse(text).map_err(E::custom)?;
                scope::note(&sealed);
                Ok(Personal(Form::Sealed(sealed)))
            }
            scope::Reading::Shown if text == ERASED => Ok(Personal(Form::Erased)),
            scope::Reading::Shown => Ok(Personal(Form::Shown(text.into()))),
            scope::Reading::Specs => {
                let (subject, text) = Sealed::parse(text)
                    .map_err(E::custom)?
                    .open_spec()
                    .ok_or_else(|| E::invalid_value(Unexpected::Other("a sealed text that no spec sealed"), &self))?;
                let value = text.parse().map_err(E::custom)?;
                Ok(Personal(Form::Plain { subject, value }))
            }
        }
    }
}

#[cfg(test)]
mod tests;
