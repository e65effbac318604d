//! The log by itself, and its mirror: places without a gap.

use super::Violation;
use crate::chaos::evidence::LogEvent;
use std::collections::HashMap;
use uuid::Uuid;

/// C4: the versions of every stream are 1, 2, 3, … in the order of the log.
pub fn versions_have_no_gap(events: &[LogEvent]) -> Vec<Violation> {
    let mut reached: HashMap<(Uuid, &str, Uuid), i32> = HashMap::new();
    let mut violations = Vec::new();
    for event in events {
        let version = reached.entry((event.tenant_id, &event.category, event.stream_id)).or_default();
        if event.version != *version + 1 {
            let (category, stream, position) = (&event.category, event.stream_id, event.position);
            violations.push(Violation::new(
                "C4",
                format!("{category} {stream}: version {} at position {position} after {version}", event.version),
            ));
        }
        *version = event.version;
    }
    violations
}

/// C5: the positions are 1, 2, 3, … up to the head.
pub fn positions_have_no_gap(events: &[LogEvent], head: i64) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut reached = 0;
    for event in events {
        if event.position != reached + 1 {
            violations.push(Violation::new("C5", format!("position {} after {reached}", event.position)));
        }
        reached = event.position;
    }
    if reached != head {
        violations.push(Violation::new("C5", format!("the head is at {head}, the last event at {reached}")));
    }
    violations
}

/// The numbers that a tenant's things got are 1, 2, 3, … in the order of the log.
pub fn numbers_have_no_gap(events: &[LogEvent]) -> Vec<Violation> {
    let mut reached: HashMap<(Uuid, &str), i64> = HashMap::new();
    let mut violations = Vec::new();
    for event in events {
        let Some(number) = event.number else { continue };
        let last = reached.entry((event.tenant_id, &event.category)).or_default();
        if number != *last + 1 {
            let (tenant, category) = (event.tenant_id, &event.category);
            violations.push(Violation::new("numbers", format!("{category} of {tenant}: {number} after {last}")));
        }
        *last = number;
    }
    violations
}

/// The mirror (its last sequence; sequence and event id of each message) is the end of the log, without a gap. One that
/// was just made has no message yet, and the last sequence from which it goes on.
pub fn mirror_is_the_log(last: u64, mirror: &[(u64, Uuid)], events: &[LogEvent]) -> Vec<Violation> {
    let by_position: HashMap<u64, Uuid> =
        events.iter().map(|event| (event.position.unsigned_abs(), event.event_id)).collect();
    let mut violations = Vec::new();
    for (nth, (sequence, event_id)) in mirror.iter().enumerate() {
        if by_position.get(sequence) != Some(event_id) {
            violations
                .push(Violation::new("mirror", format!("sequence {sequence} holds {event_id}, the log does not")));
        }
        let follows = nth == 0 || mirror[nth - 1].0 + 1 == *sequence;
        if !follows {
            violations.push(Violation::new("mirror", format!("sequence {sequence} after {}", mirror[nth - 1].0)));
        }
    }
    let end = events.last().map_or(0, |last| last.position.unsigned_abs());
    if last != end || mirror.last().is_some_and(|(sequence, _)| *sequence != end) {
        violations.push(Violation::new("mirror", format!("it ends at {last}, the log at {end}")));
    }
    violations
}

#[cfg(test)]
mod specs {
    use super::*;
    use crate::chaos::checks::samples::run;

    #[test]
    fn a_missing_version_and_a_wrong_order_are_found() {
        let (_, mut events) = run();
        assert_eq!(versions_have_no_gap(&events), []);
        events.swap(1, 2);
        assert_eq!(versions_have_no_gap(&events).len(), 3);
        events.remove(0);
        assert!(!versions_have_no_gap(&events).is_empty());
    }

    #[test]
    fn a_missing_and_a_double_position_are_found() {
        let (_, mut events) = run();
        assert_eq!(positions_have_no_gap(&events, 4), []);
        assert_eq!(positions_have_no_gap(&events, 5).len(), 1);
        events[2].position = 2;
        assert_eq!(positions_have_no_gap(&events, 4).len(), 2);
        events.remove(3);
        assert!(!positions_have_no_gap(&events, 4).is_empty());
    }

    #[test]
    fn a_missing_and_a_double_number_are_found() {
        let (_, mut events) = run();
        (events[0].number, events[2].number) = (Some(1), Some(2));
        assert_eq!(numbers_have_no_gap(&events), []);
        events[2].number = Some(1);
        assert_eq!(numbers_have_no_gap(&events).len(), 1);
        events[2].number = Some(3);
        assert_eq!(numbers_have_no_gap(&events).len(), 1);
        // Each tenant counts for itself.
        (events[2].number, events[2].tenant_id) = (Some(1), Uuid::nil());
        assert_eq!(numbers_have_no_gap(&events), []);
    }

    #[test]
    fn a_mirror_that_lags_skips_or_lies_is_found() {
        let (_, events) = run();
        let whole: Vec<(u64, Uuid)> =
            events.iter().map(|event| (event.position.unsigned_abs(), event.event_id)).collect();
        assert_eq!(mirror_is_the_log(4, &whole, &events), []);
        // A mirror that was made anew begins later.
        assert_eq!(mirror_is_the_log(4, &whole[2..], &events), []);
        assert_eq!(mirror_is_the_log(4, &[], &events), []);
        assert_eq!(mirror_is_the_log(3, &whole[..3], &events).len(), 1);
        assert_eq!(mirror_is_the_log(0, &[], &events).len(), 1);
        assert_eq!(mirror_is_the_log(4, &[whole[0], whole[3]], &events).len(), 1);
        let mut lie = whole;
        lie[1].1 = Uuid::nil();
        assert_eq!(mirror_is_the_log(4, &lie, &events).len(), 1);
    }
}
