//! `visible_latency*`: from a command's acknowledgement until a reader of Postgres sees it in every read model.

use crate::catalogue::Choice;
use crate::identity::Identities;
use crate::load::closed_loop::{histogram, microseconds};
use crate::load::commands::{CommandingActor, Done, Kind};
use crate::load::http::HttpClient;
use crate::load::open_loop::{self, Sent};
use crate::report::{Line, Quantiles};
use crate::servers::{Bench, Database};
use crate::sides::child::{Serving, Side};
use crate::sides::sillage;
use crate::{Failure, Plan, history};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Commands per second.
const RATE: u32 = 500;
/// Who sends them.
const ACTORS: usize = 32;
/// Pause between two looks at the database.
const LOOK_EVERY: Duration = Duration::from_micros(300);
/// Of so many commands one has its row looked at.
const SAMPLE: usize = 25;
/// How long the last command may take to be seen.
const PATIENCE: Duration = Duration::from_secs(15);

/// How far the one that is furthest behind has committed. A read model's rows and its checkpoint are committed
/// together, so whoever sees the position sees the rows.
const VISIBLE: &str = "select coalesce(min(position), 0) from projection.checkpoints \
    join projection.projections using (name, generation) where serving";
const TICKET_ROW: &str = "select exists (select from read.support_tickets where ticket_id = $1 and at_position >= $2)";
const MESSAGE_ROW: &str =
    "select exists (select from read.messaging_messages where message_id = $1 and at_position >= $2)";

/// What a reader of the database saw, and when.
#[derive(Clone, Copy)]
struct Seen {
    at: Instant,
    position: i64,
}

/// Looks at the database over and over, as a reader of its own.
struct Watcher {
    stop: CancellationToken,
    seen: watch::Receiver<i64>,
    thread: JoinHandle<Result<Vec<Seen>, Failure>>,
}

impl Watcher {
    /// On a thread of its own: the runtime's timers are too coarse, and its other tasks would hold it up.
    fn start(database_url: String) -> Self {
        let stop = CancellationToken::new();
        let (tell, seen) = watch::channel(0);
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(look(&database_url, &told, &tell))
        });
        Self { stop, seen, thread }
    }

    fn stop(self) -> Result<Vec<Seen>, Failure> {
        self.stop.cancel();
        self.thread.join().map_err(|_| "the watcher panicked")?
    }
}

async fn look(database_url: &str, stop: &CancellationToken, tell: &watch::Sender<i64>) -> Result<Vec<Seen>, Failure> {
    let mut connection = PgConnection::connect(database_url).await?;
    let mut all: Vec<Seen> = Vec::new();
    while !stop.is_cancelled() {
        let position: i64 = sqlx::query_scalar(VISIBLE).fetch_one(&mut connection).await?;
        // After the answer has come: what a reader could know, not what the server knew.
        let at = Instant::now();
        if all.last().is_none_or(|last| last.position < position) {
            all.push(Seen { at, position });
            tell.send_replace(position);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(all)
}

/// Reads the rows of some commands as soon as they should be there.
#[derive(Clone)]
struct Sampler {
    database: Arc<Database>,
    seen: watch::Receiver<i64>,
    heard: Arc<AtomicUsize>,
    confirmed: Arc<AtomicU64>,
    missing: Arc<Mutex<Vec<Done>>>,
}

impl Sampler {
    fn hear(&self, sent: Sent) {
        let statement = match sent.done.kind {
            Kind::Open | Kind::Reply => TICKET_ROW,
            Kind::Message => MESSAGE_ROW,
            Kind::Build | Kind::Converse | Kind::Visit => return,
        };
        if !self.heard.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE) {
            return;
        }
        let mut sampler = self.clone();
        tokio::spawn(async move {
            let done = sent.done;
            let visible = async { sampler.seen.wait_for(|position| *position >= done.position).await.is_ok() };
            let is_there = match tokio::time::timeout(PATIENCE, visible).await {
                Ok(true) => sqlx::query_scalar(statement)
                    .bind(done.subject)
                    .bind(done.position)
                    .fetch_one(&sampler.database.pool)
                    .await
                    .unwrap_or(false),
                Ok(false) | Err(_) => false,
            };
            if is_there {
                sampler.confirmed.fetch_add(1, Ordering::Relaxed);
            } else {
                sampler.missing.lock().unwrap_or_else(PoisonError::into_inner).push(done);
            }
        });
    }
}

/// Measures at 500 commands per second; without NATS it is stopped after a while of working with it.
pub(crate) async fn run(bench: &mut Bench, choice: Choice, plan: Plan, with_nats: bool) -> Result<Line, Failure> {
    let database = Arc::new(bench.database(&choice.name()).await?);
    let identities = Identities::new()?;
    let setup = sillage::Setup {
        database_url: database.url.clone(),
        jwks: identities.jwks(),
        nats_url: bench.servers.nats_url.clone(),
        reads: true,
        auth: sillage::Auth::Interim,
    };
    let sillage = Serving::start(&Side::Sillage(setup), bench.folder()).await?;
    let mut actors = Vec::new();
    for _ in 0..ACTORS {
        let actor = Uuid::new_v4();
        let client = HttpClient::connect(sillage.address, Some(&identities.token(actor, &[])?)).await?;
        actors.push(CommandingActor::new(client, actor));
    }
    let interval = Duration::from_secs(1) / RATE;
    history::live(&database.pool, cli::projections().len(), PATIENCE).await?;
    // Read models are folded for the first time, states get into the cache.
    open_loop::run(&mut actors, interval, plan.warm_up.max(Duration::from_secs(2)), |_| {}).await?;
    if !with_nats && let Some(nats) = &mut bench.servers.nats {
        nats.stop().await?;
        open_loop::run(&mut actors, interval, Duration::from_secs(2), |_| {}).await?;
    }
    let watcher = Watcher::start(database.url.clone());
    let sampler = Sampler {
        database: Arc::clone(&database),
        seen: watcher.seen.clone(),
        heard: Arc::default(),
        confirmed: Arc::default(),
        missing: Arc::default(),
    };
    let hear = sampler.clone();
    let sent = open_loop::run(&mut actors, interval, plan.open_loop, move |sent| hear.hear(sent)).await?;
    let last = sent.iter().map(|sent| sent.done.position).max().unwrap_or_default();
    let mut seen = watcher.seen.clone();
    tokio::time::timeout(PATIENCE, seen.wait_for(|position| *position >= last))
        .await
        .map_err(|_| "commands have not become visible in time")??;
    drop((actors, seen));
    let seen = watcher.stop()?;
    sillage.stop().await?;
    if !with_nats && let Some(nats) = &mut bench.servers.nats {
        nats.restart().await?;
    }
    let line = line(choice, &sent, &seen, &sampler);
    drop(sampler);
    if let Some(database) = Arc::into_inner(database) {
        database.drop(bench).await?;
    }
    line
}

fn line(choice: Choice, sent: &[Sent], seen: &[Seen], sampler: &Sampler) -> Result<Line, Failure> {
    let missing = sampler.missing.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(first) = missing.first() {
        return Err(format!("{} rows were not there when they should be, the first: {first:?}", missing.len()).into());
    }
    let (mut from_acknowledged, mut from_due, mut answered) = (histogram(), histogram(), histogram());
    for command in sent {
        let visible = &seen[seen.partition_point(|seen| seen.position < command.done.position)..];
        let at = visible.first().ok_or("a command has never become visible")?.at;
        from_acknowledged.record(microseconds(at.saturating_duration_since(command.acknowledged)))?;
        from_due.record(microseconds(at.saturating_duration_since(command.due)))?;
        answered.record(microseconds(command.acknowledged.saturating_duration_since(command.due)))?;
    }
    let begun = sent.iter().map(|sent| sent.due).min().ok_or("nothing was sent")?;
    let ended = sent.iter().map(|sent| sent.acknowledged).max().ok_or("nothing was sent")?;
    let rate = f64::from(u32::try_from(sent.len())?) / (ended - begun).as_secs_f64();
    let scheduled = f64::from(RATE);
    let mut line = Line::new(choice.name(), "commands/s", rate, scheduled, rate / scheduled);
    line.latency = Some(Quantiles::of(&from_acknowledged));
    let (due, answer) = (Quantiles::of(&from_due), Quantiles::of(&answered));
    for (name, value) in [
        ("from_due_p50_ms", due.p50_ms),
        ("from_due_p99_ms", due.p99_ms),
        ("answer_p50_ms", answer.p50_ms),
        ("answer_p99_ms", answer.p99_ms),
    ] {
        line.more.insert(name.into(), json!(value));
    }
    line.more.insert("rows_confirmed".into(), json!(sampler.confirmed.load(Ordering::Relaxed)));
    Ok(line)
}
