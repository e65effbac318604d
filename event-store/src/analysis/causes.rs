//! What caused what: the events of one story as a tree.

use kernel::{EventData, EventId, Recorded};
use std::collections::HashMap;

/// The events, each after what caused it and one level deeper, siblings in the order of the log. What was caused by an
/// event that is not among them stands at level 0. None is left out, whatever they claim about each other.
pub fn in_order(mut events: Vec<Recorded<EventData>>) -> Vec<(usize, Recorded<EventData>)> {
    events.sort_by_key(|event| event.position);
    let places: HashMap<EventId, usize> = events.iter().enumerate().map(|(nth, event)| (event.event_id, nth)).collect();
    let mut caused: Vec<Vec<usize>> = vec![Vec::new(); events.len()];
    let mut roots = Vec::new();
    for (nth, event) in events.iter().enumerate() {
        // A cause is recorded before its effect; whatever claims otherwise is no tree.
        match event.causation_id.and_then(|cause| places.get(&cause)).filter(|cause| **cause < nth) {
            Some(cause) => caused[*cause].push(nth),
            None => roots.push(nth),
        }
    }
    let mut order = Vec::with_capacity(events.len());
    let mut open: Vec<(usize, usize)> = roots.into_iter().rev().map(|nth| (0, nth)).collect();
    while let Some((depth, nth)) = open.pop() {
        order.push((depth, nth));
        open.extend(caused[nth].iter().rev().map(|effect| (depth + 1, *effect)));
    }
    let mut events: Vec<Option<Recorded<EventData>>> = events.into_iter().map(Some).collect();
    order.into_iter().filter_map(|(depth, nth)| Some((depth, events[nth].take()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use kernel::{Actor, ActorId, CommandId, CorrelationId, Epoch, Position, TenantId, Version};
    use uuid::Uuid;

    fn event(position: u128, cause: Option<u128>) -> Recorded<EventData> {
        let id = Uuid::from_u128;
        Recorded {
            position: Position(i64::try_from(position).unwrap()),
            epoch: Epoch(1),
            event_id: EventId(id(position)),
            tenant_id: TenantId(id(1)),
            category: "test.thing".into(),
            stream_id: id(1),
            version: Version(1),
            actor: Actor::user(ActorId(id(1))),
            command_id: CommandId(id(1)),
            correlation_id: CorrelationId(id(1)),
            causation_id: cause.map(|cause| EventId(id(cause))),
            trace: None,
            occurred_at: DateTime::UNIX_EPOCH,
            recorded_at: DateTime::UNIX_EPOCH,
            number: None,
            event: EventData { event_type: "made".into(), schema_version: 1, data: b"{}".to_vec() },
        }
    }

    #[test]
    fn an_effect_follows_its_cause_one_level_deeper() {
        let story = vec![event(1, None), event(2, None), event(3, Some(1)), event(4, Some(3)), event(5, Some(1))];
        let told: Vec<(usize, i64)> = in_order(story).iter().map(|(depth, event)| (*depth, event.position.0)).collect();
        assert_eq!(told, [(0, 1), (1, 3), (2, 4), (1, 5), (0, 2)]);
    }

    #[test]
    fn what_claims_a_later_or_unknown_cause_is_told_all_the_same() {
        let story = vec![event(1, Some(2)), event(2, Some(1)), event(3, Some(3)), event(4, Some(99))];
        let told: Vec<(usize, i64)> = in_order(story).iter().map(|(depth, event)| (*depth, event.position.0)).collect();
        assert_eq!(told, [(0, 1), (1, 2), (0, 3), (0, 4)]);
    }
}
