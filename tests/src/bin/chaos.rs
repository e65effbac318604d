//! Chaos by command, for longer than CI has time:
//! `cargo run --release -p tests --bin chaos -- --victim server --rounds 100 --seed 7`.
//!
//! Prints one line of JSON and exits 1 where a promise was broken. Called as `sillage` it is the binary `sillage`: so the
//! processes that it kills are always of this very build.

use clap::Parser;
use std::path::Path;
use std::process::ExitCode;
use tests::chaos::nemesis::Victim;
use tests::chaos::process::SILLAGE;
use tests::chaos::{Plan, run};

/// Kills, wipes and pauses parts of Sillage under load, then checks every promise.
#[derive(Parser)]
#[command(name = "chaos")]
struct Arguments {
    /// Who is struck.
    #[arg(long, value_enum)]
    victim: Victim,
    /// How often.
    #[arg(long, default_value_t = 100)]
    rounds: u32,
    /// What all choices follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many answered keys are asked again after the storm, at most.
    #[arg(long, default_value_t = 20_000)]
    repeats: usize,
    /// Control of the checkers: Postgres acknowledges before it flushes, so lost commands must be found. Exits 1 if none is.
    #[arg(long)]
    unsafe_postgres: bool,
}

fn main() -> ExitCode {
    platform::telemetry::install_crypto();
    let called = std::env::args_os().next().unwrap_or_default();
    if Path::new(&called).file_name().is_some_and(|name| name == SILLAGE) {
        return cli::main();
    }
    let arguments = Arguments::parse();
    let plan = Plan {
        victim: arguments.victim,
        rounds: arguments.rounds,
        seed: arguments.seed,
        program: std::env::current_exe().expect("this program has a path"),
        unsafe_postgres: arguments.unsafe_postgres,
        repeats: arguments.repeats,
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let report = runtime.block_on(run(&plan));
    println!("{}", report.line());
    for violation in report.violations.iter().take(50) {
        eprintln!("{violation}");
    }
    let as_wanted = if plan.unsafe_postgres { report.found_by("C1") > 0 } else { report.violations.is_empty() };
    if as_wanted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
