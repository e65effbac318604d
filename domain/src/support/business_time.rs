//! Business time: how much of a stretch of time the desk works, and when so much of it will be over.
//!
//! A moment counts where the clock on the desk's wall shows an hour of its calendar. So on the day on which the clocks are put
//! forward the hour that the wall never shows does not count, and on the day on which they are put back the hour that it
//! shows twice counts twice: whoever works from one to four works two hours, or four.

use super::business_calendar::BusinessCalendar;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

/// Days that are looked at, at most: beyond the longest target under the shortest week.
const MOST_DAYS: usize = 80_000;
/// No wall is further behind UTC.
const BEHIND: TimeDelta = TimeDelta::hours(14);
/// No wall is further ahead of UTC, with room.
const AHEAD: TimeDelta = TimeDelta::hours(16);

type Stretch = (DateTime<Utc>, DateTime<Utc>);

impl BusinessCalendar {
    /// The first moment by which so much business time has passed since `start`; `start` where none has to pass.
    pub fn after(&self, start: DateTime<Utc>, span: TimeDelta) -> DateTime<Utc> {
        if span <= TimeDelta::zero() {
            return start;
        }
        if self.is_always() {
            return start + span;
        }
        let mut left = span;
        let mut last = start;
        for day in self.days_from(start).take(MOST_DAYS) {
            for (begins, ends) in self.open_on(day) {
                let begins = begins.max(start);
                if ends <= begins {
                    continue;
                }
                if left <= ends - begins {
                    return begins + left;
                }
                (left, last) = (left - (ends - begins), ends);
            }
        }
        last
    }

    /// How much business time passes from one moment to a later one; none where it is not later.
    pub fn between(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> TimeDelta {
        if self.is_always() {
            return (to - from).max(TimeDelta::zero());
        }
        let until = self.date_of(to).checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
        let days = self.days_from(from).take_while(|day| *day <= until);
        let overlaps = days.flat_map(|day| self.open_on(day)).map(|(begins, ends)| ends.min(to) - begins.max(from));
        overlaps.filter(|overlap| *overlap > TimeDelta::zero()).sum()
    }

    fn date_of(&self, at: DateTime<Utc>) -> NaiveDate {
        (at.naive_utc() + self.time_zone.offset_at(at)).date()
    }

    /// The days on the wall, from the one before this moment on: that one may still last, where clocks are put back.
    fn days_from(&self, start: DateTime<Utc>) -> impl Iterator<Item = NaiveDate> + use<> {
        let today = self.date_of(start);
        today.checked_sub_days(Days::new(1)).unwrap_or(today).iter_days()
    }

    /// When the desk works on a day of its wall, in order.
    fn open_on(&self, day: NaiveDate) -> Vec<Stretch> {
        let stretches = self.stretches(day, day.weekday());
        if stretches.is_empty() {
            return Vec::new();
        }
        let midnight = day.and_time(NaiveTime::MIN).and_utc();
        let (early, late) = (midnight - AHEAD, midnight + TimeDelta::days(1) + BEHIND);
        let (before, after) = (self.time_zone.offset_at(early), self.time_zone.offset_at(late));
        let walls = stretches
            .into_iter()
            .map(|(from, to)| (midnight + TimeDelta::minutes(from.into()), midnight + TimeDelta::minutes(to.into())));
        if before == after {
            return walls.map(|(from, to)| (from - before, to - before)).collect();
        }
        // Up to the change the wall shows the one time, from then on the other.
        let change = self.change_between(early, late);
        let parts = walls.flat_map(|(from, to)| {
            [(from - before, (to - before).min(change)), ((from - after).max(change), to - after)]
        });
        let mut parts: Vec<Stretch> = parts.filter(|(from, to)| from < to).collect();
        parts.sort_unstable();
        parts
    }

    /// The second from which the wall shows what it shows at the end: it changes once between the two.
    fn change_between(&self, early: DateTime<Utc>, late: DateTime<Utc>) -> DateTime<Utc> {
        let (mut low, mut high) = (early.timestamp(), late.timestamp());
        let at = |second: i64| DateTime::from_timestamp(second, 0).unwrap_or(late);
        let wanted = self.time_zone.offset_at(late);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if self.time_zone.offset_at(at(middle)) == wanted { high = middle } else { low = middle }
        }
        at(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time_zone::TimeZone;
    use chrono::Timelike;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn calendar(zone: &str, hours: &Value, holidays: &[&str]) -> BusinessCalendar {
        serde_json::from_value(json!({"time_zone": zone, "hours": hours, "holidays": holidays})).unwrap()
    }

    fn office() -> BusinessCalendar {
        let day = json!([{"from": "09:00", "to": "12:30"}, {"from": "14:00", "to": "18:00"}]);
        let week = json!({"monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day});
        calendar("Europe/Paris", &week, &["2026-07-14"])
    }

    /// Works around the hour at which clocks are changed, every day.
    fn night(zone: &str) -> BusinessCalendar {
        let day = json!([{"from": "00:00", "to": "02:30"}, {"from": "02:30", "to": "04:00"}, {"from": "22:30", "to": "24:00"}]);
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let week: serde_json::Map<String, Value> = days.iter().map(|name| ((*name).to_owned(), day.clone())).collect();
        calendar(zone, &Value::Object(week), &[])
    }

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    const fn hours(hours: i64) -> TimeDelta {
        TimeDelta::hours(hours)
    }

    #[test]
    fn an_office_week_has_nights_a_lunch_a_weekend_and_a_holiday() {
        let office = office();
        // Friday afternoon to Monday, in summer.
        assert_eq!(office.after(at("2026-07-10T17:00:00+02:00"), hours(4)), at("2026-07-13T12:00:00+02:00"));
        // Over Bastille Day.
        assert_eq!(office.after(at("2026-07-13T17:30:00+02:00"), hours(1)), at("2026-07-15T09:30:00+02:00"));
        assert_eq!(office.after(at("2026-07-13T12:00:00+02:00"), hours(1)), at("2026-07-13T14:30:00+02:00"));
        // To the end of the day, not to the beginning of the next one.
        assert_eq!(office.after(at("2026-07-13T17:00:00+02:00"), hours(1)), at("2026-07-13T18:00:00+02:00"));
        let (saturday, thursday) = (at("2026-07-11T10:00:00+02:00"), at("2026-07-16T10:00:00+02:00"));
        assert_eq!(office.between(saturday, thursday), TimeDelta::minutes(7 * 60 + 30) * 2 + hours(1));
        assert_eq!(office.between(thursday, saturday), TimeDelta::zero());
    }

    #[test]
    fn the_hour_that_paris_never_shows_does_not_count_and_the_one_it_shows_twice_counts_twice() {
        let paris = night("Europe/Paris");
        // 2026-03-29: from 02:00 to 03:00 at once.
        let (midnight, four) = (at("2026-03-29T00:00:00+01:00"), at("2026-03-29T04:00:00+02:00"));
        assert_eq!(paris.between(midnight, four), hours(3));
        assert_eq!(paris.after(midnight, hours(3)), four);
        assert_eq!(paris.after(midnight, TimeDelta::minutes(121)), at("2026-03-29T03:01:00+02:00"));
        // 2026-10-25: from 03:00 back to 02:00.
        let (midnight, four) = (at("2026-10-25T00:00:00+02:00"), at("2026-10-25T04:00:00+01:00"));
        assert_eq!(paris.between(midnight, four), hours(5));
        assert_eq!(paris.after(midnight, hours(5)), four);
        assert_eq!(paris.after(midnight, TimeDelta::minutes(181)), at("2026-10-25T02:01:00+01:00"));
        // An office that is closed at night does not notice, but its days are 23 and 25 hours apart.
        let office = office();
        let (friday, monday) = (at("2026-03-27T17:00:00+01:00"), at("2026-03-30T10:00:00+02:00"));
        assert_eq!((office.between(friday, monday), office.after(friday, hours(2))), (hours(2), monday));
    }

    #[test]
    fn every_hour_of_every_day_is_plain_time() {
        let always = BusinessCalendar::default();
        let start = at("2026-03-28T12:00:00+01:00");
        assert_eq!(always.after(start, hours(48)), start + hours(48));
        assert_eq!(always.between(start, start + hours(48)), hours(48));
        let paris = calendar("Europe/Paris", &Value::Null, &["2026-03-29"]);
        assert_eq!(paris.after(start, hours(13)), at("2026-03-30T01:00:00+02:00"), "a holiday of 23 hours");
    }

    #[test]
    fn a_year_in_the_shortest_week_ends() {
        let little = calendar("Europe/Paris", &json!({"monday": [{"from": "09:00", "to": "13:00"}]}), &[]);
        let due = little.after(at("2026-01-01T00:00:00Z"), TimeDelta::days(365));
        assert_eq!((due.year(), due.minute()), (2067, 0));
    }

    const ZONES: [&str; 7] = [
        "Europe/Paris",
        "America/New_York",
        // Half an hour, at two.
        "Australia/Lord_Howe",
        // At midnight.
        "Asia/Beirut",
        "America/Havana",
        // A whole day that never was: 2011-12-30.
        "Pacific/Apia",
        "UTC",
    ];

    /// Moments about a change of clocks somewhere, to the minute.
    fn moments() -> impl Strategy<Value = DateTime<Utc>> {
        let about = ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T06:00:00Z", "2026-11-01T06:00:00Z"];
        let rare = ["2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z", "2011-12-30T10:00:00Z", "2026-03-28T22:00:00Z"];
        let about: Vec<_> = about.iter().chain(&rare).map(|text| at(text)).collect();
        (proptest::sample::select(about), -3_000_i64..3_000).prop_map(|(at, minutes)| at + TimeDelta::minutes(minutes))
    }

    fn calendars() -> impl Strategy<Value = BusinessCalendar> {
        (proptest::sample::select(ZONES.to_vec()), 0..3).prop_map(|(zone, sort)| match sort {
            0 => night(zone),
            1 => BusinessCalendar { time_zone: TimeZone::parse(zone).unwrap(), ..office() },
            _ => calendar(zone, &Value::Null, &["2026-03-29", "2026-10-25"]),
        })
    }

    /// Minute by minute, as somebody would who looks at the wall.
    fn counted(calendar: &BusinessCalendar, from: DateTime<Utc>, to: DateTime<Utc>) -> TimeDelta {
        let minutes = (0..(to - from).num_minutes().max(0)).filter(|minute| {
            let at = from + TimeDelta::minutes(*minute);
            let wall = at.naive_utc() + calendar.time_zone.offset_at(at);
            let shown = u16::try_from(wall.hour() * 60 + wall.minute()).unwrap();
            calendar
                .stretches(wall.date(), wall.weekday())
                .iter()
                .any(|(begins, ends)| (*begins..*ends).contains(&shown))
        });
        TimeDelta::minutes(i64::try_from(minutes.count()).unwrap())
    }

    proptest! {
        #[test]
        fn what_passes_is_what_the_wall_shows(calendar in calendars(), from in moments(), minutes in 0_i64..6_000) {
            let to = from + TimeDelta::minutes(minutes);
            prop_assert_eq!(calendar.between(from, to), counted(&calendar, from, to));
        }

        #[test]
        fn so_much_later_is_so_much_between(calendar in calendars(), from in moments(), seconds in 0_i64..400_000) {
            let span = TimeDelta::seconds(seconds);
            let due = calendar.after(from, span);
            prop_assert_eq!(calendar.between(from, due), span);
            // The first such moment: a little before, less has passed.
            if seconds > 0 {
                prop_assert!(calendar.between(from, due - TimeDelta::seconds(1)) < span);
            }
        }

        #[test]
        fn a_stretch_is_the_sum_of_its_parts(
            calendar in calendars(), from in moments(), first in 0_i64..4_000, second in 0_i64..4_000,
        ) {
            let middle = from + TimeDelta::minutes(first);
            let to = middle + TimeDelta::minutes(second);
            prop_assert_eq!(calendar.between(from, to), calendar.between(from, middle) + calendar.between(middle, to));
        }

        #[test]
        fn a_pause_moves_what_is_due_by_what_it_takes(
            calendar in calendars(), from in moments(), used in 0_i64..3_000, pause in 0_i64..3_000, span in 0_i64..9_000,
        ) {
            let (stopped, target) = (from + TimeDelta::minutes(used), TimeDelta::minutes(span));
            let resumed = stopped + TimeDelta::minutes(pause);
            let spent = calendar.between(from, stopped);
            if spent < target {
                let due = calendar.after(resumed, target - spent);
                prop_assert!(due >= calendar.after(from, target), "a pause brings nothing forward");
                prop_assert_eq!(spent + calendar.between(resumed, due), target);
            }
        }
    }
}
