//! When things happen at a door: the device knows, within reason.

use chrono::{DateTime, Datelike, FixedOffset, SubsecRound, TimeDelta, TimeZone, Utc};

/// How far a device's clock may run ahead of the server's.
pub const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);
/// The first year in which anything can have happened at a door.
pub const EARLIEST_YEAR: i32 = 2000;

/// The time that the device gave, or the server's, in the microseconds that the log keeps.
///
/// `None` where the device's time is more than [`CLOCK_SKEW`] in the future or before [`EARLIEST_YEAR`]: such a
/// clock is wrong, and a wrong time would stay the "last visit" for ever.
pub(super) fn at_the_door(given: Option<DateTime<FixedOffset>>, now: DateTime<Utc>) -> Option<DateTime<FixedOffset>> {
    let at = given.unwrap_or_else(|| now.fixed_offset());
    let at = to_the_microsecond(at);
    (at <= now + CLOCK_SKEW && at.to_utc().year() >= EARLIEST_YEAR).then_some(at)
}

/// The part of an instant that the log keeps: a row folded from memory then equals the one read back.
pub(super) fn to_the_microsecond<Z: TimeZone>(instant: DateTime<Z>) -> DateTime<Z> {
    instant.trunc_subsecs(6)
}
