//! `store_append_*`: the appender with all its laws against one INSERT per transaction.

use crate::baseline_events::{self, Row};
use crate::catalogue::Choice;
use crate::closed_loop::{self, Worker};
use crate::interleave::interleave;
use crate::report::Line;
use crate::servers::Bench;
use crate::{Failure, Plan};
use event_store::append::AppenderOptions;
use event_store::{Append, Appender, Idempotency};
use kernel::{Actor, ActorId, Change, CommandId, CorrelationId, Encoded, Event, TenantId, Version};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use std::str::FromStr;
use uuid::Uuid;

const TENANT: TenantId = TenantId(Uuid::from_u128(0x7e0a_0000_0000_4000_8000_0000_0000_0001));
const ACTOR: ActorId = ActorId(Uuid::from_u128(0x7e0a_0000_0000_4000_8000_0000_0000_0002));

/// Of how many of its streams a writer continues any.
const STREAMS: usize = 64;
/// How large a payload is.
const PAYLOAD_BYTES: usize = 300;

/// What the streams hold: 300 bytes of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Noted {
    Written { note_id: Uuid, author_id: Uuid, nth: i32, text: String },
}

impl Event for Noted {
    const CATEGORY: &'static str = "bench.note";
    fn examples() -> Vec<Self> {
        vec![note(1)]
    }
}

fn note(nth: i32) -> Noted {
    let written = |text: String| Noted::Written { note_id: Uuid::now_v7(), author_id: ACTOR.0, nth, text };
    let bare = written(String::new()).encode().data().len();
    let text = "The customer asks when the second delivery arrives. ".chars().cycle();
    written(text.take(PAYLOAD_BYTES - bare).collect())
}

/// Which stream comes next: every fourth one is new, the others continue one of the last 64.
struct Streams {
    mine: Vec<(Uuid, i32)>,
    newest: usize,
    nth: usize,
    seed: u64,
}

impl Streams {
    const fn new(seed: u64) -> Self {
        Self { mine: Vec::new(), newest: 0, nth: 0, seed }
    }

    /// The stream and the version it has, counted on at once: one writer never loses to another.
    fn next(&mut self) -> (Uuid, i32) {
        self.nth += 1;
        if self.nth % 4 == 1 {
            let created = (Uuid::now_v7(), 1);
            if self.mine.len() < STREAMS {
                self.mine.push(created);
            } else {
                self.newest = (self.newest + 1) % STREAMS;
                self.mine[self.newest] = created;
            }
            return (created.0, 0);
        }
        // xorshift: the same streams in every run.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let length = self.mine.len();
        let chosen = usize::try_from(self.seed % length as u64).unwrap_or_default();
        let (id, version) = &mut self.mine[chosen];
        *version += 1;
        (*id, *version - 1)
    }
}

struct Appending {
    appender: Appender,
    streams: Streams,
}

impl Worker for Appending {
    async fn once(&mut self) -> Result<(), Failure> {
        let (stream_id, version) = self.streams.next();
        let answer = self.appender.append(append(stream_id, version, note(version + 1).encode())).await?;
        if answer.version.0 == version + 1 { Ok(()) } else { Err("the answer names another version".into()) }
    }
}

fn append(stream_id: Uuid, version: i32, event: Encoded) -> Append {
    let command_id = CommandId(Uuid::now_v7());
    Append {
        tenant_id: TENANT,
        actor: Actor::user(ACTOR),
        command_id,
        correlation_id: CorrelationId(command_id.0),
        causation_id: None,
        trace: None,
        occurred_at: chrono::Utc::now(),
        idempotency: Idempotency { key: command_id.0, request_hash: command_id.0 },
        changes: vec![Change { category: Noted::CATEGORY, stream_id, expected: Version(version), events: vec![event] }],
        reserve: Vec::new(),
        release: Vec::new(),
        counter: None,
    }
}

struct Inserting {
    connection: PgConnection,
    streams: Streams,
}

impl Worker for Inserting {
    async fn once(&mut self) -> Result<(), Failure> {
        let (stream_id, version) = self.streams.next();
        let event = note(version + 1).encode();
        let row = Row {
            occurred_at: chrono::Utc::now(),
            tenant_id: TENANT.0,
            stream_id,
            version: version + 1,
            command_id: Uuid::now_v7(),
            actor_id: ACTOR.0,
            category: Noted::CATEGORY,
            event_type: event.event_type(),
            data: event.data(),
        };
        baseline_events::insert(&row).execute(&mut self.connection).await?;
        Ok(())
    }
}

/// Measures both sides with `writers` writers.
pub(crate) async fn run(bench: &Bench, choice: Choice, plan: Plan, writers: u64) -> Result<Line, Failure> {
    let subject = bench.database(&format!("{}_subject", choice.name())).await?;
    let baseline = bench.database(&format!("{}_baseline", choice.name())).await?;
    baseline_events::create(&baseline).await?;
    let appender = Appender::start(&subject.url, subject.pool.clone(), &AppenderOptions::default())?;
    let mut appending: Vec<Appending> =
        (1..=writers).map(|seed| Appending { appender: appender.clone(), streams: Streams::new(seed) }).collect();
    let mut inserting = Vec::new();
    for seed in 1..=writers {
        let connection = PgConnectOptions::from_str(&baseline.url)?.disable_statement_logging().connect().await?;
        inserting.push(Inserting { connection, streams: Streams::new(seed) });
    }
    let rounds = interleave(
        plan,
        async |length| closed_loop::run(&mut appending, length).await,
        async |length| closed_loop::run(&mut inserting, length).await,
    )
    .await?;
    drop((appending, appender, inserting));
    subject.drop(bench).await?;
    baseline.drop(bench).await?;
    rounds.line(choice.name(), "events/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_the_size_that_is_promised() {
        for nth in [1, 99, 12_345] {
            assert_eq!(note(nth).encode().data().len(), PAYLOAD_BYTES);
        }
    }

    #[test]
    fn every_fourth_stream_is_new_and_versions_follow_each_other() {
        let mut streams = Streams::new(7);
        let mut versions = std::collections::HashMap::new();
        let mut created = 0;
        for _ in 0..4_000 {
            let (id, version) = streams.next();
            let known = versions.entry(id).or_insert(0);
            assert_eq!(*known, version);
            *known += 1;
            created += usize::from(version == 0);
        }
        assert_eq!(created, 1_000);
    }
}
