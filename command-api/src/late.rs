//! Telling late: a request that says when what it tells happened, from whoever may say so.

use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Datelike, Utc};
use kernel::Scope;
use platform::Problem;
use platform::auth::Identity;
use platform::headers::OCCURRED_AT;

/// The first year of which anything is told.
pub(crate) const EARLIEST_YEAR: i32 = 2000;

/// The moment that a request names, in the microseconds that the log keeps; `by` is what it takes to name one, `None` that what is
/// asked for is always of now.
pub(crate) fn moment(
    headers: &HeaderMap,
    by: Option<Scope>,
    identity: &Identity,
) -> Result<Option<DateTime<Utc>>, Problem> {
    let mut values = headers.get_all(OCCURRED_AT).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let Some(scope) = by else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "occurred_at_not_taken", "This cannot be told late")
            .detail("what is asked for here is always of now")
            .remedy("Leave Occurred-At out."));
    };
    identity.require(scope)?;
    let at = value.to_str().ok().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let at =
        at.filter(|_| values.next().is_none()).and_then(|at| DateTime::from_timestamp_micros(at.timestamp_micros()));
    let wrong = |detail| {
        Problem::new(StatusCode::BAD_REQUEST, "occurred_at_invalid", "The Occurred-At is not usable")
            .detail(detail)
            .remedy("Send one RFC 3339 time that is over, like 2025-03-31T14:05:00+02:00, or none for now.")
    };
    match at {
        None => Err(wrong("expected one RFC 3339 time")),
        Some(at) if at.year() < EARLIEST_YEAR => Err(wrong("it is before the year 2000")),
        Some(at) if at > Utc::now() => Err(wrong("it is to come")),
        Some(at) => Ok(Some(at)),
    }
}
