//! Chaos: clients work through HTTP while something is killed, wiped or paused; then everything that was promised is
//! checked against what is there.
//!
//! [`run`] is the whole play. What the clients did is the history; what the system kept is the evidence; the checkers
//! compare the two and know nothing else. Everything that is chosen follows from one seed. Processes and threads keep
//! their own time, so a seed repeats the choices, not every interleaving.

pub mod calm;
pub mod checks;
pub mod client;
pub mod evidence;
pub mod history;
pub mod nemesis;
pub mod process;
pub mod random;
pub mod report;
pub mod stage;
pub mod workload;

use checks::{Violation, history_and_log};
use client::{Client, Run};
use futures_util::{StreamExt as _, stream};
use history::{Operation, Outcome};
use nemesis::Victim;
use random::Random;
use report::{Figure, Report, ms};
use stage::Stage;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use workload::{Things, Workload};

/// Clients at a time.
pub const CLIENTS: usize = 16;
/// Commands that must be acknowledged between two strikes.
const LOAD: u64 = 150;
/// How long the clients may be without any acknowledgement after a repair.
const STANDSTILL: Duration = Duration::from_secs(30);

/// What is to be played.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who is struck.
    pub victim: Victim,
    /// How often.
    pub rounds: u32,
    /// What all choices follow from.
    pub seed: u64,
    /// The program that behaves as `sillage` when it is called so.
    pub program: PathBuf,
    /// Whether Postgres acknowledges before it flushes. Then C1 must find what is lost: the control of the checkers.
    pub unsafe_postgres: bool,
    /// How many answered keys are asked again after the storm, at most.
    pub repeats: usize,
}

/// Plays it and checks everything. What it leaves on disk is kept, and its place printed, where a promise was broken.
///
/// # Panics
/// The stage cannot be set, or the storm cannot be survived by the harness itself.
pub async fn run(plan: &Plan) -> Report {
    let began = Instant::now();
    let mut stage = Stage::set(plan).await;
    let run = Run::begin();
    let clients = stage.clients(CLIENTS);
    let work = begin(plan, &clients, &run);
    let (mut violations, figure) = storm(plan, &mut stage, &run).await;
    run.stopped.store(true, Ordering::Relaxed);
    let mut operations: Vec<Operation> = work.join_all().await.into_iter().flatten().collect();
    let mut figure = figure.of(&operations);

    violations.extend(after(plan, &mut stage, &clients, &mut operations, &mut figure).await);
    figure.took_ms = ms(began.elapsed());
    let acknowledged = operations.iter().filter(|operation| operation.answer().is_some()).count();
    let report = Report::new(plan, acknowledged, violations, figure);
    let keep = !report.violations.is_empty() && !plan.unsafe_postgres;
    if keep {
        keep_history(&stage, &operations, &report);
    }
    stage.clear(keep).await;
    report
}

fn begin(plan: &Plan, clients: &[Client], run: &Arc<Run>) -> JoinSet<Vec<Operation>> {
    let things: [Arc<Mutex<Things>>; 2] = Default::default();
    let mut work = JoinSet::new();
    for client in clients {
        let random = Random::new(plan.seed, 1 + client.number as u64);
        let shared = Arc::clone(&things[client.number % things.len()]);
        let workload = Workload::new(random, client.actor_id, shared);
        work.spawn(client.clone().work(workload, Arc::clone(run)));
    }
    work
}

/// Strikes round after round. Every strike falls into load, and after every repair the clients must get on: if they do not,
/// that was the last one.
async fn storm(plan: &Plan, stage: &mut Stage, run: &Run) -> (Vec<Violation>, Figure) {
    let mut random = Random::new(plan.seed, 0);
    let (mut violations, mut figure) = (Vec::new(), Figure { rounds: plan.rounds, ..Figure::default() });
    let has_begun = run.progress(LOAD, STANDSTILL).await.is_some();
    assert!(has_begun, "the clients never began: see {}", stage.folder.display());
    for round in 0..plan.rounds {
        tokio::time::sleep(random.between_ms(0, 400)).await;
        let taken_over = stage.strike(plan.victim, round, &mut random).await;
        figure.taken_over_ms = figure.taken_over_ms.max(taken_over.map_or(0, ms));
        let Some(healed) = run.progress(1, STANDSTILL).await else {
            violations.push(Violation::new("heals", format!("nothing acknowledged after round {round}")));
            break;
        };
        figure.healed_ms = figure.healed_ms.max(ms(healed));
        if run.progress(LOAD, STANDSTILL).await.is_none() {
            violations.push(Violation::new("heals", format!("hardly anything acknowledged after round {round}")));
            break;
        }
    }
    (violations, figure)
}

/// When the clients have stopped: looks at the log, lets the rest settle, asks answered keys again.
async fn after(
    plan: &Plan,
    stage: &mut Stage,
    clients: &[Client],
    operations: &mut [Operation],
    figure: &mut Figure,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for process in &mut stage.processes {
        if process.has_ended() {
            violations.push(Violation::new("lives", format!("a process has ended: {}", process.log().display())));
        }
    }
    let unanswered = operations.iter().filter(|operation| operation.outcome == Outcome::Unanswered).count();
    if unanswered > 0 {
        violations.push(Violation::new("heals", format!("{unanswered} commands were never answered")));
    }
    let pool = stage.pool().await;
    violations.extend(calm::at_rest(&pool).await.expect("the followers can be asked"));
    let (events, head) = evidence::read_log(&pool).await.expect("the log can be read");
    figure.events = events.len();
    if plan.unsafe_postgres {
        // What follows compares with a log that has lost its tail: only whether that is noticed is of interest.
        pool.close().await;
        return history_and_log(operations, &events, head);
    }
    figure.repeated = ask_again(plan, clients, operations).await;
    let (_, head_after) = evidence::read_log(&pool).await.expect("the log can be read");
    if head_after != head {
        violations
            .push(Violation::new("C3", format!("repeats of answered commands moved the log: {head}, {head_after}")));
    }
    violations.extend(history_and_log(operations, &events, head));
    let nats_url = stage.servers.nats_url.clone().expect("NATS was asked for");
    let (models, mirror) = tokio::join!(calm::check_read_models(&pool), calm::check_mirror(&pool, &nats_url, &events));
    for found in [models, mirror] {
        violations.extend(found.unwrap_or_else(|error| vec![Violation::new("rest", error.to_string())]));
    }
    pool.close().await;
    violations
}

/// Sends answered commands again with their keys: first those that had a hard time, then others from the seed.
async fn ask_again(plan: &Plan, clients: &[Client], operations: &mut [Operation]) -> usize {
    let mut random = Random::new(plan.seed, u64::MAX);
    let mut answered: Vec<(bool, u64, &mut Operation)> = operations
        .iter_mut()
        .filter(|operation| operation.answer().is_some())
        .map(|operation| (operation.attempts == 1, random.next(), operation))
        .collect();
    answered.sort_unstable_by_key(|(easy, lot, _)| (*easy, *lot));
    answered.truncate(plan.repeats);
    let count = answered.len();
    stream::iter(answered)
        .for_each_concurrent(CLIENTS, |(_, _, operation)| async move {
            for attempt in 0..10 {
                let reply = clients[operation.client].send(operation.id, &operation.request, attempt).await;
                if let Some(reply) = reply {
                    operation.repeats.push(reply);
                    return;
                }
            }
        })
        .await;
    count
}

/// Leaves everything for people to look at.
fn keep_history(stage: &Stage, operations: &[Operation], report: &Report) {
    let mut lines = String::new();
    for operation in operations {
        let _ = writeln!(lines, "{}", operation.line());
    }
    let path = stage.folder.join("history.jsonl");
    let kept = std::fs::write(&path, lines);
    eprintln!("history, logs and servers are kept in {} ({kept:?})", stage.folder.display());
    for violation in report.violations.iter().take(20) {
        eprintln!("  {violation}");
    }
}
