//! Places on the map.

use kernel::ParseError;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// Degrees from `-MAX` to `MAX` (WGS 84), kept to seven decimals: about one centimetre on the ground.
///
/// Seven decimals also mean that a value is the same number after every trip through JSON.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Degrees<const MAX: i32>(f64);

/// Degrees north of the equator; south is negative.
pub type Latitude = Degrees<90>;
/// Degrees east of Greenwich; west is negative.
pub type Longitude = Degrees<180>;

impl<const MAX: i32> Degrees<MAX> {
    /// Checks the bounds and rounds.
    ///
    /// # Errors
    /// The number is out of bounds or not a number.
    pub fn parse(degrees: f64) -> Result<Self, ParseError> {
        if !(-f64::from(MAX)..=f64::from(MAX)).contains(&degrees) {
            return Err(ParseError::new(format!("must be degrees from -{MAX} to {MAX}, is {degrees}")));
        }
        // Adding zero turns the negative zero, which prints differently, into the usual one.
        Ok(Self((degrees * 1e7).round() / 1e7 + 0.0))
    }

    /// The number itself.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl<const MAX: i32> TryFrom<f64> for Degrees<MAX> {
    type Error = ParseError;
    fn try_from(degrees: f64) -> Result<Self, ParseError> {
        Self::parse(degrees)
    }
}

impl<const MAX: i32> From<Degrees<MAX>> for f64 {
    fn from(degrees: Degrees<MAX>) -> Self {
        degrees.0
    }
}

impl<const MAX: i32> PartialSchema for Degrees<MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Number).minimum(Some(-MAX)).maximum(Some(MAX)).into()
    }
}

impl<const MAX: i32> ToSchema for Degrees<MAX> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("Degrees{MAX}"))
    }
}

/// A point on the map.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Coordinates {
    /// Degrees north of the equator.
    pub latitude: Latitude,
    /// Degrees east of Greenwich.
    pub longitude: Longitude,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_point_is_off_the_map() {
        assert!(Latitude::parse(90.0).is_ok() && Longitude::parse(-180.0).is_ok());
        assert!(Latitude::parse(90.1).is_err() && Longitude::parse(-180.000_000_1).is_err());
        assert!(Latitude::parse(f64::NAN).is_err() && Latitude::parse(f64::INFINITY).is_err());
        assert!(serde_json::from_str::<Coordinates>(r#"{"latitude":91,"longitude":2}"#).is_err());
    }

    proptest! {
        #[test]
        fn a_point_is_the_same_after_a_trip_through_json(degrees in -180.0..=180.0_f64) {
            let longitude = Longitude::parse(degrees).unwrap();
            let text = serde_json::to_string(&longitude).unwrap();
            prop_assert_eq!(serde_json::from_str::<Longitude>(&text).unwrap(), longitude);
            prop_assert!((longitude.get() - degrees).abs() <= 1e-7);
        }
    }
}
