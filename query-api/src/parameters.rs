//! Query strings: known names only, each at most once, each with an error that says what to send.

use crate::reading::Seen;
use axum::http::StatusCode;
use chrono::{DateTime, Datelike, Utc};
use kernel::{Epoch, Position};
use platform::Problem;
use std::collections::HashMap;
use std::str::FromStr;

/// The parameters of a request that nobody has asked for yet.
pub(crate) struct Parameters(HashMap<String, String>);

/// A moment of the log: a place in it or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// After the event at this position.
    Position(Position),
    /// After the last event recorded at or before this time.
    Time(DateTime<Utc>),
}

impl Parameters {
    /// Reads a query string.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query.unwrap_or_default())
            .map_err(|error| invalid("").detail(error.to_string()))?;
        let mut parameters = HashMap::new();
        for (name, value) in pairs {
            if value.contains('\0') {
                return Err(invalid(&name).detail("it contains a NUL character"));
            }
            if parameters.insert(name.clone(), value).is_some() {
                return Err(invalid(&name)
                    .detail("it is there more than once")
                    .remedy("Send it once; several values go into one, with commas."));
            }
        }
        Ok(Self(parameters))
    }

    /// Takes one parameter.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Takes and reads one parameter.
    pub(crate) fn take_as<T: FromStr>(&mut self, name: &str, expected: &str) -> Result<Option<T>, Problem> {
        let Some(value) = self.take(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| invalid(name).detail(format!("expected {expected}")))
    }

    /// Takes `min_position`: `38`, or `2.38` for the position 38 of epoch 2.
    pub(crate) fn min_position(&mut self) -> Result<Option<Seen>, Problem> {
        let Some(text) = self.take("min_position") else { return Ok(None) };
        let (epoch, position) = match text.split_once('.') {
            None => (None, text.as_str()),
            Some((epoch, position)) => (Some(epoch), position),
        };
        let wrong = || invalid("min_position").detail("expected the position of an earlier answer, like 38 or 1.38");
        let epoch = epoch.map(u16::from_str).transpose().map_err(|_| wrong())?.map(|epoch| Epoch(epoch.into()));
        let position = position.parse().ok().filter(|position| *position >= 0).ok_or_else(wrong)?;
        Ok(Some(Seen { position: Position(position), epoch }))
    }

    /// Takes a moment: a position or an RFC 3339 time.
    pub(crate) fn moment(&mut self, name: &str) -> Result<Option<Moment>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        if let Ok(position) = text.parse::<i64>() {
            return Ok(Some(Moment::Position(Position(position.max(0)))));
        }
        match time(&text) {
            Some(time) => Ok(Some(Moment::Time(time))),
            None => Err(invalid(name).detail("expected a position, or a time like 2026-03-01T12:00:00Z")),
        }
    }

    /// Takes an RFC 3339 time.
    pub(crate) fn time(&mut self, name: &str) -> Result<Option<DateTime<Utc>>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let wrong = || invalid(name).detail("expected a time like 2026-03-01T12:00:00Z");
        time(&text).map(Some).ok_or_else(wrong)
    }

    /// Refuses what nobody has taken.
    pub(crate) fn finish(self, known: &[&str]) -> Result<(), Problem> {
        let Some(name) = self.0.into_keys().min() else { return Ok(()) };
        Err(Problem::new(StatusCode::BAD_REQUEST, "unknown_parameter", "A query parameter is not known")
            .detail(format!("there is no parameter {name:?}"))
            .remedy(format!("Use: {}.", known.join(", "))))
    }
}

/// An RFC 3339 time in the years that Postgres and JSON agree upon; a `+` may have arrived as a space.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok()?.to_utc();
    (1..=9999).contains(&time.year()).then_some(time)
}

/// A parameter that cannot be used.
pub(crate) fn invalid(name: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_parameter", format!("The parameter {name} is not usable"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_however_the_plus_sign_arrived() {
        let expected = Moment::Time("2026-03-01T12:00:00Z".parse().unwrap());
        for query in
            ["as_of=2026-03-01T12:00:00Z", "as_of=2026-03-01T13:00:00%2B01:00", "as_of=2026-03-01T13:00:00+01:00"]
        {
            assert_eq!(Parameters::parse(Some(query)).unwrap().moment("as_of").unwrap(), Some(expected), "{query}");
        }
    }

    #[test]
    fn what_is_unknown_twice_or_malformed_is_refused() {
        let codes = |query: &str| -> String {
            let read = |query| -> Result<(), Problem> {
                let mut parameters = Parameters::parse(Some(query))?;
                parameters.min_position()?;
                parameters.moment("as_of")?;
                parameters.finish(&["min_position", "as_of"])
            };
            read(query).map_or_else(|problem| problem.code().to_owned(), |()| "ok".into())
        };
        assert_eq!(codes("min_position=3&as_of=7"), "ok");
        assert_eq!(codes("min_position=3&min_position=4"), "invalid_parameter");
        assert_eq!(codes("min_position=2.38"), "ok");
        for wrong in ["-1", "1.-1", "x.38", "-1.38", "1.", ".38", "1.2.3", ""] {
            assert_eq!(codes(&format!("min_position={wrong}")), "invalid_parameter", "{wrong}");
        }
        assert_eq!(codes("as_of=yesterday"), "invalid_parameter");
        assert_eq!(codes("colour=red"), "unknown_parameter");
        assert_eq!(codes("as_of=%00"), "invalid_parameter");
    }
}
