//! How satisfied a customer is.

use kernel::ParseError;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// How satisfied a customer is: 1 (not at all) to 5 (very).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i32")]
#[schema(value_type = i32, minimum = 1, maximum = 5)]
pub struct CsatScore(i32);

impl CsatScore {
    /// The number.
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl TryFrom<i32> for CsatScore {
    type Error = ParseError;

    fn try_from(score: i32) -> Result<Self, ParseError> {
        if (1..=5).contains(&score) {
            Ok(Self(score))
        } else {
            Err(ParseError::new("must be a whole number from 1 to 5"))
        }
    }
}

impl fmt::Display for CsatScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
