//! `sillage log archive`: old history goes into files and comes back, whatever happens in between.

use crate::child::{printed, sillage};
use domain::support::ticket;
use event_store::analysis::Indexer;
use event_store::append::AppenderOptions;
use event_store::{Append, Appender, Idempotency, Log, Role, schema};
use kernel::specs::sealed;
use kernel::{
    Actor, ActorId, Change, CommandId, CorrelationId, Event, EventData, Position, Recorded, TenantId, Version,
};
use serde_json::Value;
use sqlx::{PgPool, query_as};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use test_support::scratch;
use uuid::Uuid;

/// Tickets in a log whose partitions hold a hundred events.
struct Past {
    url: String,
    owner: PgPool,
    log: Log,
    folder: PathBuf,
    before: Vec<Recorded<EventData>>,
}

impl Past {
    /// 50 tickets of 7 events.
    async fn new() -> Self {
        let (url, owner) = test_support::empty_database(&test_support::servers().database_url).await;
        schema::migrate(&owner, 100).await.expect("the database is migrated");
        let engine = schema::connect(&url, "engine", Role::Engine, 4).await.expect("Postgres answers");
        let options = AppenderOptions { partition_size: 100, ..AppenderOptions::default() };
        let appender = Appender::start(&url, engine.clone(), &options).expect("an appender");
        for _ in 0..50 {
            let command_id = CommandId(Uuid::now_v7());
            let append = Append {
                tenant_id: TenantId(Uuid::from_u128(1)),
                actor: Actor::user(ActorId(Uuid::from_u128(7))),
                command_id,
                correlation_id: CorrelationId(command_id.0),
                causation_id: None,
                trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().ok(),
                occurred_at: chrono::Utc::now(),
                idempotency: Idempotency { key: command_id.0, request_hash: Uuid::nil() },
                changes: vec![Change {
                    category: "support.ticket",
                    stream_id: Uuid::now_v7(),
                    expected: Version::ZERO,
                    events: sealed(|| ticket::Event::examples().iter().take(7).map(Event::encode).collect()),
                }],
                reserve: Vec::new(),
                release: Vec::new(),
                counter: None,
            };
            appender.append(append).await.expect("an event");
        }
        let log = Log::new(engine);
        let before = log.read(Position::ZERO, 1_000).await.expect("the log answers");
        assert_eq!(before.len(), 350);
        Self { url, owner, log, folder: scratch("cli-archive"), before }
    }

    async fn index(&self) {
        Indexer::new(self.log.clone()).catch_up().await.expect("the index is filled");
    }

    fn on(&self, arguments: &[&str]) -> Command {
        let mut command = sillage(&self.folder);
        command.env("SILLAGE_ROOT_KEY", test_support::ROOT_KEY);
        command.args(arguments).args(["--database-url", &self.url, "--allow-unsafe-postgres", "--quiet"]);
        command
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.on(arguments).output().expect("the binary runs");
        (output.status.code(), printed(&output))
    }

    /// Runs, and must succeed; once more where that is what it says, since a session of a killed process is still there.
    fn well(&self, arguments: &[&str]) -> String {
        let mut tries = (0..5).map(|_| self.run(arguments));
        let (code, said) = tries
            .find(|(code, said)| *code == Some(0) || !said.contains("The same command tries again"))
            .expect("it works at the fifth try");
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        said
    }

    fn place(&self) -> PathBuf {
        self.folder.join("archive")
    }

    fn archive(&self, before: &str) -> String {
        self.well(&["log", "archive", "--before", before, "--to", &self.place().to_string_lossy()])
    }

    /// What is in files only, and what is in the database.
    async fn places(&self) -> (i64, i64) {
        query_as("select log.cold_up_to(), (select min(position) from log.events)")
            .fetch_one(&self.owner)
            .await
            .expect("Postgres answers")
    }

    async fn is_as_before(&self) -> bool {
        self.log.read(Position::ZERO, 1_000).await.expect("the log answers") == self.before
    }
}

fn a_parquet_file(folder: &Path) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension == "parquet") {
                return entry.path();
            }
        }
    }
    panic!("there is no file")
}

#[tokio::test(flavor = "multi_thread")]
async fn old_history_goes_into_files_is_proved_and_comes_back() {
    let past = Past::new().await;
    let to = past.place();
    let to = to.to_string_lossy();
    let (code, said) = past.run(&["log", "archive", "--before", "301", "--to", &to]);
    assert!(code == Some(1) && said.contains("the index of events stands at 1"), "{said}");
    past.index().await;
    let said = past.well(&["log", "archive", "--before", "90", "--to", &to]);
    assert!(said.contains("Nothing to archive") && said.contains("the oldest goes from 1 to 100"), "{said}");
    let said = past.well(&["log", "archive", "--before", "301", "--to", &to, "--dry-run"]);
    assert!(said.lines().filter(|line| line.contains("100 ")).count() >= 3 && said.contains("GO_ON"), "{said}");
    assert_eq!(past.places().await, (0, 1), "a dry run does nothing");

    let said = past.archive("301");
    assert_eq!(said.lines().filter(|line| line.contains("archived in")).count(), 3, "{said}");
    assert_eq!(past.places().await, (300, 301));
    let said = past.archive("2100-01-01");
    assert!(said.contains("Nothing to archive"), "the partition that is being written stays: {said}");
    let manifest: Value =
        serde_json::from_slice(&fs::read(past.place().join("1-100/manifest.json")).expect("a manifest"))
            .expect("the manifest is JSON");
    assert_eq!((&manifest["rows"], &manifest["is_complete"]), (&100.into(), &true.into()));
    assert_eq!(manifest["content_sha256"].as_str().map(str::len), Some(64));

    let said = past.well(&["log", "archive", "list"]);
    assert_eq!(said.lines().filter(|line| line.contains("files")).count(), 3, "{said}");
    let said = past.well(&["log", "archive", "verify"]);
    assert_eq!(said.lines().filter(|line| line.contains("as they were")).count(), 3, "{said}");
    let said = past.well(&["verify", "--only", "log"]);
    assert!(said.contains("50 events (300 before them are in archives)") && said.contains("as they were"), "{said}");

    for arguments in [
        &["events", "show", "5"][..],
        &["events", "stats"],
        &["events", "export", "--out", "some"],
        &["events", "stats", "--since", "2000-01-01"],
    ] {
        let (code, said) = past.run(arguments);
        assert!(
            code == Some(1) && said.contains("position 300 is archived") && said.contains(&*to),
            "{arguments:?} {said}"
        );
        assert!(said.contains("sillage log archive restore"), "what to do: {said}");
    }
    assert!(past.well(&["events", "export", "--out", "some", "--since", "301"]).contains("50 events"));

    let said = past.well(&["log", "archive", "restore", "--from", "150"]);
    assert_eq!(said.lines().filter(|line| line.contains("back in the database")).count(), 2, "{said}");
    assert_eq!(past.places().await, (100, 101));
    // Again, from where it came back: the files are there already.
    past.archive("201");
    assert_eq!(past.places().await, (200, 201));
    past.well(&["log", "archive", "restore", "--from", "2000-01-01"]);
    assert!(past.is_as_before().await, "to the last byte");
    assert!(past.well(&["verify", "--only", "log"]).contains("350 events in 50 streams"));
    let acts: (i64, i64) = query_as(
        "select count(*) filter (where act = 'archived'), count(*) filter (where act = 'restored') from log.archive_acts",
    )
    .fetch_one(&past.owner)
    .await
    .expect("acts");
    assert_eq!(acts, (4, 4));
    fs::remove_dir_all(&past.folder).expect("the folder can be removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_altered_moved_or_lost_are_noticed() {
    let past = Past::new().await;
    past.index().await;
    past.archive("201");
    let moved = past.folder.join("elsewhere");
    fs::rename(past.place(), &moved).expect("a folder is moved");
    for command in [&["log", "archive", "verify"][..], &["verify", "--only", "log"]] {
        let (code, said) = past.run(command);
        assert!(
            code == Some(1) && said.contains("DIVERGED: archive, position 1") && said.contains("not there"),
            "{said}"
        );
    }
    let there = moved.to_string_lossy().into_owned();
    past.well(&["log", "archive", "verify", "--in", &there]);

    let file = a_parquet_file(&moved.join("101-200"));
    let good = fs::read(&file).expect("a file");
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    for altered in [bad, good[..good.len() - 1].to_vec()] {
        fs::write(&file, altered).expect("a file");
        let (code, said) = past.run(&["log", "archive", "verify", "--in", &there]);
        assert!(code == Some(1) && said.contains("position 101") && said.contains(".parquet"), "{said}");
        let (code, said) = past.run(&["log", "archive", "restore", "--from", "1", "--in", &there]);
        assert!(code == Some(1) && said.contains("did not come back") && said.contains(".parquet"), "{said}");
        assert_eq!(past.places().await, (200, 201), "nothing came back");
    }
    fs::write(&file, &good).expect("a file");
    // A manifest that was made to fit.
    let manifest = moved.join("101-200/manifest.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(&manifest, text.replace("\"rows\": 100", "\"rows\": 99")).expect("a manifest");
    let (code, said) = past.run(&["log", "archive", "restore", "--from", "1", "--in", &there]);
    assert!(code == Some(1) && said.contains("not the manifest that was written"), "{said}");
    fs::write(&manifest, text).expect("a manifest");
    past.well(&["log", "archive", "restore", "--from", "1", "--in", &there]);
    assert!(past.is_as_before().await);

    // Files that were altered before the events went.
    fs::rename(&moved, past.place()).expect("a folder is moved");
    fs::write(a_parquet_file(&past.place().join("1-100")), &good).expect("a file");
    let (code, said) = past.run(&["log", "archive", "--before", "101", "--to", &past.place().to_string_lossy()]);
    assert!(code == Some(1) && said.contains("the archive is not good"), "{said}");
    assert!(past.is_as_before().await, "the events are still there");
    fs::remove_dir_all(&past.folder).expect("the folder can be removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_it_is_taken_up_and_loses_nothing() {
    let past = Past::new().await;
    past.index().await;
    let to = past.place();
    let to = to.to_string_lossy();
    let kill_after = |arguments: &[&str], delay: u64| {
        let mut command = past.on(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary starts");
        std::thread::sleep(Duration::from_millis(delay));
        let _ = child.kill();
        child.wait().expect("it has ended")
    };
    let mut killed = 0;
    for round in 0..4 {
        for delay in (0..12).map(|step| 20 + step * 35 + round * 9) {
            if !kill_after(&["log", "archive", "--before", "301", "--to", &to], delay).success() {
                killed += 1;
            }
            let (cold, first) = past.places().await;
            assert_eq!(first, cold + 1, "each event is in one place at least");
            if cold == 300 {
                break;
            }
        }
        past.archive("301");
        past.well(&["log", "archive", "verify"]);
        for delay in (0..12).map(|step| 20 + step * 35 + round * 9) {
            if !kill_after(&["log", "archive", "restore", "--from", "1"], delay).success() {
                killed += 1;
            }
            let (cold, first) = past.places().await;
            assert_eq!(first, cold + 1, "each event is in one place at least");
            if cold == 0 {
                break;
            }
        }
        past.well(&["log", "archive", "restore", "--from", "1"]);
        assert!(past.is_as_before().await, "round {round}");
    }
    assert!(killed > 0, "some were killed");
    fs::remove_dir_all(&past.folder).expect("the folder can be removed");
}
