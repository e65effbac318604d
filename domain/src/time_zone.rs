//! A time zone by its IANA name. Of no context: a company is in one, and so is a desk's calendar.

use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use kernel::ParseError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// A time zone of the IANA database: `Europe/Paris`. Upper and lower case are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone(Tz);

impl TimeZone {
    /// Looks a name up.
    ///
    /// # Errors
    /// There is no such zone.
    pub fn parse(name: &str) -> Result<Self, ParseError> {
        name.parse().map(Self).map_err(|_| ParseError::new("is not the IANA name of a time zone, like Europe/Paris"))
    }

    /// How far the clocks there are ahead of UTC at a moment.
    pub fn offset_at(self, at: DateTime<Utc>) -> FixedOffset {
        self.0.offset_from_utc_datetime(&at.naive_utc()).fix()
    }

    /// The moment at which the clocks there show this; the first one where they show it twice, and an hour later where they
    /// never do.
    pub fn when_clocks_show(self, local: NaiveDateTime) -> DateTime<Utc> {
        let moment = |local: NaiveDateTime| self.0.from_local_datetime(&local).earliest().map(|at| at.to_utc());
        moment(local).or_else(|| moment(local + TimeDelta::hours(1))).unwrap_or_else(|| local.and_utc())
    }

    /// The name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self(Tz::Europe__Paris)
    }
}

impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&name).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for TimeZone {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(64))
            .examples([serde_json::json!("Europe/Paris")])
            .into()
    }
}

impl ToSchema for TimeZone {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_is_a_moment_also_when_clocks_are_changed() {
        let paris = TimeZone::default();
        for (local, moment) in [
            ("2026-01-15T12:00:00", "2026-01-15T11:00:00Z"),
            ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
            ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(paris.when_clocks_show(local.parse().unwrap()), moment.parse::<DateTime<Utc>>().unwrap());
        }
    }

    #[test]
    fn only_zones_that_exist() {
        assert_eq!(TimeZone::parse("America/Port_of_Spain").unwrap().name(), "America/Port_of_Spain");
        for name in ["", "Paris", "europe/paris", "Europe/Atlantis", "+01:00"] {
            assert!(TimeZone::parse(name).is_err(), "{name}");
        }
    }
}
