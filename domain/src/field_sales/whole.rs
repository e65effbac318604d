//! Whole numbers between two bounds. Parsed once, at the edge.

use kernel::ParseError;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i32")]
pub struct Whole<const MIN: i32, const MAX: i32>(i32);

impl<const MIN: i32, const MAX: i32> Whole<MIN, MAX> {
    /// The smallest one.
    pub const MIN: Self = Self(MIN);
    /// The largest one.
    pub const MAX: Self = Self(MAX);

    /// Checks the bounds.
    ///
    /// # Errors
    /// The number is out of bounds.
    pub fn parse(number: i64) -> Result<Self, ParseError> {
        i32::try_from(number)
            .ok()
            .filter(|number| (MIN..=MAX).contains(number))
            .map(Self)
            .ok_or_else(|| ParseError::new(format!("must be a whole number from {MIN} to {MAX}, is {number}")))
    }

    /// The number itself.
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl<const MIN: i32, const MAX: i32> TryFrom<i64> for Whole<MIN, MAX> {
    type Error = ParseError;
    fn try_from(number: i64) -> Result<Self, ParseError> {
        Self::parse(number)
    }
}

impl<const MIN: i32, const MAX: i32> From<Whole<MIN, MAX>> for i32 {
    fn from(number: Whole<MIN, MAX>) -> Self {
        number.0
    }
}

impl<const MIN: i32, const MAX: i32> PartialSchema for Whole<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(MIN)).maximum(Some(MAX)).into()
    }
}

impl<const MIN: i32, const MAX: i32> ToSchema for Whole<MIN, MAX> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("Whole{MIN}To{MAX}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_are_inside_and_their_neighbours_are_not() {
        let parse = |number: i64| serde_json::from_value::<Whole<1, 99>>(number.into());
        assert_eq!(parse(1).unwrap().get(), 1);
        assert_eq!(parse(99).unwrap().get(), 99);
        for wrong in [i64::MIN, -1, 0, 100, i64::MAX] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<Whole<1, 99>>("1.5").is_err());
    }
}
