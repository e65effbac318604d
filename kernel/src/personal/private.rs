//! Personal data on its way into a decision.

use super::{Personal, REDACTED};
use serde::{Deserialize, Deserializer};
use std::fmt;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a caller sent about a person: a field of a command. Nobody has said yet whose it is; [`Private::about`] does.
///
/// `Debug` and `Display` print `‹redacted›`, and it cannot be serialized. To the API it is a `T`.
#[derive(Clone, PartialEq, Eq, Hash, ToSchema)]
#[schema(description = "About a person: encrypted where it is kept, and gone once that person is erased.")]
pub struct Private<T>(pub T);

impl<T> Private<T> {
    /// The value itself, for checks. Whatever keeps it must keep it as [`Personal`].
    pub const fn value(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> Private<T> {
    /// The same as data about `subject`: the person whose erasure must take it away.
    pub fn about(&self, subject: impl Into<Uuid>) -> Personal<T> {
        Personal::new(subject, self.0.clone())
    }
}

impl<T> From<T> for Private<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Private<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}
