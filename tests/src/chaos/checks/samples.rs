//! A small sound run for the checkers' specs to spoil.

use crate::chaos::evidence::LogEvent;
use crate::chaos::history::{Answer, Operation, Outcome, Reply, Request};
use std::time::Duration;
use uuid::Uuid;

pub(super) fn reply(status: u16, body: &str) -> Reply {
    Reply { status, body: body.as_bytes().to_vec() }
}

/// Operation `n`, asked and answered in its own millisecond.
pub(super) fn accepted(n: u64, position: i64, version: i32) -> Operation {
    let answer = Answer { id: Uuid::from_u128(100), version, position, number: None };
    let at = Duration::from_micros(n * 1_000 + 500);
    Operation {
        id: Uuid::from_u128(n.into()),
        client: 0,
        tenant_id: Uuid::from_u128(1),
        actor_id: Uuid::from_u128(2),
        request: Request { path: "/x".into(), body: "{}".into(), mark: Some(format!("mark {n}")), may_rest: false },
        invoked_at: Duration::from_millis(n),
        attempts: 1,
        outcome: Outcome::Accepted { at, reply: reply(200, &format!("{position}")), answer },
        repeats: Vec::new(),
    }
}

/// The event of operation `n`.
pub(super) fn event(n: u64, position: i64, version: i32) -> LogEvent {
    LogEvent {
        position,
        version,
        event_id: Uuid::from_u128(1_000 + u128::from(n)),
        tenant_id: Uuid::from_u128(1),
        category: "a.b".into(),
        stream_id: Uuid::from_u128(100),
        command_id: Uuid::from_u128(2_000 + u128::from(n)),
        operation: Uuid::from_u128(n.into()),
        cause: None,
        actor_id: Uuid::from_u128(2),
        number: None,
        event_type: "done".into(),
        data: format!("{{\"text\":\"mark {n}\"}}").into_bytes(),
    }
}

/// Four operations on one stream, one after the other.
pub(super) fn run() -> (Vec<Operation>, Vec<LogEvent>) {
    let places = || (1..=4_u64).zip(1..=4_i64).zip(1..=4_i32);
    let operations = places().map(|((n, position), version)| accepted(n, position, version)).collect();
    (operations, places().map(|((n, position), version)| event(n, position, version)).collect())
}
