//! When somebody is to come back: a date and a wall-clock time at the door.

use chrono::NaiveDate;
use kernel::ParseError;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// A time of day at the door, `HH:MM` from `00:00` to `23:59`. No time zone: it is what the clock on the wall says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime {
    hour: u8,
    minute: u8,
}

impl ClockTime {
    /// Reads `HH:MM`.
    ///
    /// # Errors
    /// Not two digits, a colon and two digits, or no such time.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let two_digits = |tens: u8, units: u8| {
            (tens.is_ascii_digit() && units.is_ascii_digit()).then(|| (tens - b'0') * 10 + units - b'0')
        };
        let read = || match *text.as_bytes() {
            [h1, h2, b':', m1, m2] => Some(Self { hour: two_digits(h1, h2)?, minute: two_digits(m1, m2)? }),
            _ => None,
        };
        read()
            .filter(|time| time.hour < 24 && time.minute < 60)
            .ok_or_else(|| ParseError::new("must be a time of day as HH:MM, from 00:00 to 23:59"))
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl TryFrom<String> for ClockTime {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        Self::parse(&text)
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        time.to_string()
    }
}

impl PartialSchema for ClockTime {
    fn schema() -> RefOr<Schema> {
        let pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples(["14:30"]).into()
    }
}

impl ToSchema for ClockTime {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ClockTime")
    }
}

/// When somebody is to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Appointment {
    /// The day at the door.
    pub date: NaiveDate,
    /// The time at the door.
    pub time: ClockTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_five_characters_of_a_real_time() {
        for right in ["00:00", "09:05", "14:30", "23:59"] {
            assert_eq!(ClockTime::parse(right).unwrap().to_string(), right);
        }
        for wrong in ["", "9:05", "24:00", "12:60", "12-30", "12:3", "12:300", " 9:05", "1a:00", "١٢:00"] {
            assert!(ClockTime::parse(wrong).is_err(), "{wrong}");
        }
    }
}
