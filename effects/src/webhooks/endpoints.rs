//! What is known of the addresses of others: which events each wants, and how it is doing.

use crate::outbox::{self, How, Ordered};
use chrono::{DateTime, Utc};
use domain::notifications::webhook::{EventTypes, WebhookId};
use kernel::{EventId, Position, TenantId};
use sqlx::{PgConnection, PgPool, Row, query};
use std::collections::HashMap;
use uuid::Uuid;

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: WebhookId,
    pub(crate) wanted: EventTypes,
    pub(crate) is_open: bool,
}

/// Those of each tenant.
pub(crate) type Endpoints = HashMap<TenantId, Vec<Endpoint>>;

/// What an event says of an endpoint, or asks for.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// It is so now.
    Kept(TenantId, Endpoint),
    /// It is called again: how it did before counts no more.
    Revived(TenantId, WebhookId),
    /// A stretch of the log is to be put into the outbox.
    Replay(NewReplay),
}

/// A stretch of the log, as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct NewReplay {
    pub(crate) tenant_id: TenantId,
    pub(crate) id: Uuid,
    pub(crate) endpoint: WebhookId,
    pub(crate) event_id: EventId,
    pub(crate) after: Option<Position>,
    pub(crate) from_time: Option<DateTime<Utc>>,
    pub(crate) up_to: Position,
}

/// The endpoints of these tenants, those that are closed too.
pub(crate) async fn of(pool: &PgPool, tenants: &[TenantId]) -> Result<Endpoints, sqlx::Error> {
    let tenants: Vec<Uuid> = tenants.iter().map(|tenant| tenant.0).collect();
    let rows = query("select tenant_id, id, wanted, is_open from effects.endpoints where tenant_id = any($1)")
        .bind(&tenants)
        .fetch_all(pool)
        .await?;
    let mut endpoints = Endpoints::new();
    for row in &rows {
        let wanted: Vec<String> = row.try_get(2)?;
        let wanted = EventTypes::new(wanted).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let endpoint = Endpoint { id: WebhookId(row.try_get(1)?), wanted, is_open: row.try_get(3)? };
        endpoints.entry(TenantId(row.try_get(0)?)).or_default().push(endpoint);
    }
    Ok(endpoints)
}

/// Keeps what events said.
pub(crate) async fn note(connection: &mut PgConnection, notes: &[Note]) -> Result<(), sqlx::Error> {
    for note in notes {
        match note {
            Note::Kept(tenant_id, endpoint) => {
                query(
                    "insert into effects.endpoints (tenant_id, id, wanted, is_open) values ($1, $2, $3, $4) \
                     on conflict (tenant_id, id) do update set wanted = excluded.wanted, is_open = excluded.is_open",
                )
                .bind(tenant_id.0)
                .bind(endpoint.id.0)
                .bind(endpoint.wanted.patterns())
                .bind(endpoint.is_open)
                .execute(&mut *connection)
                .await?;
            }
            Note::Revived(tenant_id, id) => {
                query("update effects.endpoints set failing_since = null where tenant_id = $1 and id = $2")
                    .bind(tenant_id.0)
                    .bind(id.0)
                    .execute(&mut *connection)
                    .await?;
            }
            Note::Replay(replay) => {
                query(
                    "insert into effects.replays (tenant_id, id, endpoint, event_id, after_position, from_time, up_to) \
                     values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
                )
                .bind(replay.tenant_id.0)
                .bind(replay.id)
                .bind(replay.endpoint.0)
                .bind(replay.event_id.0)
                .bind(replay.after.map(|after| after.0))
                .bind(replay.from_time)
                .bind(replay.up_to.0)
                .execute(&mut *connection)
                .await?;
            }
        }
    }
    Ok(())
}

/// An endpoint has answered as it should.
pub(super) async fn is_well(pool: &PgPool, tenant_id: TenantId, id: Uuid) -> Result<(), sqlx::Error> {
    query("update effects.endpoints set failing_since = null where tenant_id = $1 and id = $2 and failing_since is not null")
        .bind(tenant_id.0)
        .bind(id)
        .execute(pool)
        .await
        .map(drop)
}

/// An endpoint has not; since when it does not.
pub(super) async fn is_failing(
    pool: &PgPool,
    tenant_id: TenantId,
    id: Uuid,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar(
        "update effects.endpoints set failing_since = coalesce(failing_since, clock_timestamp()) \
         where tenant_id = $1 and id = $2 returning failing_since",
    )
    .bind(tenant_id.0)
    .bind(id)
    .fetch_optional(pool)
    .await
}

/// What came of one call. Nothing of what was sent or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) took_ms: i32,
    pub(super) status: Option<i16>,
    pub(super) error: Option<&'static str>,
}

/// Keeps what came of one call.
pub(super) async fn tried(pool: &PgPool, job: &crate::Job, tried: Tried) -> Result<(), sqlx::Error> {
    query(
        "insert into effects.tries (tenant_id, endpoint, job_id, round, attempt, took_ms, status, error, began_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() - make_interval(secs => $6 / 1000.0))",
    )
    .bind(job.tenant_id.0)
    .bind(job.endpoint)
    .bind(job.id)
    .bind(job.round)
    .bind(job.attempts)
    .bind(tried.took_ms)
    .bind(tried.status)
    .bind(tried.error)
    .execute(pool)
    .await
    .map(drop)
}

/// What a job was made from, where it is still kept.
pub(super) async fn made_from(
    pool: &PgPool,
    tenant_id: TenantId,
    endpoint: WebhookId,
    job_id: Uuid,
) -> Result<Option<Ordered>, sqlx::Error> {
    let row = query(
        "select event_id, correlation_id, position, trace, about from effects.jobs \
         where tenant_id = $1 and kind = $2 and id = $3 and endpoint = $4",
    )
    .bind(tenant_id.0)
    .bind(super::KIND)
    .bind(job_id)
    .bind(endpoint.0)
    .fetch_optional(pool)
    .await?;
    let ordered = |row: sqlx::postgres::PgRow| {
        Ok::<_, sqlx::Error>(Ordered {
            tenant_id,
            id: job_id,
            kind: super::KIND,
            event_id: EventId(row.try_get(0)?),
            correlation_id: kernel::CorrelationId(row.try_get(1)?),
            position: row.try_get(2)?,
            trace: row.try_get(3)?,
            how: How::Anew,
            not_before: None,
            endpoint: Some(endpoint.0),
            about: row.try_get(4)?,
        })
    };
    row.map(ordered).transpose()
}

/// Forgets calls and given-up jobs of long ago.
pub(super) async fn prune(pool: &PgPool, kept: std::time::Duration) -> Result<(), sqlx::Error> {
    for sql in [
        "delete from effects.tries where began_at < clock_timestamp() - make_interval(secs => $1)",
        "delete from effects.jobs where endpoint is not null and state = 'dead' \
         and changed_at < clock_timestamp() - make_interval(secs => $1)",
        "delete from effects.replays where finished_at < clock_timestamp() - make_interval(secs => $1)",
    ] {
        query(sql).bind(kept.as_secs_f64()).execute(pool).await?;
    }
    Ok(())
}

/// A replay as it is.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    pub(super) endpoint: WebhookId,
    pub(super) after: Option<Position>,
    pub(super) from_time: Option<DateTime<Utc>>,
    pub(super) up_to: Position,
    pub(super) reached: Option<Position>,
    /// Jobs of its endpoint that are open.
    pub(super) open: i64,
}

/// The replay, unless it is over.
pub(super) async fn replay(pool: &PgPool, tenant_id: TenantId, id: Uuid) -> Result<Option<Replay>, sqlx::Error> {
    let row = query(
        "select endpoint, after_position, from_time, up_to, reached, (select count(*) from effects.jobs j \
         where j.endpoint = r.endpoint and j.due_at is not null) \
         from effects.replays r where tenant_id = $1 and id = $2 and finished_at is null",
    )
    .bind(tenant_id.0)
    .bind(id)
    .fetch_optional(pool)
    .await?;
    let read = |row: sqlx::postgres::PgRow| {
        Ok::<_, sqlx::Error>(Replay {
            endpoint: WebhookId(row.try_get(0)?),
            after: row.try_get::<Option<i64>, _>(1)?.map(Position),
            from_time: row.try_get(2)?,
            up_to: Position(row.try_get(3)?),
            reached: row.try_get::<Option<i64>, _>(4)?.map(Position),
            open: row.try_get(5)?,
        })
    };
    row.map(read).transpose()
}

/// Puts a stretch into the outbox and notes how far it has come, all or nothing.
pub(super) async fn queue(
    pool: &PgPool,
    tenant_id: TenantId,
    id: Uuid,
    orders: &[Ordered],
    reached: Position,
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    outbox::put(&mut transaction, orders).await?;
    query(
        "update effects.replays set reached = $3, queued = queued + $4, changed_at = clock_timestamp(), \
         finished_at = case when $3 >= up_to then clock_timestamp() end where tenant_id = $1 and id = $2",
    )
    .bind(tenant_id.0)
    .bind(id)
    .bind(reached.0)
    .bind(i64::try_from(orders.len()).unwrap_or(i64::MAX))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

/// The replay goes no further.
pub(super) async fn end_replay(
    pool: &PgPool,
    tenant_id: TenantId,
    id: Uuid,
    error: &'static str,
) -> Result<(), sqlx::Error> {
    query(
        "update effects.replays set finished_at = clock_timestamp(), error = $3, changed_at = clock_timestamp() \
         where tenant_id = $1 and id = $2 and finished_at is null",
    )
    .bind(tenant_id.0)
    .bind(id)
    .bind(error)
    .execute(pool)
    .await
    .map(drop)
}
