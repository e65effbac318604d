//! Benchmarks of Sillage against baselines, interleaved in one run. See README.md for what each one measures.

mod as_of;
mod bars;
mod catalogue;
mod disturbance;
mod export_parquet;
mod fold_rows;
mod full_auth;
mod get_by_id;
mod history;
mod http_command;
mod identity;
mod interleave;
mod live_projection;
mod load;
mod machine;
mod memory;
mod notes;
mod rebuild;
mod rebuild_under_load;
mod report;
mod rls_get_by_id;
mod servers;
mod sides;
mod store_append;
mod ticket_list;
mod verify_log;
mod visible_latency;

use catalogue::Choice;
use clap::Parser;
use disturbance::Usage;
use read_models::field_sales::Doors;
use read_models::support::Tickets;
use report::{Line, Report};
use servers::Bench;
use sides::child;
use std::process::ExitCode;
use std::time::Duration;

/// As in the binary `sillage`; both sides have it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whatever stops a benchmark; told as it is to whoever runs it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures Sillage against baselines on private servers with fsync on; nothing outside this machine is touched.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(name = "bench", version)]
struct Arguments {
    /// What to measure.
    #[arg(value_enum, default_value = "all")]
    names: Vec<Choice>,
    /// Shorter slices and fewer events; everything together stays within 3 minutes.
    #[arg(long)]
    quick: bool,
    /// One JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
    /// Only says what there is to measure.
    #[arg(long)]
    list: bool,
    /// How many events the log has that is folded, exported, verified or rebuilt from.
    #[arg(long, value_parser = clap::value_parser!(i64).range(1_000..))]
    events: Option<i64>,
    /// Compares with the bars of the project, and fails where one is missed.
    #[arg(long)]
    check: bool,
    /// Delays every flush of Postgres by this many milliseconds, for both sides: a slow disk.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100))]
    flush_ms: u32,
    /// What Postgres keeps in memory, as it writes sizes; by default what `sillage up` gives its own.
    #[arg(long, value_name = "SIZE")]
    shared_buffers: Option<String>,
}

/// How long and how often both sides are measured.
#[derive(Clone, Copy, Debug)]
struct Plan {
    rounds: usize,
    slice: Duration,
    warm_up: Duration,
    /// How long commands come by schedule.
    open_loop: Duration,
    /// How many events are folded.
    fold_events: i64,
    /// How many events are rebuilt from.
    rebuild_events: i64,
    /// How many tickets are listed.
    tickets: i64,
}

impl Plan {
    const fn new(quick: bool) -> Self {
        if quick {
            Self {
                rounds: 3,
                slice: Duration::from_millis(1_500),
                warm_up: Duration::from_secs(1),
                open_loop: Duration::from_secs(8),
                fold_events: 300_000,
                rebuild_events: 1_000_000,
                tickets: 100_000,
            }
        } else {
            Self {
                rounds: 5,
                slice: Duration::from_secs(5),
                warm_up: Duration::from_secs(3),
                open_loop: Duration::from_secs(30),
                fold_events: 1_000_000,
                rebuild_events: 1_000_000,
                tickets: 1_000_000,
            }
        }
    }
}

fn main() -> ExitCode {
    let serves = std::env::args().nth(1).is_some_and(|first| first == child::SERVE);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return broken(&error.into()),
    };
    if serves {
        return match runtime.block_on(child::serve()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => broken(&error),
        };
    }
    let arguments = Arguments::parse();
    if arguments.list {
        catalogue::list();
        return ExitCode::SUCCESS;
    }
    match runtime.block_on(run(&arguments)) {
        Ok(missed) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(missed) => {
            for bar in missed {
                eprintln!("missed: {bar}");
            }
            ExitCode::FAILURE
        }
        Err(error) => broken(&error),
    }
}

fn broken(error: &Failure) -> ExitCode {
    eprintln!("bench: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
    ExitCode::FAILURE
}

/// Runs what was asked for; gives the bars that were missed, if they were to be looked at.
async fn run(arguments: &Arguments) -> Result<Vec<String>, Failure> {
    let mut bench = Bench::start(arguments.flush_ms, arguments.shared_buffers.as_deref()).await?;
    let outcome = tokio::select! {
        outcome = measure(&mut bench, arguments) => outcome,
        () = interrupted() => Err("interrupted".into()),
    };
    bench.stop().await?;
    outcome
}

async fn measure(bench: &mut Bench, arguments: &Arguments) -> Result<Vec<String>, Failure> {
    bench.settle().await?;
    let report = Report::new(arguments.json);
    report.machine(&machine::describe(bench, arguments.quick).await?);
    let mut plan = Plan::new(arguments.quick);
    plan.rebuild_events = arguments.events.unwrap_or(plan.rebuild_events);
    plan.fold_events = arguments.events.unwrap_or(plan.fold_events);
    let mut missed = Vec::new();
    for choice in catalogue::chosen(&arguments.names) {
        let before = Usage::now();
        let mut line = Box::pin(one(bench, choice, plan)).await?;
        line.others_cpu_percent = before.as_ref().and_then(Usage::others_since);
        report.line(&line);
        if arguments.check && arguments.flush_ms == 0 {
            missed.extend(bars::missed(&line));
        }
    }
    Ok(missed)
}

async fn one(bench: &mut Bench, choice: Choice, plan: Plan) -> Result<Line, Failure> {
    eprintln!("{} …", choice.name());
    match choice {
        Choice::All => Err("`all` stands for the others".into()),
        Choice::StoreAppend1 => store_append::run(bench, choice, plan, 1).await,
        Choice::StoreAppend8 => store_append::run(bench, choice, plan, 8).await,
        Choice::StoreAppend64 => store_append::run(bench, choice, plan, 64).await,
        Choice::HttpCommand64 => http_command::run(bench, choice, plan, false).await,
        Choice::HttpCommand64Relayed => http_command::run(bench, choice, plan, true).await,
        Choice::FullAuth => full_auth::run(bench, choice, plan).await,
        Choice::FoldRows => fold_rows::run(bench, choice, plan).await,
        Choice::RebuildTickets => rebuild::run::<Tickets>(bench, choice, plan).await,
        Choice::RebuildDoors => rebuild::run::<Doors>(bench, choice, plan).await,
        Choice::RebuildUnderLoad => rebuild_under_load::run(bench, choice, plan).await,
        Choice::LiveProjection => live_projection::run(bench, choice, plan).await,
        Choice::VerifyLog => verify_log::run(bench, choice, plan).await,
        Choice::ExportParquet => export_parquet::run(bench, choice, plan).await,
        Choice::AsOf1000 => as_of::run(bench, choice, plan).await,
        Choice::VisibleLatency => visible_latency::run(bench, choice, plan, true).await,
        Choice::VisibleLatencyWithoutNats => visible_latency::run(bench, choice, plan, false).await,
        Choice::GetById => get_by_id::run(bench, choice, plan, 64).await,
        Choice::GetById16 => get_by_id::run(bench, choice, plan, 16).await,
        Choice::TicketList => ticket_list::run(bench, choice, plan).await,
        Choice::RlsGetById => rls_get_by_id::run(bench, choice, plan, 16).await,
    }
}

/// Ctrl-C or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
