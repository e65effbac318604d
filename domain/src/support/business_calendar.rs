//! When the desk works: hours of each weekday in a time zone, without the holidays.

use crate::time_zone::TimeZone;
use chrono::{NaiveDate, Weekday};
use kernel::ParseError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use utoipa::ToSchema;

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Stretches of work in one day, at most.
const MOST_STRETCHES: usize = 6;
/// A week has so many minutes of work at least: with fewer, a target of a year would end in another century.
const LEAST_A_WEEK: u32 = 4 * 60;
/// Holidays, at most: a dozen a year for a generation.
const MOST_HOLIDAYS: usize = 400;

/// When the desk works. Nothing said is every hour of every day: 24x7.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BusinessCalendar {
    /// Where the hours are read off the wall, and where a day begins and ends.
    #[serde(default)]
    pub time_zone: TimeZone,
    /// The hours of each weekday; every hour of every day where absent.
    #[serde(default)]
    pub hours: Option<WeeklyHours>,
    /// Days on which nobody works, whatever the weekday.
    #[serde(default)]
    pub holidays: Holidays,
}

impl BusinessCalendar {
    /// The stretches of a day, in minutes after its midnight, in order.
    pub(super) fn stretches(&self, day: NaiveDate, weekday: Weekday) -> Vec<(u16, u16)> {
        if self.holidays.0.contains(&day) {
            return Vec::new();
        }
        match &self.hours {
            None => vec![(0, DAY)],
            Some(hours) => hours.of(weekday).0.iter().map(|stretch| (stretch.from.0, stretch.to.0)).collect(),
        }
    }

    /// Whether it works at every moment.
    pub(super) fn is_always(&self) -> bool {
        self.hours.is_none() && self.holidays.0.is_empty()
    }
}

/// The hours of each weekday, four in all at least. A day that is left out is free.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Week")]
pub struct WeeklyHours {
    /// Mondays.
    #[schema(required = false)]
    pub monday: DayHours,
    /// Tuesdays.
    #[schema(required = false)]
    pub tuesday: DayHours,
    /// Wednesdays.
    #[schema(required = false)]
    pub wednesday: DayHours,
    /// Thursdays.
    #[schema(required = false)]
    pub thursday: DayHours,
    /// Fridays.
    #[schema(required = false)]
    pub friday: DayHours,
    /// Saturdays.
    #[schema(required = false)]
    pub saturday: DayHours,
    /// Sundays.
    #[schema(required = false)]
    pub sunday: DayHours,
}

/// The same as it is written, before it is known to make sense.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Week {
    monday: DayHours,
    tuesday: DayHours,
    wednesday: DayHours,
    thursday: DayHours,
    friday: DayHours,
    saturday: DayHours,
    sunday: DayHours,
}

impl TryFrom<Week> for WeeklyHours {
    type Error = ParseError;

    fn try_from(week: Week) -> Result<Self, ParseError> {
        let Week { monday, tuesday, wednesday, thursday, friday, saturday, sunday } = week;
        let hours = Self { monday, tuesday, wednesday, thursday, friday, saturday, sunday };
        let minutes: u32 = WEEKDAYS.iter().map(|day| hours.of(*day).minutes()).sum();
        if minutes < LEAST_A_WEEK {
            return Err(ParseError::new("must have four hours a week at least; leave `hours` out for 24x7"));
        }
        Ok(hours)
    }
}

const WEEKDAYS: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

impl WeeklyHours {
    const fn of(&self, weekday: Weekday) -> &DayHours {
        match weekday {
            Weekday::Mon => &self.monday,
            Weekday::Tue => &self.tuesday,
            Weekday::Wed => &self.wednesday,
            Weekday::Thu => &self.thursday,
            Weekday::Fri => &self.friday,
            Weekday::Sat => &self.saturday,
            Weekday::Sun => &self.sunday,
        }
    }
}

/// The stretches of work of one day, in order, none within another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Vec<OpenHours>")]
pub struct DayHours(Vec<OpenHours>);

impl DayHours {
    fn minutes(&self) -> u32 {
        self.0.iter().map(|stretch| u32::from(stretch.to.0 - stretch.from.0)).sum()
    }
}

impl TryFrom<Vec<OpenHours>> for DayHours {
    type Error = ParseError;

    fn try_from(stretches: Vec<OpenHours>) -> Result<Self, ParseError> {
        if stretches.len() > MOST_STRETCHES {
            return Err(ParseError::new("must have at most 6 stretches a day"));
        }
        if stretches.iter().any(|stretch| stretch.from >= stretch.to) {
            return Err(ParseError::new("must end after it begins; what goes past midnight is two days"));
        }
        if stretches.windows(2).any(|pair| pair[0].to > pair[1].from) {
            return Err(ParseError::new("must have its stretches in order, none within another"));
        }
        Ok(Self(stretches))
    }
}

/// A stretch of work: from nine to half past twelve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenHours {
    /// When it begins.
    pub from: TimeOfDay,
    /// When it is over: `24:00` at the latest.
    pub to: TimeOfDay,
}

/// A time on the wall, to the minute: `09:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "09:30", pattern = "^([01][0-9]|2[0-4]):[0-5][0-9]$")]
pub struct TimeOfDay(u16);

impl TryFrom<String> for TimeOfDay {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let error = || ParseError::new("must be a time of the day like 09:30, 24:00 at the latest");
        let (hours, minutes) = text.split_once(':').ok_or_else(error)?;
        let two = |digits: &str| -> Option<u16> {
            (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
        };
        let (hours, minutes) = (two(hours).ok_or_else(error)?, two(minutes).ok_or_else(error)?);
        let of_day = hours * 60 + minutes;
        if minutes < 60 && of_day <= DAY { Ok(Self(of_day)) } else { Err(error()) }
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Days on which nobody works, each once, 400 at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "BTreeSet<NaiveDate>")]
pub struct Holidays(BTreeSet<NaiveDate>);

impl TryFrom<BTreeSet<NaiveDate>> for Holidays {
    type Error = ParseError;

    fn try_from(days: BTreeSet<NaiveDate>) -> Result<Self, ParseError> {
        if days.len() > MOST_HOLIDAYS {
            return Err(ParseError::new("must name at most 400 holidays"));
        }
        Ok(Self(days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(calendar: Value) -> Result<BusinessCalendar, serde_json::Error> {
        serde_json::from_value(calendar)
    }

    #[test]
    fn a_calendar_is_said_as_it_is_read() {
        let office = json!({
            "time_zone": "Europe/Paris",
            "hours": {
                "monday": [{"from": "09:00", "to": "12:30"}, {"from": "14:00", "to": "18:00"}], "tuesday": [],
                "wednesday": [], "thursday": [], "friday": [{"from": "00:00", "to": "24:00"}], "saturday": [], "sunday": [],
            },
            "holidays": ["2026-07-14", "2026-12-25"],
        });
        let calendar = read(office.clone()).unwrap();
        assert_eq!(serde_json::to_value(&calendar).unwrap(), office);
        let monday = NaiveDate::from_ymd_opt(2026, 7, 13).unwrap();
        assert_eq!(calendar.stretches(monday, Weekday::Mon), [(540, 750), (840, 1080)]);
        assert_eq!(calendar.stretches(monday.succ_opt().unwrap(), Weekday::Fri), [], "a holiday");
        assert_eq!(read(json!({})).unwrap(), BusinessCalendar::default());
        assert!(read(json!({})).unwrap().is_always());
    }

    #[test]
    fn a_calendar_without_hours_or_sense_is_refused() {
        let day = |stretches: Value| json!({"hours": {"monday": stretches}});
        for wrong in [
            json!({"hours": {}}),
            day(json!([])),
            day(json!([{"from": "09:00", "to": "12:59"}])),
            day(json!([{"from": "18:00", "to": "09:00"}])),
            day(json!([{"from": "09:00", "to": "09:00"}])),
            day(json!([{"from": "09:00", "to": "18:00"}, {"from": "17:00", "to": "20:00"}])),
            day(json!([{"from": "14:00", "to": "20:00"}, {"from": "08:00", "to": "12:00"}])),
            day(json!([{"from": "9:00", "to": "18:00"}])),
            day(json!([{"from": "09:60", "to": "18:00"}])),
            day(json!([{"from": "09:00", "to": "24:01"}])),
            day(json!([{"from": "+9:00", "to": "18:00"}])),
            json!({"hours": {"mon": [{"from": "09:00", "to": "18:00"}]}}),
            json!({"time_zone": "Paris"}),
            json!({"holidays": ["2026-02-30"]}),
            json!({"opening": "always"}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
