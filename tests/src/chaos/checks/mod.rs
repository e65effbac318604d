//! The checkers: each looks at histories and logs only, never at how the system works, and can fail; their specs prove
//! that with doctored evidence.

mod effects;
mod log;
mod projections;
#[cfg(test)]
mod samples;

use crate::chaos::evidence::LogEvent;
use crate::chaos::history::Operation;
use std::collections::HashMap;
use std::fmt;
use uuid::Uuid;

pub use effects::{
    acknowledged_is_stored, one_effect_per_key, real_time_is_kept, stored_was_asked_for, what_follows_has_one_cause,
};
pub use log::{mirror_is_the_log, numbers_have_no_gap, positions_have_no_gap, versions_have_no_gap};
pub use projections::one_owner_per_step;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which checker found it: `C1`, or what it is about.
    pub check: &'static str,
    /// What is wrong, with the places.
    pub what: String,
}

impl Violation {
    /// A finding of one checker.
    pub fn new(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

/// All that can be said about commands and events: C1 to C6 and the numbers.
pub fn history_and_log(operations: &[Operation], events: &[LogEvent], head: i64) -> Vec<Violation> {
    let asked = asked_for(events);
    [
        acknowledged_is_stored(operations, &asked, head),
        stored_was_asked_for(operations, &asked),
        one_effect_per_key(operations, &asked),
        what_follows_has_one_cause(events),
        versions_have_no_gap(events),
        positions_have_no_gap(events, head),
        real_time_is_kept(operations, &asked),
        numbers_have_no_gap(events),
    ]
    .concat()
}

/// The events that callers asked for; the others follow from them, later.
fn asked_for(events: &[LogEvent]) -> Vec<LogEvent> {
    events.iter().filter(|event| event.cause.is_none()).cloned().collect()
}

/// The events of every operation, in the order of the log.
fn by_operation(events: &[LogEvent]) -> HashMap<Uuid, Vec<&LogEvent>> {
    let mut grouped: HashMap<Uuid, Vec<&LogEvent>> = HashMap::new();
    for event in events {
        grouped.entry(event.operation).or_default().push(event);
    }
    grouped
}
