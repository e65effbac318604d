//! An aggregate without a business, and requests on it.

use event_store::append::AppenderOptions;
use event_store::{Append, Appender, Idempotency, Log, Role, schema};
use kernel::{
    Actor, ActorId, Aggregate, Change, CommandId, CorrelationId, Event, Rejection, RejectionKind, TenantId, Version,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

pub(crate) const TENANT: TenantId = TenantId(Uuid::from_u128(0xa11));

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Counted {
    Added { amount: i64 },
}

impl Event for Counted {
    const CATEGORY: &'static str = "test.counter";
    fn examples() -> Vec<Self> {
        vec![Self::Added { amount: 1 }]
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counter {
    pub(crate) total: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("no")]
pub(crate) struct No;

impl Rejection for No {
    fn code(&self) -> &'static str {
        "test.no"
    }
    fn kind(&self) -> RejectionKind {
        RejectionKind::Conflict
    }
    fn remedy(&self) -> &'static str {
        "none"
    }
}

impl Aggregate for Counter {
    type Event = Counted;
    type Rejection = No;
    fn evolve(self, event: &Counted) -> Self {
        match event {
            Counted::Added { amount } => Self { total: self.total + amount },
        }
    }
}

pub(crate) struct Store {
    pub(crate) url: String,
    /// As the owner of everything, who sees through walls.
    pub(crate) pool: PgPool,
    pub(crate) appender: Appender,
    /// As the engine.
    pub(crate) log: Log,
}

pub(crate) async fn store() -> Store {
    let (url, pool) = test_support::database().await;
    let options = AppenderOptions { partition_size: 100_000, ..AppenderOptions::default() };
    let engine = schema::connect(&url, "engine", Role::Engine, 10).await.unwrap();
    let appender = Appender::start(&url, engine.clone(), &options).unwrap();
    Store { appender, log: Log::new(engine), url, pool }
}

impl Store {
    /// Sessions that read for one tenant at a time.
    pub(crate) async fn for_tenants(&self, connections: u32) -> PgPool {
        schema::connect(&self.url, "for-tenants", Role::Tenant, connections).await.unwrap()
    }
}

pub(crate) fn change(stream_id: Uuid, expected: i32, amounts: &[i64]) -> Change {
    Change {
        category: Counter::CATEGORY,
        stream_id,
        expected: Version(expected),
        events: amounts.iter().map(|amount| Counted::Added { amount: *amount }.encode()).collect(),
    }
}

pub(crate) fn append(changes: Vec<Change>) -> Append {
    let command_id = CommandId(Uuid::now_v7());
    Append {
        tenant_id: TENANT,
        actor: Actor::user(ActorId(Uuid::from_u128(7))),
        command_id,
        correlation_id: CorrelationId(command_id.0),
        causation_id: None,
        trace: None,
        occurred_at: chrono::Utc::now(),
        idempotency: Idempotency { key: command_id.0, request_hash: Uuid::nil() },
        changes,
        reserve: Vec::new(),
        release: Vec::new(),
        counter: None,
    }
}
