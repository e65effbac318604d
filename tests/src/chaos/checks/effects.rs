//! Commands against events: nothing acknowledged is lost, nothing appears by itself, nothing happens twice.

use super::{Violation, by_operation};
use crate::chaos::evidence::LogEvent;
use crate::chaos::history::{Answer, Operation, Outcome};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use uuid::Uuid;

/// C1: what was acknowledged is in the log, where the answer said, with what was asked.
pub fn acknowledged_is_stored(operations: &[Operation], events: &[LogEvent], head: i64) -> Vec<Violation> {
    let stored = by_operation(events);
    let mut violations = Vec::new();
    for operation in operations {
        let Some(answer) = operation.answer() else { continue };
        let own = stored.get(&operation.id).map_or(&[][..], Vec::as_slice);
        if let Some(what) = missing(operation, answer, own, head) {
            violations.push(Violation::new("C1", format!("{} {}: {what}", operation.request.path, operation.id)));
        }
    }
    violations
}

fn missing(operation: &Operation, answer: &Answer, own: &[&LogEvent], head: i64) -> Option<String> {
    let Some(last) = own.last() else {
        if !operation.request.may_rest {
            return Some(format!("acknowledged at position {} and not in the log", answer.position));
        }
        let beyond = answer.position > head;
        return beyond.then(|| format!("answered position {}, the log ends at {head}", answer.position));
    };
    if last.position != answer.position {
        return Some(format!("answered position {}, stored at {}", answer.position, last.position));
    }
    let primary = own.iter().filter(|event| event.stream_id == answer.id);
    let Some(reached) = primary.clone().map(|event| event.version).max() else {
        return Some(format!("no event in the stream {} that was answered", answer.id));
    };
    if reached != answer.version {
        return Some(format!("answered version {}, stored as {reached}", answer.version));
    }
    let number = primary.clone().find_map(|event| event.number);
    if number != answer.number {
        return Some(format!("answered number {:?}, stored {number:?}", answer.number));
    }
    let mark = operation.request.mark.as_ref()?;
    let says = |event: &&LogEvent| event.data.windows(mark.len()).any(|window| window == mark.as_bytes());
    (!own.iter().any(says)).then(|| format!("no event says {mark:?}"))
}

/// C2: what is in the log was asked for, by whom it names, and was not refused.
pub fn stored_was_asked_for(operations: &[Operation], events: &[LogEvent]) -> Vec<Violation> {
    let asked: HashMap<Uuid, &Operation> = operations.iter().map(|operation| (operation.id, operation)).collect();
    let wrong = |event: &LogEvent| {
        let Some(operation) = asked.get(&event.operation) else { return Some("nobody asked for it".to_owned()) };
        if let Outcome::Refused(reply) = &operation.outcome {
            return Some(format!("its command was refused with {}", reply.status));
        }
        let same = (operation.tenant_id, operation.actor_id) == (event.tenant_id, event.actor_id);
        (!same).then(|| "it is of another tenant or actor than its command".to_owned())
    };
    let found = |event: &LogEvent| {
        let what = format!("{}.{} at position {}: {}", event.category, event.event_type, event.position, wrong(event)?);
        Some(Violation::new("C2", what))
    };
    events.iter().filter_map(found).collect()
}

/// C3: one effect per key, answered or not, and the same bytes to everybody who asks again.
pub fn one_effect_per_key(operations: &[Operation], events: &[LogEvent]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (operation, own) in by_operation(events) {
        if let Some(what) = twice(&own) {
            violations.push(Violation::new("C3", format!("operation {operation}: {what}")));
        }
    }
    let mut owners = HashMap::new();
    for event in events {
        let owner = owners.entry(event.command_id).or_insert(event.operation);
        if *owner != event.operation {
            let what = format!("operations {owner} and {} share command {}", event.operation, event.command_id);
            violations.push(Violation::new("C3", what));
        }
    }
    for operation in operations {
        let Outcome::Accepted { reply, .. } = &operation.outcome else { continue };
        if let Some(other) = operation.repeats.iter().find(|repeat| *repeat != reply) {
            let said = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
            violations.push(Violation::new(
                "C3",
                format!(
                    "{} {}: first {} {}, then {} {}",
                    operation.request.path,
                    operation.id,
                    reply.status,
                    said(&reply.body),
                    other.status,
                    said(&other.body)
                ),
            ));
        }
    }
    violations
}

fn twice(own: &[&LogEvent]) -> Option<String> {
    let mut seen = HashSet::new();
    for (before, event) in own.iter().zip(own.iter().skip(1)) {
        if event.command_id != before.command_id {
            return Some(format!("two commands, at positions {} and {}", before.position, event.position));
        }
        if event.position != before.position + 1 {
            return Some(format!("two effects, at positions {} and {}", before.position, event.position));
        }
    }
    let again = own.iter().find(|event| !seen.insert((&event.category, &event.event_type, &event.data)))?;
    Some(format!("the same event again at position {}", again.position))
}

/// C2 and C3 for what reactors do: it follows from an event before it, in the same story, and is done once.
pub fn what_follows_has_one_cause(events: &[LogEvent]) -> Vec<Violation> {
    let (mut known, mut done) = (HashMap::new(), HashMap::new());
    let mut violations = Vec::new();
    for event in events {
        known.insert(event.event_id, event.operation);
        let Some(cause) = event.cause else { continue };
        let place = format!("{}.{} at position {}", event.category, event.event_type, event.position);
        if known.get(&cause) != Some(&event.operation) {
            violations.push(Violation::new("C2", format!("{place} follows from nothing before it")));
        }
        let last = done.insert(event.command_id, event.position);
        if last.is_some_and(|last| last + 1 != event.position) {
            violations.push(Violation::new("C3", format!("{place}: its command was carried out before")));
        }
    }
    violations
}

/// C6: what was answered before something else was asked stands before it in the log.
pub fn real_time_is_kept(operations: &[Operation], events: &[LogEvent]) -> Vec<Violation> {
    let stored = by_operation(events);
    let mut asked: Vec<(Duration, i64, Uuid)> = Vec::new();
    let mut answered: Vec<(Duration, i64, Uuid)> = Vec::new();
    for operation in operations {
        let Some(own) = stored.get(&operation.id) else { continue };
        asked.push((operation.invoked_at, own[0].position, operation.id));
        if let Outcome::Accepted { at, .. } = operation.outcome {
            answered.push((at, own[own.len() - 1].position, operation.id));
        }
    }
    asked.sort_unstable();
    answered.sort_unstable();
    let (mut violations, mut highest, mut before) = (Vec::new(), None, answered.into_iter().peekable());
    for (invoked_at, position, id) in asked {
        while let Some((_, reached, earlier)) = before.next_if(|(at, ..)| *at < invoked_at) {
            highest = highest.max(Some((reached, earlier)));
        }
        if let Some((reached, earlier)) = highest
            && reached > position
        {
            let what = format!("{earlier} was answered at position {reached} before {id} was asked, at {position}");
            violations.push(Violation::new("C6", what));
        }
    }
    violations
}

#[cfg(test)]
mod specs {
    use super::*;
    use crate::chaos::checks::samples::{accepted, event, reply, run};

    fn stored(operations: &[Operation], events: &[LogEvent]) -> usize {
        acknowledged_is_stored(operations, events, i64::try_from(events.len()).unwrap()).len()
    }

    #[test]
    fn a_sound_run_has_nothing_to_tell() {
        let (operations, events) = run();
        assert_eq!(crate::chaos::checks::history_and_log(&operations, &events, 4), []);
    }

    #[test]
    fn a_lost_command_is_found() {
        let (operations, mut events) = run();
        events.retain(|event| event.operation != operations[1].id);
        assert_eq!(stored(&operations, &events), 1);
    }

    #[test]
    fn an_answer_that_says_something_else_than_the_log_is_found() {
        let doctor: [fn(&mut LogEvent); 5] = [
            |event| event.position += 1,
            |event| event.version += 1,
            |event| event.number = Some(9),
            |event| event.stream_id = Uuid::nil(),
            |event| event.data = b"{}".to_vec(),
        ];
        for change in doctor {
            let (operations, mut events) = run();
            change(&mut events[0]);
            assert_eq!(stored(&operations, &events), 1);
        }
    }

    #[test]
    fn a_command_that_changed_nothing_is_no_loss_but_may_not_be_ahead() {
        let (mut operations, events) = run();
        let mut rested = accepted(9, 3, 1);
        rested.request.may_rest = true;
        operations.push(rested);
        assert_eq!(stored(&operations, &events), 0);
        operations.last_mut().unwrap().outcome = accepted(9, 5, 1).outcome;
        assert_eq!(stored(&operations, &events), 1);
    }

    #[test]
    fn an_event_that_nobody_asked_for_is_found() {
        let (operations, mut events) = run();
        events.push(event(7, 5, 1));
        assert_eq!(stored_was_asked_for(&operations, &events).len(), 1);
    }

    #[test]
    fn an_effect_of_a_refused_command_is_found() {
        let (mut operations, events) = run();
        operations[0].outcome = Outcome::Refused(reply(422, "{}"));
        assert_eq!(stored_was_asked_for(&operations, &events).len(), 1);
    }

    #[test]
    fn an_event_of_another_tenant_is_found() {
        let (operations, mut events) = run();
        events[0].tenant_id = Uuid::nil();
        assert_eq!(stored_was_asked_for(&operations, &events).len(), 1);
    }

    #[test]
    fn an_unanswered_command_may_have_happened_once() {
        let (mut operations, mut events) = run();
        operations[3].outcome = Outcome::Unanswered;
        assert_eq!(one_effect_per_key(&operations, &events), []);
        events.push(LogEvent { position: 5, version: 5, ..events[3].clone() });
        assert_eq!(one_effect_per_key(&operations, &events).len(), 1);
    }

    #[test]
    fn a_second_effect_is_found_wherever_it_stands() {
        let doctor: [fn(&mut LogEvent); 3] = [
            // Far away, under another command, or hidden in another stream.
            |again| again.position = 9,
            |again| again.command_id = Uuid::nil(),
            |again| again.stream_id = Uuid::nil(),
        ];
        for change in doctor {
            let (operations, mut events) = run();
            let mut again = LogEvent { position: 5, version: 5, ..events[3].clone() };
            change(&mut again);
            events.push(again);
            assert_eq!(one_effect_per_key(&operations, &events).len(), 1);
        }
    }

    #[test]
    fn one_command_for_two_operations_is_found() {
        let (operations, mut events) = run();
        events[1].command_id = events[0].command_id;
        assert_eq!(one_effect_per_key(&operations, &events).len(), 1);
    }

    #[test]
    fn a_repeat_with_other_bytes_is_found() {
        let (mut operations, events) = run();
        let Outcome::Accepted { reply: first, .. } = operations[2].outcome.clone() else { panic!("accepted") };
        operations[2].repeats = vec![first, reply(200, "{}")];
        assert_eq!(one_effect_per_key(&operations, &events).len(), 1);
    }

    #[test]
    fn an_order_that_contradicts_the_clock_is_found() {
        let (operations, mut events) = run();
        assert_eq!(real_time_is_kept(&operations, &events), []);
        (events[0].position, events[2].position) = (3, 1);
        assert_eq!(real_time_is_kept(&operations, &events).len(), 2);
    }

    #[test]
    fn commands_at_the_same_time_stand_in_any_order() {
        let (mut operations, mut events) = run();
        operations[1].invoked_at = operations[0].invoked_at;
        (events[0].position, events[1].position) = (2, 1);
        assert_eq!(real_time_is_kept(&operations, &events), []);
    }
}
