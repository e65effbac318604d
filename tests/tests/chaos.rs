//! Chaos in its short version; `tests/src/bin/chaos.rs` is the long one. One JSON line per run on standard error.

use std::path::PathBuf;
use tests::chaos::nemesis::Victim;
use tests::chaos::report::Report;
use tests::chaos::{Plan, run};
use tokio::sync::Mutex;

/// Two storms at a time would only slow each other down.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

async fn play(victim: Victim, rounds: u32, seed: u64, unsafe_postgres: bool) -> Report {
    let _alone = ONE_AT_A_TIME.lock().await;
    let program = PathBuf::from(env!("CARGO_BIN_EXE_chaos"));
    let report = run(&Plan { victim, rounds, seed, program, unsafe_postgres, repeats: 1_000 }).await;
    eprintln!("{}", report.line());
    report
}

async fn holds(victim: Victim, rounds: u32) -> Report {
    let report = play(victim, rounds, 20_260_101, false).await;
    let first: Vec<String> = report.violations.iter().take(10).map(ToString::to_string).collect();
    assert!(
        first.is_empty(),
        "{victim:?} broke {} promises, among them\n{}",
        report.violations.len(),
        first.join("\n")
    );
    assert!(report.acknowledged() > 300, "too little was done to prove anything");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_and_does_nothing_twice() {
    let report = holds(Victim::Server, 10).await;
    assert!(report.figure().retried > 0, "no kill met a command");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_postgres_loses_nothing_that_was_acknowledged() {
    let report = holds(Victim::Postgres, 5).await;
    assert!(report.figure().retried > 0, "no kill met a command");
    assert!(report.figure().healed_ms <= 5_000, "back after {} ms", report.figure().healed_ms);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_wiped_or_rolled_back_nats_costs_nothing_but_time() {
    holds(Victim::Nats, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_or_paused_projector_is_replaced_and_cannot_write_any_more() {
    let report = holds(Victim::Projector, 2).await;
    assert!(report.figure().taken_over_ms <= 10_000, "taken over after {} ms", report.figure().taken_over_ms);
}

/// The control: where Postgres says "stored" before it is, killing it must lose acknowledged commands, and C1 must see it.
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_before_the_flush_is_caught() {
    let report = play(Victim::Postgres, 3, 20_260_101, true).await;
    assert!(report.found_by("C1") > 0, "three kills lost nothing: the storm is too weak to prove anything");
}
