//! What the system kept: the log, the steps of the checkpoints and the mirror, as they are after the storm.

use event_store::{Log, ReadError, Vault, VaultError};
use futures_util::StreamExt as _;
use kernel::{EventData, Recorded, Sealed, TenantId};
use serde_json::Value;
use sqlx::{PgPool, Row as _};
use std::pin::pin;
use uuid::Uuid;

/// An event as far as the checkers care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Place in the log.
    pub position: i64,
    /// Place in the stream.
    pub version: i32,
    /// The event's own id.
    pub event_id: Uuid,
    /// Whose event.
    pub tenant_id: Uuid,
    /// Which streams.
    pub category: String,
    /// Which of them.
    pub stream_id: Uuid,
    /// The command that made it, one per idempotency key.
    pub command_id: Uuid,
    /// The operation that it belongs to.
    pub operation: Uuid,
    /// The event that it follows from, where no caller asked for it.
    pub cause: Option<Uuid>,
    /// Who did it.
    pub actor_id: Uuid,
    /// The gap-free number.
    pub number: Option<i64>,
    /// What happened.
    pub event_type: String,
    /// The payload, with what is sealed in it in clear.
    pub data: Vec<u8>,
}

impl From<Recorded<EventData>> for LogEvent {
    fn from(recorded: Recorded<EventData>) -> Self {
        Self {
            position: recorded.position.0,
            version: recorded.version.0,
            event_id: recorded.event_id.0,
            tenant_id: recorded.tenant_id.0,
            category: recorded.category,
            stream_id: recorded.stream_id,
            command_id: recorded.command_id.0,
            operation: recorded.correlation_id.0,
            cause: recorded.causation_id.map(|id| id.0),
            actor_id: recorded.actor.id.0,
            number: recorded.number,
            event_type: recorded.event.event_type,
            data: recorded.event.data,
        }
    }
}

impl LogEvent {
    /// The same with what is sealed in it in clear.
    async fn opened(mut self, vault: &Vault) -> Self {
        let Ok(mut data) = serde_json::from_slice(&self.data) else { return self };
        let sealed = |text: &mut String| Some((TenantId(self.tenant_id), Sealed::parse(text).ok()?));
        let found: Vec<_> = texts(&mut data).into_iter().filter_map(|text| Some((sealed(text)?, text))).collect();
        let (sealed, places): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let clear = match vault.open_all(&sealed).await {
            // Lost with what was acknowledged: it says nothing any more, and the checkers say so.
            Err(VaultError::Missing(_)) => return self,
            opened => opened.expect("what is sealed opens"),
        };
        for (place, text) in places.into_iter().zip(clear) {
            *place = text.expect("nobody is erased in a storm").to_string();
        }
        self.data = serde_json::to_vec(&data).expect("JSON can be written");
        self
    }
}

/// Every text in a payload.
fn texts(value: &mut Value) -> Vec<&mut String> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter_mut().flat_map(texts).collect(),
        Value::Object(fields) => fields.values_mut().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The whole log, in the order in which it is stored, and the position that its head claims.
///
/// # Errors
/// Postgres does not answer, or an event cannot be read.
///
/// # Panics
/// What is sealed cannot be opened.
pub async fn read_log(pool: &PgPool) -> Result<(Vec<LogEvent>, i64), ReadError> {
    let log = Log::new(pool.clone());
    let head = log.head().await?.position;
    let vault = test_support::vault(pool).await;
    let mut events = Vec::new();
    let mut pages = pin!(log.scan(kernel::Position::ZERO, head, &[]));
    while let Some(page) = pages.next().await {
        for event in page? {
            events.push(LogEvent::from(event).opened(&vault).await);
        }
    }
    Ok((events, head.0))
}

/// One change of a checkpoint, as a trigger saw it inside the transaction that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which read model, and which generation of it.
    pub projection: String,
    /// The owner epoch before and after.
    pub owner_epoch: (i64, i64),
    /// The position before and after.
    pub position: (i64, i64),
}

const RECORD_STEPS: &str = "
create schema chaos;
create table chaos.steps (
    step bigint generated always as identity primary key,
    projection text not null,
    owner_before bigint not null, owner_after bigint not null,
    position_before bigint not null, position_after bigint not null
);
create function chaos.record_step() returns trigger language plpgsql security definer as $$
begin
    insert into chaos.steps (projection, owner_before, owner_after, position_before, position_after)
    values (new.name || ' ' || new.generation, old.owner_epoch, new.owner_epoch, old.position, new.position);
    return null;
end $$;
create trigger record_step after update on projection.checkpoints for each row execute function chaos.record_step();
";

/// Has every change of a checkpoint written down from now on, without the projector's knowledge. The checkpoint's row lock
/// puts the steps of one projection in order.
///
/// # Errors
/// Postgres refuses.
pub async fn record_steps(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(RECORD_STEPS).execute(pool).await.map(drop)
}

/// Every change of a checkpoint so far, in order.
///
/// # Errors
/// Postgres does not answer.
pub async fn read_steps(pool: &PgPool) -> Result<Vec<Step>, sqlx::Error> {
    let rows = sqlx::query(
        "select projection, owner_before, owner_after, position_before, position_after from chaos.steps order by step",
    )
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Step {
                projection: row.try_get(0)?,
                owner_epoch: (row.try_get(1)?, row.try_get(2)?),
                position: (row.try_get(3)?, row.try_get(4)?),
            })
        })
        .collect()
}
