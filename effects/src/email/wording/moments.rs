//! Moments as people write them. In UTC: where the reader is, is not known.

use chrono::{DateTime, Datelike, Timelike, Utc};
use domain::notifications::WrittenIn;

const FRENCH: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `1er mars 2026 à 9 h 05 (UTC)`, `1 March 2026, 09:05 (UTC)`.
pub(super) fn written(at: DateTime<Utc>, language: WrittenIn) -> String {
    let month = usize::try_from(at.month0()).unwrap_or_default();
    let (day, year, hour, minute) = (at.day(), at.year(), at.hour(), at.minute());
    match language {
        WrittenIn::Fr => {
            let day = if day == 1 { "1er".to_owned() } else { day.to_string() };
            format!("{day} {} {year} à {hour} h {minute:02} (UTC)", FRENCH[month])
        }
        WrittenIn::En => format!("{day} {} {year}, {hour:02}:{minute:02} (UTC)", ENGLISH[month]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_people_do() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert_eq!(written(at("2026-03-01T09:05:59Z"), WrittenIn::Fr), "1er mars 2026 à 9 h 05 (UTC)");
        assert_eq!(written(at("2026-08-31T00:00:00Z"), WrittenIn::Fr), "31 août 2026 à 0 h 00 (UTC)");
        assert_eq!(written(at("2026-12-24T23:59:00Z"), WrittenIn::En), "24 December 2026, 23:59 (UTC)");
    }
}
