//! Instants and dates between the text that chrono gives serde and Postgres' numbers.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use std::fmt::{self, Write};

/// Microseconds from the Unix epoch to Postgres' own, 2000-01-01.
const EPOCH_US: i64 = 946_684_800_000_000;
/// Days from the beginning of the common era to 2000-01-01.
const EPOCH_DAYS: i32 = 730_120;

/// Postgres' `timestamptz` for an RFC 3339 instant, and whether nothing finer than a microsecond was cut off.
pub(super) fn instant(text: &str) -> Option<(i64, bool)> {
    utc(text.as_bytes()).or_else(|| {
        let instant: DateTime<Utc> = text.parse().ok()?;
        let exact = instant.timestamp_subsec_nanos().is_multiple_of(1_000);
        Some((instant.timestamp_micros().checked_sub(EPOCH_US)?, exact))
    })
}

/// The form that chrono writes for UTC, `2026-01-15T11:00:00[.123456789]Z`, some ten times as fast as a general parser.
fn utc(text: &[u8]) -> Option<(i64, bool)> {
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if text.len() < 20 || separators.iter().any(|&(at, byte)| text[at] != byte) {
        return None;
    }
    let (rest, last) = text[19..].split_at(text.len() - 20);
    if last != b"Z" {
        return None;
    }
    let (mut micros, mut exact) = (0, true);
    if let Some((b'.', digits)) = rest.split_first() {
        if digits.is_empty() || digits.len() > 9 {
            return None;
        }
        let (kept, cut) = digits.split_at(digits.len().min(6));
        micros = number(kept)? * 10_i64.pow(u32::try_from(6 - kept.len()).ok()?);
        exact = number(cut)? == 0;
    } else if !rest.is_empty() {
        return None;
    }
    let field = |from: usize, to: usize| number(&text[from..to]);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
    // A leap second goes the slow way: chrono keeps it as the second before with more than 10⁹ nanoseconds.
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = i64::from(days(&text[..10])?);
    Some((((days * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + micros, exact))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
}

fn days(text: &[u8]) -> Option<i32> {
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let field = |from: usize, to: usize| number(&text[from..to]).and_then(|number| u32::try_from(number).ok());
    let date = NaiveDate::from_ymd_opt(i32::try_from(field(0, 4)?).ok()?, field(5, 7)?, field(8, 10)?)?;
    Some(date.num_days_from_ce() - EPOCH_DAYS)
}

/// Postgres' `date` for `YYYY-MM-DD`.
pub(super) fn date(text: &str) -> Option<i32> {
    days(text.as_bytes()).or_else(|| Some(text.parse::<NaiveDate>().ok()?.num_days_from_ce() - EPOCH_DAYS))
}

/// RFC 3339, UTC, for Postgres' `timestamptz`; `None` for the infinities and what chrono cannot name.
pub(super) fn instant_text(micros: i64) -> Option<ShortText> {
    let instant = DateTime::<Utc>::UNIX_EPOCH
        .checked_add_signed(TimeDelta::microseconds(EPOCH_US))?
        .checked_add_signed(TimeDelta::microseconds(micros))?;
    ShortText::of(format_args!("{instant:?}"))
}

/// `YYYY-MM-DD` for Postgres' `date`.
pub(super) fn date_text(days: i32) -> Option<ShortText> {
    let date = NaiveDate::from_num_days_from_ce_opt(days.checked_add(EPOCH_DAYS)?)?;
    ShortText::of(format_args!("{date:?}"))
}

/// Text that needs no heap: an instant, a date, a UUID.
pub(super) struct ShortText {
    bytes: [u8; 48],
    length: usize,
}

impl ShortText {
    /// What `arguments` print, unless that is longer than any instant or UUID.
    pub(super) fn of(arguments: fmt::Arguments<'_>) -> Option<Self> {
        let mut text = Self { bytes: [0; 48], length: 0 };
        text.write_fmt(arguments).ok()?;
        Some(text)
    }

    pub(super) fn as_str(&self) -> &str {
        // Only whole strings were written.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for ShortText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The fast reader, the general one and the way back agree on every microsecond that chrono can print.
        #[test]
        fn instants_keep_every_microsecond(seconds in -62_000_000_000_i64..253_000_000_000, nanos in 0_u32..1_000_000_000) {
            let instant = DateTime::<Utc>::from_timestamp(seconds, nanos).unwrap();
            let text = serde_json::to_value(instant).unwrap();
            let text = text.as_str().unwrap();
            let (micros, exact) = super::instant(text).unwrap();
            prop_assert_eq!(micros, instant.timestamp_micros() - EPOCH_US);
            prop_assert_eq!(exact, nanos.is_multiple_of(1_000));
            if instant.year() >= 0 {
                prop_assert_eq!(utc(text.as_bytes()), Some((micros, exact)));
            }
            let back: DateTime<Utc> = instant_text(micros).unwrap().as_str().parse().unwrap();
            prop_assert_eq!(back.timestamp_micros(), instant.timestamp_micros());
        }

        #[test]
        fn dates_come_back(days in -3_000_000..3_000_000) {
            prop_assert_eq!(date(date_text(days).unwrap().as_str()), Some(days));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}|[0-9TZ:.+-]{0,40}") {
            let _ = (super::instant(&text), date(&text));
        }
    }

    #[test]
    fn offsets_are_understood_and_infinities_are_not() {
        let utc = super::instant("2026-01-15T11:00:00Z").unwrap();
        assert_eq!(super::instant("2026-01-15T12:00:00+01:00"), Some(utc));
        assert_eq!(super::instant("2000-01-01T00:00:00Z"), Some((0, true)));
        assert_eq!(date("2000-01-01"), Some(0));
        assert!(instant_text(i64::MAX).is_none() && instant_text(i64::MIN).is_none());
        assert!(date_text(i32::MAX).is_none() && date_text(i32::MIN).is_none());
        assert!(super::instant("2026-02-30T11:00:00Z").is_none());
    }
}
