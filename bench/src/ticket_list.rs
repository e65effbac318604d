//! `ticket_list`: the list of a tenant with a million tickets, filtered and searched in every way, and their details.

use crate::catalogue::Choice;
use crate::history::{self, desk};
use crate::identity::{Identities, STUDIO, TENANT};
use crate::interleave::interleave;
use crate::load::closed_loop::{self, Worker, histogram, microseconds};
use crate::load::http::HttpClient;
use crate::report::{Line, quantile_ms};
use crate::servers::Bench;
use crate::sides::child::{Serving, Side};
use crate::sides::sillage;
use crate::{Failure, Plan};
use domain::support::ticket::WORK;
use hdrhistogram::Histogram;
use kernel::Position;
use serde_json::{Map, Value, json};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Agents who ask at a time.
const AGENTS: u32 = 4;
/// Rows on a page.
const LIMIT: u32 = 20;
/// Longest time until all read models have folded a million tickets.
const PATIENCE: Duration = Duration::from_mins(40);
/// The first page, written by hand, for whoever owns the table.
const BY_HAND: &str = "select to_jsonb(t) from read.support_tickets t where tenant_id = $1 order by created_at desc, \
     ticket_id desc limit 20";

/// The parameters of a question, from a number that is thrown.
type Asked = fn(u64) -> String;

/// What agents ask for. The rank of a word says how often it occurs: the nth is n times as rare as the first.
const KINDS: [(&str, Asked); 11] = [
    ("first_page", |_| String::new()),
    ("status", |_| "&status=open".to_owned()),
    ("assignee_and_priority", |_| format!("&assignee_id={STUDIO}&priority=high,urgent&status=open")),
    ("customer", |dice| format!("&customer_id={}", desk::customer(dice))),
    ("tag", |dice| format!("&tag={}", desk::word(dice % 300))),
    ("number", |dice| format!("&q=TKT-{:05}", dice % 100_000 + 1)),
    ("rare_word", |dice| format!("&q={}", desk::word(2_000 + dice % 18_000))),
    ("word_and_status", |dice| format!("&q={}&status=open", desk::word(200 + dice % 1_800))),
    ("two_words", |dice| format!("&q={}%20{}", desk::word(10 + dice % 90), desk::word(10 + (dice >> 8) % 90))),
    ("common_word_and_category", |dice| format!("&q={}&category=billing", desk::word(dice % 20))),
    ("period_and_status", |_| "&status=resolved&created_from=2020-01-01T00:00:00Z&sort=created_at".to_owned()),
];

/// An agent who goes through the kinds, reads the second page of each answer that has one, and then a ticket of it.
struct Agent {
    client: HttpClient,
    ids: Arc<[Uuid]>,
    nth: u64,
    lists: Vec<Histogram<u64>>,
    next_pages: Histogram<u64>,
    details: Histogram<u64>,
}

impl Agent {
    fn new(client: HttpClient, ids: Arc<[Uuid]>, nth: u64) -> Self {
        let lists = KINDS.iter().map(|_| histogram()).collect();
        Self { client, ids, nth, lists, next_pages: histogram(), details: histogram() }
    }

    async fn timed(&mut self, path: &str) -> Result<(u64, Value), Failure> {
        let asked = Instant::now();
        let answer = self.client.get(path).await?;
        let took = microseconds(asked.elapsed());
        Ok((took, serde_json::from_slice(answer.success()?)?))
    }
}

impl Worker for Agent {
    async fn once(&mut self) -> Result<(), Failure> {
        self.nth += 1;
        let kind = usize::try_from(self.nth)? % KINDS.len();
        let mut dice = self.nth;
        history::next_dice(&mut dice);
        let path = format!("/v1/support/tickets?limit={LIMIT}{}", KINDS[kind].1(dice >> 16));
        let (took, page) = self.timed(&path).await?;
        self.lists[kind].record(took)?;
        if let Some(cursor) = page["next_cursor"].as_str() {
            let (took, _) = self.timed(&format!("{path}&cursor={cursor}")).await?;
            self.next_pages.record(took)?;
        }
        let id = self.ids[usize::try_from(dice >> 16)? % self.ids.len()];
        let (took, _) = self.timed(&format!("/v1/support/tickets/{id}")).await?;
        self.details.record(took)?;
        Ok(())
    }
}

struct ByHand {
    pool: PgPool,
}

impl Worker for ByHand {
    async fn once(&mut self) -> Result<(), Failure> {
        let rows: Vec<Value> = sqlx::query_scalar(BY_HAND).bind(TENANT.0).fetch_all(&self.pool).await?;
        if rows.len() == LIMIT as usize { Ok(()) } else { Err("a page is not full".into()) }
    }
}

/// Measures four agents who ask without pausing against the same number who read the first page by hand-written SQL; then one
/// of them alone.
pub(crate) async fn run(bench: &Bench, choice: Choice, plan: Plan) -> Result<Line, Failure> {
    let database = bench.database(&choice.name()).await?;
    let end = desk::fill(&database, plan.tickets).await?;
    eprintln!("{} tickets in {end} events", plan.tickets);
    let identities = Identities::new()?;
    let setup = sillage::Setup {
        database_url: database.url.clone(),
        jwks: identities.jwks(),
        nats_url: None,
        reads: true,
        auth: sillage::Auth::Interim,
    };
    let serving = Serving::start(&Side::Sillage(setup), bench.folder()).await?;
    let folding = Instant::now();
    history::folded(&database.pool, &["support.tickets", "support.ticket_messages"], Position(end), PATIENCE).await?;
    history::live(&database.pool, cli::projections().len(), PATIENCE).await?;
    let folding = folding.elapsed();
    eprintln!("all read models folded in {folding:?}");
    sqlx::raw_sql("vacuum analyze").execute(&database.pool).await?;
    warm(&database.pool).await?;
    let ids: Vec<Uuid> = sqlx::query_scalar("select ticket_id from read.support_tickets order by number desc")
        .fetch_all(&database.pool)
        .await?;
    let ids: Arc<[Uuid]> = ids.into();
    let token = identities.token(STUDIO, &[WORK.as_str()])?;
    let agent = async |number: u32| {
        let client = HttpClient::connect(serving.address, Some(&token)).await?;
        Ok::<_, Failure>(Agent::new(client, Arc::clone(&ids), u64::from(number) * 1_000_003))
    };
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        agents.push(agent(number).await?);
    }
    let mut by_hand: Vec<ByHand> = (0..AGENTS).map(|_| ByHand { pool: database.pool.clone() }).collect();
    let rounds = interleave(
        plan,
        async |length| closed_loop::run(&mut agents, length).await,
        async |length| closed_loop::run(&mut by_hand, length).await,
    )
    .await?;
    let mut alone = vec![agent(AGENTS).await?];
    closed_loop::run(&mut alone, plan.slice * u32::try_from(plan.rounds)?).await?;
    let mut line = rounds.line(choice.name(), "rounds/s")?;
    line.more.extend(quantiles(&agents)?);
    line.more.insert("alone".into(), Value::Object(quantiles(&alone)?));
    line.more.insert("tickets".into(), json!(ids.len()));
    line.more.insert("events".into(), json!(end));
    line.more.insert("folding_s".into(), json!(folding.as_secs()));
    drop((agents, alone, by_hand));
    serving.stop().await?;
    eprintln!("{}: {}", choice.name(), json!(line.more));
    database.drop(bench).await?;
    Ok(line)
}

/// Reads the tables of tickets once, with their indexes, as a server that has run since the morning has: what is not in memory
/// by then is read from the disk at random, which measures the disk.
async fn warm(pool: &PgPool) -> Result<(), Failure> {
    sqlx::raw_sql("create extension if not exists pg_prewarm").execute(pool).await?;
    let pages: i64 = sqlx::query_scalar(
        "select sum(pg_prewarm(c.oid))::bigint from pg_class c where c.relnamespace = 'read'::regnamespace \
         and c.relkind in ('r', 'i') and c.relname ~ '^support_ticket'",
    )
    .fetch_one(pool)
    .await?;
    eprintln!("{} MiB read into memory", pages / 128);
    Ok(())
}

/// The 95th percentiles: of each kind, of all first pages together, of following pages, of details.
fn quantiles(agents: &[Agent]) -> Result<Map<String, Value>, Failure> {
    let together = |of: &dyn Fn(&Agent) -> &Histogram<u64>| {
        let mut all = histogram();
        for agent in agents {
            all.add(of(agent))?;
        }
        Ok::<_, Failure>(all)
    };
    let p95 = |histogram: &Histogram<u64>| json!(quantile_ms(histogram, 0.95));
    let (mut found, mut kinds, mut lists) = (Map::new(), Map::new(), histogram());
    for (nth, (kind, _)) in KINDS.iter().enumerate() {
        let of_kind = together(&|agent| &agent.lists[nth])?;
        kinds.insert((*kind).into(), p95(&of_kind));
        lists.add(&of_kind)?;
    }
    found.insert("list_p95_ms".into(), p95(&lists));
    found.insert("next_page_p95_ms".into(), p95(&together(&|agent| &agent.next_pages)?));
    found.insert("detail_p95_ms".into(), p95(&together(&|agent| &agent.details)?));
    found.insert("kinds_p95_ms".into(), Value::Object(kinds));
    Ok(found)
}
