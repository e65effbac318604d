//! `rls_get_by_id`: one row by its id through the wall between tenants, against the same row without it.

use crate::catalogue::Choice;
use crate::history;
use crate::interleave::interleave;
use crate::load::closed_loop::{self, Worker};
use crate::report::Line;
use crate::servers::Bench;
use crate::{Failure, Plan};
use cli::projections;
use event_store::{Log, Role, Tail, schema, tenant};
use kernel::{Position, TenantId};
use projector::{Options, Projector};
use serde_json::json;
use sqlx::{PgPool, Row};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Events from which the rows come, as for `get_by_id`.
const EVENTS: i64 = 60_000;

/// What the query API reads for one thing; the wall's body.
const WALLED: &str = "select (select position from projection.checkpoints join projection.projections \
    using (name, generation) where name = $2 and serving) as position, \
    (select row_to_json(t)::text from read.support_tickets t where t.tenant_id = caller.tenant_id and t.ticket_id = $3) as found";

/// The same as it was before there was a wall.
const PLAIN: &str = "select (select position from projection.checkpoints join projection.projections \
    using (name, generation) where name = $2 and serving), \
    (select row_to_json(t)::text from read.support_tickets t where t.tenant_id = $1 and t.ticket_id = $3)";

struct Reading {
    pool: PgPool,
    is_walled: bool,
    rows: Arc<[(TenantId, Uuid)]>,
    nth: usize,
}

impl Worker for Reading {
    async fn once(&mut self) -> Result<(), Failure> {
        // A prime step visits all rows in an order that no cache likes.
        self.nth = (self.nth + 7_919) % self.rows.len();
        let (tenant_id, id) = self.rows[self.nth];
        let query =
            if self.is_walled { tenant::query(tenant_id, WALLED) } else { sqlx::query(PLAIN).bind(tenant_id.0) };
        let row = query.bind("support.tickets").bind(id).fetch_one(&self.pool).await?;
        row.try_get::<&str, _>(1).map(drop).map_err(Into::into)
    }
}

/// Measures both sides with so many workers on as many connections.
pub(crate) async fn run(bench: &Bench, choice: Choice, plan: Plan, workers: u32) -> Result<Line, Failure> {
    let database = bench.database(&choice.name()).await?;
    history::fill(&database, EVENTS).await?;
    let stop = CancellationToken::new();
    let log = Log::new(database.pool.clone()).with_vault(database.vault().await?);
    let tail = Tail::start(log, None, stop.clone()).await?;
    let folding = tokio::spawn(Projector::new(tail, projections(), Options::default()).run(stop.clone()));
    history::folded(&database.pool, &["support.tickets"], Position(EVENTS), Duration::from_mins(1)).await?;
    stop.cancel();
    folding.await??;
    sqlx::raw_sql("analyze read.support_tickets_g1").execute(&database.pool).await?;
    let rows = sqlx::query("select tenant_id, ticket_id from read.support_tickets order by 2");
    let rows = rows.fetch_all(&database.pool).await?;
    let rows: Arc<[(TenantId, Uuid)]> = rows.iter().map(|row| (TenantId(row.get(0)), row.get(1))).collect();
    let walled = schema::connect(&database.url, "walled", Role::Tenant, workers).await?;
    let unwalled = schema::connect(&database.url, "unwalled", Role::Owner, workers).await?;
    let readers = |pool: &PgPool, is_walled: bool| -> Vec<Reading> {
        let nth = |worker: u32| rows.len() * worker as usize / workers as usize;
        let reader = |worker| Reading { pool: pool.clone(), is_walled, rows: Arc::clone(&rows), nth: nth(worker) };
        (0..workers).map(reader).collect()
    };
    let (mut through, mut without) = (readers(&walled, true), readers(&unwalled, false));
    let rounds = interleave(
        plan,
        async |length| closed_loop::run(&mut through, length).await,
        async |length| closed_loop::run(&mut without, length).await,
    )
    .await?;
    drop((through, without));
    walled.close().await;
    unwalled.close().await;
    let mut line = rounds.line(choice.name(), "reads/s")?;
    line.more.insert("rows".into(), json!(rows.len()));
    database.drop(bench).await?;
    Ok(line)
}
