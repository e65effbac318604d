//! `rebuild_under_load`: commands and reads while read models are rebuilt, switched and rolled back, against the same in the
//! quiet.

use crate::catalogue::Choice;
use crate::history;
use crate::identity::Identities;
use crate::interleave::median;
use crate::load::closed_loop::{histogram, microseconds};
use crate::load::commands::CommandingActor;
use crate::load::http::HttpClient;
use crate::load::open_loop::{self, Sent};
use crate::report::{Line, Quantiles};
use crate::servers::{Bench, Database};
use crate::sides::child::{Serving, Side};
use crate::sides::sillage;
use crate::{Failure, Plan};
use domain::support::ticket::WORK;
use hdrhistogram::Histogram;
use kernel::Position;
use projector::acts::By;
use projector::operate::Plan as BuildPlan;
use projector::{Operator, SwitchMode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

/// Commands per second, and who sends them.
const RATE: u32 = 300;
const ACTORS: usize = 16;
/// Reads per second, and who asks.
const READS: u32 = 100;
const READERS: u32 = 4;
/// Switches and rollbacks, together.
const SWITCHES: u32 = 20;
/// What is rebuilt, in turns.
const MODELS: [&str; 2] = ["support.tickets", "field_sales.doors"];
/// Longest time for one rebuild.
const PATIENCE: Duration = Duration::from_mins(5);

/// What readers got.
#[derive(Debug)]
struct Read {
    latency: Histogram<u64>,
    errors: u64,
}

/// Reads tickets by a schedule until told to stop.
struct Readers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Result<Read, Failure>>,
}

impl Readers {
    async fn start(side: &Serving, identities: &Identities, ids: &Arc<[Uuid]>) -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        let interval = Duration::from_secs(1) / READS * READERS;
        let token = identities.token(Uuid::new_v4(), &[WORK.as_str()])?;
        for reader in 0..READERS {
            let client = HttpClient::connect(side.address, Some(&token)).await?;
            let first = Instant::now() + interval / READERS * reader;
            tasks.spawn(read(client, Arc::clone(ids), first, interval, Arc::clone(&stop)));
        }
        Ok(Self { stop, tasks })
    }

    async fn stop(mut self) -> Result<Read, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Read { latency: histogram(), errors: 0 };
        while let Some(read) = self.tasks.join_next().await {
            let read = read??;
            all.latency.add(&read.latency)?;
            all.errors += read.errors;
        }
        Ok(all)
    }
}

/// One is a detail by its id, the next a page of the list.
async fn read(
    mut client: HttpClient,
    ids: Arc<[Uuid]>,
    first: Instant,
    interval: Duration,
    stop: Arc<AtomicBool>,
) -> Result<Read, Failure> {
    let mut all = Read { latency: histogram(), errors: 0 };
    let (mut due, mut nth) = (first, 0_usize);
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep_until(due.into()).await;
        nth += 7_919;
        let path = if nth.is_multiple_of(2) {
            format!("/v1/support/tickets/{}", ids[nth % ids.len()])
        } else {
            "/v1/support/tickets?limit=10".to_owned()
        };
        let answer = client.get(&path).await?;
        if !(200..300).contains(&answer.status) {
            all.errors += 1;
            eprintln!("a read failed with {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        }
        all.latency.record(microseconds(due.elapsed()))?;
        due += interval;
    }
    Ok(all)
}

/// Everything that asks and is asked.
struct Stage {
    side: Serving,
    identities: Identities,
    ids: Arc<[Uuid]>,
    actors: Vec<CommandingActor>,
}

/// What commands and reads took in one stretch.
struct Stretch {
    commands: Vec<Sent>,
    reads: Read,
}

fn latency<'a>(commands: impl IntoIterator<Item = &'a Sent>) -> Result<Histogram<u64>, Failure> {
    let mut all = histogram();
    for command in commands {
        all.record(microseconds(command.acknowledged.saturating_duration_since(command.due)))?;
    }
    Ok(all)
}

impl Stage {
    async fn load(&mut self, length: Duration) -> Result<Stretch, Failure> {
        let readers = Readers::start(&self.side, &self.identities, &self.ids).await?;
        let commands = open_loop::run(&mut self.actors, Duration::from_secs(1) / RATE, length, |_| {}).await?;
        Ok(Stretch { commands, reads: readers.stop().await? })
    }
}

/// Measures stretches in turns: quiet, with rebuilds, with rebuilds, quiet, …; then switches and rollbacks under load.
pub(crate) async fn run(bench: &mut Bench, choice: Choice, plan: Plan) -> Result<Line, Failure> {
    let database = Arc::new(bench.database(&choice.name()).await?);
    let events = plan.fold_events;
    history::fill(&database, events).await?;
    let mut stage = stage(bench, &database, events).await?;
    stage.load(plan.warm_up.max(Duration::from_secs(2))).await?;
    let length = plan.open_loop;
    let (mut quiet, mut busy, mut rebuilt, mut phases) = (Vec::new(), Vec::new(), 0, Vec::new());
    for rebuilds in [None, Some(0), Some(1), None] {
        if let Some(first) = rebuilds {
            let rebuilding = Rebuilding::start(&database, first);
            let began = Instant::now();
            busy.push(stage.load(length).await?);
            // Every phase of a rebuild is to be felt.
            while rebuilding.count() == 0 {
                if began.elapsed() > PATIENCE {
                    return Err("a rebuild has not come to its end".into());
                }
                busy.push(stage.load(Duration::from_secs(2)).await?);
            }
            let (count, seen) = rebuilding.stop().await?;
            rebuilt += count;
            phases.extend(seen);
        } else {
            quiet.push(stage.load(length).await?);
        }
    }
    let switching = tokio::spawn(switch(Arc::clone(&database)));
    let mut turning = Vec::new();
    while !switching.is_finished() || turning.is_empty() {
        turning.push(stage.load(Duration::from_secs(2)).await?);
    }
    let switches_ms = switching.await??;
    stage.side.stop().await?;
    drop(stage.actors);
    let mut line = line(choice, &quiet, &busy, &turning, rebuilt, &switches_ms)?;
    line.more.insert("by_phase".into(), by_phase(&busy, &phases)?);
    eprintln!("{}: {}", choice.name(), json!(line.more));
    if let Some(database) = Arc::into_inner(database) {
        database.drop(bench).await?;
    }
    Ok(line)
}

async fn stage(bench: &Bench, database: &Database, events: i64) -> Result<Stage, Failure> {
    let identities = Identities::new()?;
    let setup = sillage::Setup {
        database_url: database.url.clone(),
        jwks: identities.jwks(),
        nats_url: bench.servers.nats_url.clone(),
        reads: true,
        auth: sillage::Auth::Interim,
    };
    let side = Serving::start(&Side::Sillage(setup), bench.folder()).await?;
    history::folded(&database.pool, &MODELS, Position(events), PATIENCE).await?;
    // What is still built would be heard in the quiet.
    history::live(&database.pool, cli::projections().len(), PATIENCE).await?;
    let ids: Vec<Uuid> =
        sqlx::query_scalar("select ticket_id from read.support_tickets order by 1").fetch_all(&database.pool).await?;
    let mut actors = Vec::new();
    for _ in 0..ACTORS {
        let actor = Uuid::new_v4();
        let client = HttpClient::connect(side.address, Some(&identities.token(actor, &[])?)).await?;
        actors.push(CommandingActor::new(client, actor));
    }
    Ok(Stage { side, identities, ids: ids.into(), actors })
}

/// Rebuilds one read model after the other, over and over.
struct Rebuilding {
    stop: Arc<AtomicBool>,
    /// Rebuilds that have come to their end.
    count: Arc<AtomicU32>,
    task: JoinHandle<Result<Phases, Failure>>,
}

/// When which phase was seen.
type Phases = Vec<(Instant, String)>;

impl Rebuilding {
    /// Begins with one of them.
    fn start(database: &Arc<Database>, first: usize) -> Self {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let task = tokio::spawn(rebuild(Arc::clone(database), first, Arc::clone(&stop), Arc::clone(&count)));
        Self { stop, count, task }
    }

    fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// What came to its end while there was load; what is under way then is given up.
    async fn stop(self) -> Result<(u32, Phases), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let phases = self.task.await??;
        Ok((self.count.load(Ordering::Relaxed), phases))
    }
}

async fn rebuild(
    database: Arc<Database>,
    first: usize,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU32>,
) -> Result<Phases, Failure> {
    let mut phases = Phases::new();
    let operator = Operator::new(database.pool.clone());
    let by = || By::itself("a benchmark");
    for name in MODELS.into_iter().cycle().skip(first) {
        let named = operator.rebuild(name, BuildPlan::default(), by()).await?;
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let state = "select p.serving, coalesce(b.phase, 'waiting') from projection.projections p \
                 left join projection.builds b using (name, generation) where name = $1 and generation = $2";
            let (serving, phase): (bool, String) =
                sqlx::query_as(state).bind(name).bind(named.generation).fetch_one(&database.pool).await?;
            let phase = if serving { "between" } else { &phase };
            phases.push((Instant::now(), format!("{name} {phase}")));
            if serving {
                operator.retire(name, None, by()).await?;
                count.fetch_add(1, Ordering::Relaxed);
                break;
            }
            if stop.load(Ordering::Relaxed) {
                // It may have been shown this very moment.
                if operator.cancel(name, Some(named.generation), by()).await.is_err() {
                    operator.retire(name, None, by()).await?;
                }
                return Ok(phases);
            }
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(phases)
}

/// How many commands were due in which phase, and how long they took.
fn by_phase(busy: &[Stretch], phases: &[(Instant, String)]) -> Result<Value, Failure> {
    let mut of_phases: BTreeMap<&str, Vec<&Sent>> = BTreeMap::new();
    for command in busy.iter().flat_map(|stretch| &stretch.commands) {
        let before = phases.partition_point(|(since, _)| *since <= command.due);
        let phase = before.checked_sub(1).map_or("before", |last| phases[last].1.as_str());
        of_phases.entry(phase).or_default().push(command);
    }
    let mut told = serde_json::Map::new();
    for (phase, commands) in of_phases {
        let count = commands.len();
        let p99_ms = Quantiles::of(&latency(commands)?).p99_ms;
        told.insert(phase.to_owned(), json!({ "commands": count, "p99_ms": p99_ms }));
    }
    Ok(told.into())
}

/// Builds one more generation, then shows readers the one and the other; how long each turn took, in milliseconds.
async fn switch(database: Arc<Database>) -> Result<Vec<f64>, Failure> {
    let operator = Operator::new(database.pool.clone());
    let (name, by) = (MODELS[0], || By::itself("a benchmark"));
    let named = operator.rebuild(name, BuildPlan { switch: SwitchMode::Ask, ..BuildPlan::default() }, by()).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = projector::status(&database.pool).await?;
        let is_live = |one: &projector::ProjectionStatus| one.state == projector::State::Live;
        if all.iter().any(|one| one.name == name && one.generation == named.generation && is_live(one)) {
            break;
        }
        if Instant::now() > deadline {
            return Err("a rebuild has not come to its end".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut took = Vec::new();
    for turn in 0..SWITCHES {
        let began = Instant::now();
        if turn.is_multiple_of(2) {
            operator.switch(name, Some(named.generation), by()).await?;
        } else {
            operator.rollback(name, by()).await?;
        }
        took.push(began.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(took)
}

fn line(
    choice: Choice,
    quiet: &[Stretch],
    busy: &[Stretch],
    turning: &[Stretch],
    rebuilt: u32,
    switches_ms: &[f64],
) -> Result<Line, Failure> {
    let commands = |stretches: &[Stretch]| {
        Ok::<_, Failure>(Quantiles::of(&latency(stretches.iter().flat_map(|stretch| &stretch.commands))?))
    };
    let reads = |stretches: &[Stretch]| {
        let mut all = histogram();
        for stretch in stretches {
            all.add(&stretch.reads.latency)?;
        }
        Ok::<_, Failure>(Quantiles::of(&all))
    };
    let (still, loaded) = (commands(quiet)?, commands(busy)?);
    let (still_reads, loaded_reads) = (reads(quiet)?, reads(busy)?);
    let errors: u64 = quiet.iter().chain(busy).chain(turning).map(|one| one.reads.errors).sum();
    // Milliseconds: less is better.
    let mut line = Line::new(choice.name(), "ms", loaded.p99_ms, still.p99_ms, loaded.p99_ms / still.p99_ms);
    line.latency = Some(loaded);
    for (name, value) in [
        ("quiet_p50_ms", json!(still.p50_ms)),
        ("quiet_p99_ms", json!(still.p99_ms)),
        ("read_p99_ms", json!(loaded_reads.p99_ms)),
        ("read_quiet_p99_ms", json!(still_reads.p99_ms)),
        ("read_ratio", json!(loaded_reads.p99_ms / still_reads.p99_ms)),
        ("read_errors", json!(errors)),
        ("rebuilds", json!(rebuilt)),
        ("switches", json!(switches_ms.len())),
        ("switch_median_ms", json!(median(switches_ms).round())),
        ("switch_max_ms", json!(switches_ms.iter().copied().fold(0.0, f64::max).round())),
    ] {
        line.more.insert(name.into(), value);
    }
    Ok(line)
}
