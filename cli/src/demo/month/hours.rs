//! When people write: days, weeks and hours in Paris. When the desk works is said by its own calendar.

use super::chance::Chance;
use chrono::{DateTime, Datelike, Days as Span, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc, Weekday};
use domain::time_zone::TimeZone;

/// Days that the month has.
const DAYS: i64 = 30;
/// The one of them on which something is wrong with the galleries, and twice as many write.
const INCIDENT: i64 = 16;

/// How often people write in each hour of a day.
const HOURS: [usize; 24] = [2, 1, 1, 1, 1, 1, 3, 8, 22, 46, 58, 50, 28, 30, 50, 48, 42, 36, 26, 20, 24, 22, 12, 5];

/// The days of the month, in a row.
#[derive(Clone, Debug)]
pub(super) struct Days {
    first: NaiveDate,
}

impl Days {
    /// Those of which this is the last.
    pub(super) fn ending(last: NaiveDate) -> Self {
        Self { first: last - TimeDelta::days(DAYS - 1) }
    }

    /// The morning of one of them, 0 is the first.
    pub(super) fn morning(&self, number: i64) -> DateTime<Utc> {
        paris(self.date(number), 8, 0)
    }

    /// Whether something was wrong then.
    pub(super) fn is_of_incident(&self, at: DateTime<Utc>) -> bool {
        local(at).date() == self.date(INCIDENT)
    }

    /// So many moments at which people write, in order: more on workdays, most of all on Mondays.
    pub(super) fn moments(&self, chance: &mut Chance, count: usize) -> Vec<DateTime<Utc>> {
        let weighed = |number: i64| {
            let day = self.date(number);
            let usual = match day.weekday() {
                Weekday::Mon => 130,
                Weekday::Tue => 115,
                Weekday::Wed | Weekday::Thu => 100,
                Weekday::Fri => 88,
                Weekday::Sat => 38,
                Weekday::Sun => 26,
            };
            (day, if number == INCIDENT { usual * 2 } else { usual })
        };
        let days: Vec<(NaiveDate, usize)> = (0..DAYS).map(weighed).collect();
        let hours: Vec<(u32, usize)> = (0..).zip(HOURS).collect();
        let moment = |chance: &mut Chance| {
            let (day, hour) = (*chance.weighed(&days), *chance.weighed(&hours));
            paris(day, hour, 0) + TimeDelta::seconds(chance.below(3_600))
        };
        let mut moments: Vec<DateTime<Utc>> = (0..count).map(|_| moment(chance)).collect();
        moments.sort_unstable();
        moments
    }

    fn date(&self, number: i64) -> NaiveDate {
        self.first + TimeDelta::days(number)
    }
}

/// The same moment, or some time in the morning where customers sleep then.
pub(super) fn awake(at: DateTime<Utc>, chance: &mut Chance) -> DateTime<Utc> {
    let local = local(at);
    if (7..23).contains(&local.hour()) {
        return at;
    }
    let day = if local.hour() < 7 { local.date() } else { local.date() + Span::new(1) };
    paris(day, 7, 15) + TimeDelta::seconds(chance.below(9_000))
}

fn local(at: DateTime<Utc>) -> NaiveDateTime {
    at.with_timezone(&TimeZone::default().offset_at(at)).naive_local()
}

fn paris(day: NaiveDate, hour: u32, minute: u32) -> DateTime<Utc> {
    TimeZone::default().when_clocks_show(day.and_hms_opt(hour, minute, 0).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_sleep_at_night() {
        let mut chance = Chance::new(3);
        for minute in (0..3 * 24 * 60).step_by(11) {
            let at = "2026-03-27T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minute);
            let later = awake(at, &mut chance);
            assert!((7..23).contains(&local(later).hour()) && later >= at && later - at < TimeDelta::hours(12));
            assert!(later == at || !(7..23).contains(&local(at).hour()));
        }
    }
}
