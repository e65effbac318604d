//! `get_by_id*`: one ticket through the query API against one row of JSON by primary key.

use crate::catalogue::Choice;
use crate::history;
use crate::identity::Identities;
use crate::interleave::interleave;
use crate::load::closed_loop::{self, Worker};
use crate::load::http::HttpClient;
use crate::report::Line;
use crate::servers::Bench;
use crate::sides::child::{Serving, Side};
use crate::sides::{baseline_events, minimal, sillage};
use crate::{Failure, Plan};
use domain::support::ticket::WORK;
use kernel::Position;
use serde_json::json;
use sqlx::AssertSqlSafe;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Events from which the tickets come; about every fourteenth opens one.
const EVENTS: i64 = 60_000;

/// The documents of the baseline hold what the query API answers.
const COPY_ROWS: &str =
    "insert into baseline.documents select ticket_id, to_jsonb(t) - 'tenant_id' from read.support_tickets t";

struct Getting {
    client: HttpClient,
    prefix: &'static str,
    ids: Arc<[Uuid]>,
    nth: usize,
}

impl Worker for Getting {
    async fn once(&mut self) -> Result<(), Failure> {
        // A prime step visits all rows in an order that no cache likes.
        self.nth = (self.nth + 7_919) % self.ids.len();
        let path = format!("{}{}", self.prefix, self.ids[self.nth]);
        self.client.get(&path).await?.success().map(drop)
    }
}

/// Measures both sides with so many keep-alive connections.
pub(crate) async fn run(bench: &Bench, choice: Choice, plan: Plan, connections: usize) -> Result<Line, Failure> {
    let database = bench.database(&choice.name()).await?;
    baseline_events::create(&database).await?;
    sqlx::raw_sql(minimal::DOCUMENTS).execute(&database.pool).await?;
    history::fill(&database, EVENTS).await?;
    let identities = Identities::new()?;
    let setup = sillage::Setup {
        database_url: database.url.clone(),
        jwks: identities.jwks(),
        nats_url: None,
        reads: true,
        auth: sillage::Auth::Interim,
    };
    let sillage = Serving::start(&Side::Sillage(setup), bench.folder()).await?;
    history::folded(&database.pool, &["support.tickets"], Position(EVENTS), Duration::from_mins(1)).await?;
    sqlx::raw_sql(AssertSqlSafe(format!("{COPY_ROWS}; analyze baseline.documents; analyze read.support_tickets_g1")))
        .execute(&database.pool)
        .await?;
    let ids: Vec<Uuid> =
        sqlx::query_scalar("select id from baseline.documents order by id").fetch_all(&database.pool).await?;
    let ids: Arc<[Uuid]> = ids.into();
    let minimal = Serving::start(&Side::Select { database_url: database.url.clone() }, bench.folder()).await?;
    let agent = identities.token(Uuid::new_v4(), &[WORK.as_str()])?;
    let (mut queries, mut selects) = (Vec::new(), Vec::new());
    for worker in 0..connections {
        let nth = worker * ids.len() / connections;
        let client = HttpClient::connect(sillage.address, Some(&agent)).await?;
        queries.push(Getting { client, prefix: "/v1/support/tickets/", ids: Arc::clone(&ids), nth });
        let client = HttpClient::connect(minimal.address, None).await?;
        selects.push(Getting { client, prefix: "/documents/", ids: Arc::clone(&ids), nth });
    }
    let rounds = interleave(
        plan,
        async |length| closed_loop::run(&mut queries, length).await,
        async |length| closed_loop::run(&mut selects, length).await,
    )
    .await?;
    drop((queries, selects));
    sillage.stop().await?;
    minimal.stop().await?;
    let mut line = rounds.line(choice.name(), "queries/s")?;
    line.more.insert("rows".into(), json!(ids.len()));
    database.drop(bench).await?;
    Ok(line)
}
