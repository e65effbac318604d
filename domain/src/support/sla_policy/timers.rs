//! What happens to a ticket by itself when nobody does anything for a while.

use chrono::TimeDelta;
use kernel::ParseError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Days of 24 hours: from one to a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "u16", into = "u16")]
#[schema(value_type = u16, minimum = 1, maximum = 365, example = 7)]
pub struct Days(u16);

impl Days {
    /// What is usual.
    const WEEK: Self = Self(7);

    /// The span.
    pub fn span(self) -> TimeDelta {
        TimeDelta::days(self.0.into())
    }
}

impl TryFrom<u16> for Days {
    type Error = ParseError;

    fn try_from(days: u16) -> Result<Self, ParseError> {
        if (1..=365).contains(&days) { Ok(Self(days)) } else { Err(ParseError::new("must be from 1 to 365 days")) }
    }
}

impl From<Days> for u16 {
    fn from(days: Days) -> Self {
        days.0
    }
}

/// After how long a ticket moves by itself; `null` for never, a week where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketTimers {
    /// One that waits for its customer, to resolved.
    #[serde(default = "week")]
    #[schema(required = false)]
    pub resolve_waiting_after_days: Option<Days>,
    /// One that is resolved, to closed.
    #[serde(default = "week")]
    #[schema(required = false)]
    pub close_resolved_after_days: Option<Days>,
}

#[expect(clippy::unnecessary_wraps, reason = "it is the default of an optional field")]
const fn week() -> Option<Days> {
    Some(Days::WEEK)
}

impl Default for TicketTimers {
    fn default() -> Self {
        Self { resolve_waiting_after_days: week(), close_resolved_after_days: week() }
    }
}
