//! `store_append_*`: the appender with all its laws against one INSERT per transaction.

use crate::catalogue::Choice;
use crate::identity::{STUDIO, TENANT};
use crate::interleave::interleave;
use crate::load::closed_loop::{self, Worker};
use crate::notes::{Noted, Streams, note};
use crate::report::Line;
use crate::servers::Bench;
use crate::sides::baseline_events::{self, Row};
use crate::{Failure, Plan};
use event_store::append::AppenderOptions;
use event_store::{Append, Appender, Idempotency};
use kernel::{Actor, ActorId, Change, CommandId, CorrelationId, Encoded, Event, Version};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use std::str::FromStr;
use uuid::Uuid;

const ACTOR: ActorId = ActorId(STUDIO);

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
    let (ours, theirs) = rounds.done();
    subject.holds("select position from log.head", ours).await?;
    subject.holds("select count(*) from log.events", ours).await?;
    subject.holds("select count(*) from log.idempotency", ours).await?;
    baseline.holds("select count(*) from baseline.events", theirs).await?;
    subject.drop(bench).await?;
    baseline.drop(bench).await?;
    rounds.line(choice.name(), "events/s")
}
