//! `as_of_1000`: a ticket of 1,000 events as it was at its end, over HTTP, against reading the same events as rows.

use crate::catalogue::Choice;
use crate::history;
use crate::identity::{Identities, STUDIO, TENANT};
use crate::interleave::interleave;
use crate::load::closed_loop::{self, Worker};
use crate::load::http::HttpClient;
use crate::report::Line;
use crate::servers::Bench;
use crate::sides::child::{Serving, Side};
use crate::sides::sillage;
use crate::{Failure, Plan};
use domain::support::ticket::{self, WORK};
use event_store::append::AppenderOptions;
use event_store::{Append, Appender, Idempotency, Log, Vault};
use kernel::{Actor, ActorId, Change, CommandId, CorrelationId, Encoded, Event, Position, Version};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// Events of other things in the log.
const AROUND: i64 = 60_000;
/// Events of the ticket.
const EVENTS: i32 = 1_000;

struct Asking {
    client: HttpClient,
    path: String,
}

impl Worker for Asking {
    async fn once(&mut self) -> Result<(), Failure> {
        self.client.get(&self.path).await?.success().map(drop)
    }
}

struct Reading {
    log: Log,
    stream_id: Uuid,
}

impl Worker for Reading {
    async fn once(&mut self) -> Result<(), Failure> {
        let streams = [("support.ticket", self.stream_id)];
        let events = self.log.streams(TENANT, &streams, Position(i64::MAX), i64::MAX).await?;
        if events.len() == usize::try_from(EVENTS)? { Ok(()) } else { Err("the ticket has other events".into()) }
    }
}

/// Measures with one connection: the latency of a lone question is what counts.
pub(crate) async fn run(bench: &Bench, choice: Choice, plan: Plan) -> Result<Line, Failure> {
    let database = bench.database(&choice.name()).await?;
    history::fill(&database, AROUND).await?;
    let appender = Appender::start(&database.url, database.pool.clone(), &AppenderOptions::default())?;
    let stream_id = Uuid::now_v7();
    let end = appender.append(ticket(stream_id, &database.vault().await?).await?).await?.position;
    let identities = Identities::new()?;
    let setup = sillage::Setup {
        database_url: database.url.clone(),
        jwks: identities.jwks(),
        nats_url: None,
        reads: true,
        auth: sillage::Auth::Interim,
    };
    let serving = Serving::start(&Side::Sillage(setup), bench.folder()).await?;
    history::folded(&database.pool, &["support.tickets"], end, Duration::from_mins(1)).await?;
    let token = identities.token(Uuid::new_v4(), &[WORK.as_str()])?;
    let client = HttpClient::connect(serving.address, Some(&token)).await?;
    let mut asking = vec![Asking { client, path: format!("/v1/support/tickets/{stream_id}?as_of={end}") }];
    let mut reading = vec![Reading { log: Log::new(database.pool.clone()), stream_id }];
    let rounds = interleave(
        plan,
        async |length| closed_loop::run(&mut asking, length).await,
        async |length| closed_loop::run(&mut reading, length).await,
    )
    .await?;
    drop((asking, reading));
    serving.stop().await?;
    let mut line = rounds.line(choice.name(), "queries/s")?;
    line.more.insert("events".into(), json!(EVENTS));
    database.drop(bench).await?;
    Ok(line)
}

/// A ticket that is opened and answered again and again.
async fn ticket(stream_id: Uuid, vault: &Vault) -> Result<Append, Failure> {
    let mut examples: Vec<Encoded> = Vec::new();
    for example in ticket::Event::examples() {
        examples.push(history::sealed(vault, &example).await?);
    }
    let of = |wanted: &str| examples.iter().find(|example| example.event_type() == wanted).cloned();
    let opened = of("opened").into_iter();
    let replies = std::iter::repeat_with(|| of("customer_replied")).flatten();
    let command_id = CommandId(Uuid::now_v7());
    Ok(Append {
        tenant_id: TENANT,
        actor: Actor::user(ActorId(STUDIO)),
        command_id,
        correlation_id: CorrelationId(command_id.0),
        causation_id: None,
        trace: None,
        occurred_at: chrono::Utc::now(),
        idempotency: Idempotency { key: command_id.0, request_hash: Uuid::nil() },
        changes: vec![Change {
            category: "support.ticket",
            stream_id,
            expected: Version::ZERO,
            events: opened.chain(replies).take(EVENTS.unsigned_abs() as usize).collect(),
        }],
        reserve: Vec::new(),
        release: Vec::new(),
        counter: None,
    })
}
