//! The outbox: jobs in a table, made in the transaction that moves the checkpoint past the event that asked for them.

use crate::effect::{Effect, Job, Order, Settled};
use crate::follower::{Decoded, Follower, Halt, Led, decode};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kernel::reactor::Start;
use kernel::{CorrelationId, EventId, EventSet, Position, TenantId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row, query};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::time::Duration;
use uuid::Uuid;

/// What an event asked of the outbox.
#[derive(Clone, Debug)]
pub(crate) struct Ordered {
    pub(crate) tenant_id: TenantId,
    pub(crate) id: Uuid,
    pub(crate) kind: &'static str,
    pub(crate) event_id: EventId,
    pub(crate) correlation_id: CorrelationId,
    pub(crate) position: i64,
    pub(crate) trace: Option<String>,
    pub(crate) how: How,
    pub(crate) not_before: Option<DateTime<Utc>>,
    pub(crate) endpoint: Option<Uuid>,
    pub(crate) about: Option<String>,
}

/// What is done about a job that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Nothing: it was begun before.
    Begin,
    /// It is brought forward, or set anew.
    Wake,
    /// It is tried again where it had failed.
    Again,
    /// It is done once more, whatever came of it.
    Anew,
}

/// The outbox of an effect: follows the log and makes its jobs.
pub fn outbox<E: Effect>() -> Box<dyn Follower> {
    Box::new(Outbox::<E>(PhantomData))
}

struct Outbox<E>(PhantomData<fn() -> E>);

impl<E: Effect> Follower for Outbox<E> {
    fn name(&self) -> String {
        format!("outbox {}", E::KIND)
    }

    fn start(&self) -> Start {
        Start::Head
    }

    fn categories(&self) -> Vec<&'static str> {
        E::Event::categories()
    }

    fn act(&self, events: Vec<crate::follower::Event>) -> BoxFuture<'_, Result<Led, Halt>> {
        let Decoded { events, stop } = decode::<E::Event>(&events);
        let orders = events.iter().filter_map(|event| {
            let (how, not_before) = match E::order(event) {
                Order::Nothing => return None,
                Order::Begin => (How::Begin, None),
                Order::NotBefore(moment) => (How::Begin, Some(moment)),
                Order::Due(moment) => (How::Wake, Some(moment)),
                Order::Again => (How::Again, None),
            };
            Some(Ordered {
                tenant_id: event.tenant_id,
                id: event.stream_id,
                kind: E::KIND,
                event_id: event.event_id,
                correlation_id: event.correlation_id,
                position: event.position.0,
                trace: event.trace.map(|trace| trace.to_string()),
                how,
                not_before,
                endpoint: None,
                about: None,
            })
        });
        let led = Led { orders: orders.collect(), stop, ..Led::default() };
        async move { Ok(led) }.boxed()
    }
}

/// Makes jobs, sets timers, and wakes those that are asked for again.
pub(crate) async fn put(connection: &mut PgConnection, orders: &[Ordered]) -> Result<(), sqlx::Error> {
    let of = |how: How| orders.iter().filter(move |order| order.how == how);
    let begun: Vec<&Ordered> = of(How::Begin).collect();
    if !begun.is_empty() {
        insert(connection, "on conflict (tenant_id, kind, id) do nothing", &begun).await?;
    }
    let timers = of(How::Wake).fold(HashMap::new(), |mut timers: HashMap<_, Ordered>, order| {
        let timer = timers.entry((order.tenant_id, order.kind, order.id)).or_insert_with(|| order.clone());
        *timer = Ordered { not_before: timer.not_before.min(order.not_before), ..order.clone() };
        timers
    });
    if !timers.is_empty() {
        // Whoever holds it holds it no longer: what he is about to say was found before this event.
        let set = "on conflict (tenant_id, kind, id) do update set state = 'waiting', outcome = null, reason = null, \
             due_at = least(case when jobs.claimed_by is null then jobs.due_at end, excluded.due_at), claimed_by = null, \
             claim = jobs.claim + 1, attempts = 0, event_id = excluded.event_id, position = excluded.position, \
             correlation_id = excluded.correlation_id, trace = excluded.trace, changed_at = clock_timestamp()";
        insert(connection, set, &timers.values().collect::<Vec<_>>()).await?;
    }
    let anew: Vec<&Ordered> = of(How::Anew).collect();
    if !anew.is_empty() {
        insert(connection, ANEW, &anew).await?;
    }
    for order in of(How::Again) {
        // It may not have been marked as dead yet: that it failed is recorded as an event first.
        query(
            "update effects.jobs set state = 'waiting', outcome = null, reason = null, due_at = clock_timestamp(), \
             round = round + 1, attempts = 0, claim = claim + 1, claimed_by = null, event_id = $4, \
             changed_at = clock_timestamp() where tenant_id = $1 and kind = $2 and id = $3 \
             and (state = 'dead' or (state = 'settled' and outcome = 'failed'))",
        )
        .bind(order.tenant_id.0)
        .bind(order.kind)
        .bind(order.id)
        .bind(order.event_id.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// One that is in hand is being done anyway; one that waits is done now.
const ANEW: &str = "on conflict (tenant_id, kind, id) do update set state = 'waiting', outcome = null, reason = null, \
     due_at = excluded.due_at, round = jobs.round + 1, attempts = 0, claim = jobs.claim + 1, claimed_by = null, \
     changed_at = clock_timestamp() where jobs.claimed_by is null";

async fn insert(connection: &mut PgConnection, conflict: &'static str, jobs: &[&Ordered]) -> Result<(), sqlx::Error> {
    let sql = format!(
        "insert into effects.jobs (tenant_id, id, kind, due_at, event_id, correlation_id, position, trace, endpoint, about) \
         select t, i, k, coalesce(d, clock_timestamp()), e, c, p, r, n, a \
         from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], \
         $8::timestamptz[], $9::uuid[], $10::text[]) as o(t, i, k, e, c, p, r, d, n, a) {conflict}"
    );
    query(sqlx::AssertSqlSafe(sql))
        .bind(jobs.iter().map(|order| order.tenant_id.0).collect::<Vec<_>>())
        .bind(jobs.iter().map(|order| order.id).collect::<Vec<_>>())
        .bind(jobs.iter().map(|order| order.kind).collect::<Vec<_>>())
        .bind(jobs.iter().map(|order| order.event_id.0).collect::<Vec<_>>())
        .bind(jobs.iter().map(|order| order.correlation_id.0).collect::<Vec<_>>())
        .bind(jobs.iter().map(|order| order.position).collect::<Vec<_>>())
        .bind(jobs.iter().map(|order| order.trace.as_deref()).collect::<Vec<_>>())
        .bind(jobs.iter().map(|order| order.not_before).collect::<Vec<_>>())
        .bind(jobs.iter().map(|order| order.endpoint).collect::<Vec<_>>())
        .bind(jobs.iter().map(|order| order.about.as_deref()).collect::<Vec<_>>())
        .execute(connection)
        .await
        .map(drop)
}

/// A job that this process holds, until the end of its lease or until it says what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) job: Job,
    pub(crate) kind: &'static str,
    claim: i64,
    /// What became of it, where only recording it is left to do.
    pub(crate) settled: Option<Settled>,
}

/// Jobs that are due, the oldest first.
const DUE: &str = "select tenant_id, kind, id from effects.jobs where kind = $1 and due_at <= clock_timestamp() \
    order by due_at limit $2 for update skip locked";

/// The same, some of every endpoint: no more than its share, counting those in hand. Which endpoints come first is drawn, so
/// that none waits for ever. Processes that look at the same moment may go beyond a share, by what each takes at once.
const DUE_BY_SHARE: &str = "select due.tenant_id, due.kind, due.id from effects.endpoints e cross join lateral (\
      select j.tenant_id, j.kind, j.id from effects.jobs j \
      where j.endpoint = e.id and j.tenant_id = e.tenant_id and j.kind = $1 and j.due_at <= clock_timestamp() \
      order by j.due_at limit greatest(case when e.failing_since is null then $5::bigint else 1 end - (\
        select count(*) from effects.jobs h where h.endpoint = e.id and h.tenant_id = e.tenant_id \
        and h.claimed_by is not null and h.due_at > clock_timestamp()), 0) for update skip locked) as due \
    order by random() limit $2";

/// Takes up to `most` jobs that are due, for as long as `lease`. Nobody else is given them meanwhile, and nobody waits.
pub(crate) async fn claim(
    pool: &PgPool,
    kind: &'static str,
    worker: Uuid,
    most: usize,
    lease: Duration,
    share: Option<i64>,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let due = if share.is_some() { DUE_BY_SHARE } else { DUE };
    let sql = format!(
        "with due as materialized ({due}) \
         update effects.jobs as job set claimed_by = $3, claim = claim + 1, \
           attempts = attempts + case when state = 'waiting' then 1 else 0 end, \
           due_at = clock_timestamp() + make_interval(secs => $4), changed_at = clock_timestamp() \
         from due where job.tenant_id = due.tenant_id and job.kind = due.kind and job.id = due.id \
         returning job.tenant_id, job.id, job.event_id, job.correlation_id, job.trace, job.round, job.attempts, \
           job.created_at, job.claim, job.outcome, job.reason, job.receipt, job.position, job.endpoint"
    );
    let taking = query(sqlx::AssertSqlSafe(sql))
        .bind(kind)
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .bind(worker)
        .bind(lease.as_secs_f64());
    let taking = match share {
        Some(share) => taking.bind(share),
        None => taking,
    };
    taking.fetch_all(pool).await?.iter().map(|row| claimed(kind, row)).collect()
}

fn claimed(kind: &'static str, row: &PgRow) -> Result<Claimed, sqlx::Error> {
    let text = |index: usize| row.try_get::<Option<String>, _>(index).map(Option::unwrap_or_default);
    let settled = match row.try_get::<Option<&str>, _>(9)? {
        None => None,
        Some("succeeded") => Some(Settled::Succeeded { receipt: text(11)? }),
        Some("suppressed") => Some(Settled::Suppressed { code: text(10)? }),
        Some(_) => Some(Settled::Failed { code: text(10)? }),
    };
    let job = Job {
        tenant_id: TenantId(row.try_get(0)?),
        id: row.try_get(1)?,
        endpoint: row.try_get(13)?,
        event_id: EventId(row.try_get(2)?),
        correlation_id: CorrelationId(row.try_get(3)?),
        position: Position(row.try_get(12)?),
        trace: row.try_get::<Option<&str>, _>(4)?.and_then(|text| text.parse().ok()),
        round: row.try_get(5)?,
        attempts: row.try_get(6)?,
        created_at: row.try_get::<DateTime<Utc>, _>(7)?,
    };
    Ok(Claimed { job, kind, claim: row.try_get(8)?, settled })
}

/// The condition under which a claim still holds; the first four parameters.
macro_rules! held {
    ($set:literal) => {
        concat!(
            "update effects.jobs set changed_at = clock_timestamp(), ",
            $set,
            " where tenant_id = $1 and kind = $2 and id = $3 and claim = $4"
        )
    };
}

/// Keeps what became of it, before anything else is done. Answers whether the claim still held.
pub(crate) async fn settle(
    pool: &PgPool,
    held: &Claimed,
    settled: &Settled,
    said: Option<&str>,
) -> Result<bool, sqlx::Error> {
    let (code, receipt) = match settled {
        Settled::Succeeded { receipt } => (None, Some(receipt)),
        Settled::Failed { code } | Settled::Suppressed { code } => (Some(code), None),
    };
    let set = held!(
        "state = 'settled', outcome = $5, reason = $6, receipt = coalesce($7, receipt), \
         last_error = coalesce($8, last_error)"
    );
    let kept = query(set)
        .bind(held.job.tenant_id.0)
        .bind(held.kind)
        .bind(held.job.id)
        .bind(held.claim)
        .bind(settled.outcome())
        .bind(code)
        .bind(receipt)
        .bind(said);
    kept.execute(pool).await.map(|done| done.rows_affected() == 1)
}

/// What became of it is an event now.
pub(crate) async fn finish(pool: &PgPool, held: &Claimed, settled: &Settled) -> Result<bool, sqlx::Error> {
    let state = if matches!(settled, Settled::Failed { .. }) { "dead" } else { "done" };
    let done = query(held!("state = $5, due_at = null, claimed_by = null"))
        .bind(held.job.tenant_id.0)
        .bind(held.kind)
        .bind(held.job.id)
        .bind(held.claim)
        .bind(state);
    done.execute(pool).await.map(|done| done.rows_affected() == 1)
}

/// Gives it back, to be tried again after a pause; `counts` unless nothing was tried.
pub(crate) async fn give_back(
    pool: &PgPool,
    held: &Claimed,
    pause: Duration,
    said: &str,
    counts: bool,
) -> Result<bool, sqlx::Error> {
    let set = held!(
        "due_at = clock_timestamp() + make_interval(secs => $5), last_error = $6, claimed_by = null, \
         attempts = attempts - case when state = 'settled' or $7 then 0 else 1 end"
    );
    let given = query(set)
        .bind(held.job.tenant_id.0)
        .bind(held.kind)
        .bind(held.job.id)
        .bind(held.claim)
        .bind(pause.as_secs_f64())
        .bind(said)
        .bind(counts);
    given.execute(pool).await.map(|done| done.rows_affected() == 1)
}

/// How much waits, how long the oldest has been due, how many were given up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backlog {
    pub(crate) open: i64,
    pub(crate) oldest_due_s: f64,
    pub(crate) dead: i64,
}

pub(crate) async fn backlog(pool: &PgPool, kind: &'static str) -> Result<Backlog, sqlx::Error> {
    let row = query(
        "select count(*), coalesce(extract(epoch from clock_timestamp() - min(due_at)), 0)::double precision, \
         (select count(*) from effects.jobs where kind = $1 and state = 'dead') \
         from effects.jobs where kind = $1 and due_at is not null",
    )
    .bind(kind)
    .fetch_one(pool)
    .await?;
    Ok(Backlog { open: row.try_get(0)?, oldest_due_s: row.try_get::<f64, _>(1)?.max(0.0), dead: row.try_get(2)? })
}

/// Forgets jobs that were done long ago: their story is in the log.
pub(crate) async fn prune(pool: &PgPool, kind: &'static str, kept: Duration) -> Result<u64, sqlx::Error> {
    let pruned = query(
        "delete from effects.jobs where kind = $1 and state = 'done' \
         and changed_at < clock_timestamp() - make_interval(secs => $2)",
    );
    pruned.bind(kind).bind(kept.as_secs_f64()).execute(pool).await.map(|done| done.rows_affected())
}
