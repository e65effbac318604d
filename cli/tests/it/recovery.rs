//! The scripts of `deploy/postgres` on real clusters: a backup is restored as of a moment, a standby takes over.

use crate::child::{printed, sillage};
use domain::support::ticket;
use event_store::append::AppenderOptions;
use event_store::{Append, Appender, Idempotency, Log, Role, schema};
use kernel::{
    Actor, ActorId, Change, CommandId, CorrelationId, Event, EventData, Position, Recorded, TenantId, Version,
};
use local_servers::{Options, Servers};
use sqlx::{PgPool, query, query_scalar};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use uuid::Uuid;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/postgres");
const ROOT_KEY: &str = test_support::ROOT_KEY;
const PATIENCE: Duration = Duration::from_mins(2);

/// A primary that archives its write-ahead log, and a folder for what is made of it.
struct Place {
    primary: Servers,
    folder: PathBuf,
    /// Who runs Postgres.
    owner: (u32, u32),
    programs: PathBuf,
}

impl Place {
    /// `None`, with a word on why, where Postgres came without what the scripts call.
    async fn new(purpose: &str) -> Option<Self> {
        let folder = test_support::scratch(purpose);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("a folder of ours");
        // The account of Postgres may not reach the checkout.
        let scripts = folder.join("scripts");
        fs::create_dir(&scripts).expect("a folder");
        for entry in fs::read_dir(SCRIPTS).expect("the scripts").flatten() {
            fs::copy(entry.path(), scripts.join(entry.file_name())).expect("a script");
        }
        let downloads = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/servers"));
        let mut options = Options::new(folder.join("primary"), downloads);
        options.with_nats = false;
        let archive =
            format!("{} \"%p\" \"%f\" {}", scripts.join("archive-wal").display(), folder.join("wal").display());
        for (name, value) in [("archive_mode", "on"), ("archive_command", &archive), ("shared_buffers", "32MB")] {
            options.postgres_settings.push((name.to_owned(), value.to_owned()));
        }
        let primary = local_servers::start(options, |line| eprintln!("{line}")).await.expect("Postgres starts");
        let server = primary.postgres.as_ref().expect("a Postgres of ours");
        let data = fs::metadata(server.data_dir()).expect("its data");
        let (owner, programs) = ((data.uid(), data.gid()), server.programs().to_owned());
        for needed in ["pg_basebackup", "pg_verifybackup", "pg_ctl"] {
            if !programs.join(needed).exists() {
                eprintln!("SKIPPED: there is no {needed} in {}; install Postgres' client programs", programs.display());
                return None;
            }
        }
        for name in ["wal", "backup", "clusters"] {
            fs::create_dir(folder.join(name)).expect("a folder");
            chown(folder.join(name), Some(owner.0), Some(owner.1)).expect("a folder can be given");
        }
        Some(Self { primary, folder, owner, programs })
    }

    /// A command as the account that runs Postgres.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").stdin(Stdio::null()).env("PG_BIN", &self.programs);
        if fs::metadata(&self.folder).is_ok_and(|ours| ours.uid() != self.owner.0) {
            command.uid(self.owner.0).gid(self.owner.1);
        }
        command
    }

    /// Runs a script; what it printed to standard output.
    fn script(&self, name: &str, arguments: &[&str]) -> Result<String, String> {
        let output = self.command(&self.folder.join("scripts").join(name)).args(arguments).output().expect("bash runs");
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(printed(&output))
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn start(&self, data: &str) -> Cluster {
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let log = fs::File::create(self.folder.join(format!("{port}.log"))).expect("a log file");
        let child = self
            .command(&self.programs.join("postgres"))
            .args(["-D", data, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c"])
            .args([&format!("port={port}"), "-c", "shared_buffers=32MB"])
            // What follows must allow as many as the primary.
            .args(["-c", "max_connections=300"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("Postgres starts");
        Cluster { child, url: format!("postgres://sillage@127.0.0.1:{port}/sillage") }
    }
}

/// A cluster that ends with its test.
struct Cluster {
    child: Child,
    url: String,
}

impl Cluster {
    async fn pool(&mut self) -> PgPool {
        let began = Instant::now();
        loop {
            match schema::connect(&self.url, "test", Role::Owner, 3).await {
                Ok(pool) => return pool,
                Err(error) => {
                    assert!(began.elapsed() < PATIENCE, "it does not answer: {error:?}");
                    assert!(self.child.try_wait().expect("a child").is_none(), "Postgres ended: {error:?}");
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "QUIT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

async fn until<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Appends two events to each of so many streams.
async fn append(url: &str, streams: usize) {
    let engine = schema::connect(url, "test-append", Role::Engine, 2).await.expect("Postgres answers");
    let appender = Appender::start(url, engine, &AppenderOptions::default()).expect("an appender");
    for _ in 0..streams {
        let command_id = CommandId(Uuid::now_v7());
        let append = Append {
            tenant_id: TenantId(Uuid::from_u128(1)),
            actor: Actor::user(ActorId(Uuid::from_u128(7))),
            command_id,
            correlation_id: CorrelationId(command_id.0),
            causation_id: None,
            trace: None,
            occurred_at: chrono::Utc::now(),
            idempotency: Idempotency { key: command_id.0, request_hash: Uuid::nil() },
            changes: vec![Change {
                category: "support.ticket",
                stream_id: Uuid::now_v7(),
                expected: Version::ZERO,
                // Without personal data, which these clusters have no keys for.
                events: ticket::Event::examples()[4..6].iter().map(Event::encode).collect(),
            }],
            reserve: Vec::new(),
            release: Vec::new(),
            counter: None,
        };
        appender.append(append).await.expect("it is recorded");
    }
}

async fn all(pool: &PgPool) -> Vec<Recorded<EventData>> {
    Log::new(pool.clone()).read(Position::ZERO, 10_000).await.expect("the log answers")
}

async fn is_adopted(pool: &PgPool) -> bool {
    query_scalar("select log.is_adopted()").fetch_one(pool).await.expect("the log answers")
}

/// Runs the binary on a database; it must succeed.
fn on(folder: &Path, url: &str, arguments: &[&str]) -> String {
    let output = sillage(folder)
        .env("SILLAGE_ROOT_KEY", ROOT_KEY)
        .args(arguments)
        .args(["--database-url", url, "--quiet"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", printed(&output));
    printed(&output)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_as_of_a_moment_and_goes_on() {
    let Some(place) = Place::new("recovery").await else { return };
    let url = place.primary.database_url.clone();
    let pool = schema::connect(&url, "test", Role::Owner, 3).await.expect("Postgres answers");
    schema::migrate(&pool, 100_000).await.expect("the database is migrated");
    append(&url, 10).await;
    let backup = place.script("base-backup", &["--from", &url, "--to", &place.path("backup")]).expect("a backup");
    append(&url, 10).await;
    let kept = all(&pool).await;
    // The clock of the server: the next commit is after it.
    let moment: String = query_scalar("select clock_timestamp()::text").fetch_one(&pool).await.expect("a moment");
    tokio::time::sleep(Duration::from_millis(20)).await;
    append(&url, 10).await;
    let segment: String =
        query_scalar("select pg_walfile_name(pg_switch_wal())").fetch_one(&pool).await.expect("a segment");
    until("the log is archived", async || place.folder.join("wal").join(&segment).exists()).await;

    let (wal, data) = (place.path("wal"), place.path("clusters/restored"));
    let restore =
        |to: &str| place.script("restore", &["--backup", &backup, "--wal", &wal, "--data", &data, "--to", to]);
    assert!(restore("o'clock").expect_err("no time").contains("is no time"));
    restore(&moment).expect("a cluster is prepared");
    assert!(restore(&moment).expect_err("it is there").contains("not empty"));
    let mut restored = place.start(&data);
    let again = restored.pool().await;
    until("it has recovered", async || {
        query_scalar("select not pg_is_in_recovery()").fetch_one(&again).await.unwrap_or(false)
    })
    .await;
    assert!(all(&again).await == kept && kept.len() == 40, "everything up to the moment, and nothing after it");

    assert!(!is_adopted(&again).await, "nothing is appended before an operator says so");
    let said = on(&place.folder, &restored.url, &["log", "adopt", "--reason", "restored by a test"]);
    assert!(said.contains("epoch 2 after position 40"), "{said}");
    append(&restored.url, 1).await;
    let said = on(&place.folder, &restored.url, &["verify", "--only", "log"]);
    assert!(said.contains("42 events in 21 streams, without a gap"), "{said}");
    let epochs: Vec<i32> =
        query_scalar("select distinct epoch from log.events order by 1").fetch_all(&again).await.expect("epochs");
    assert_eq!(epochs, [1, 2]);

    // A backup that was altered is refused.
    fs::write(Path::new(&backup).join("PG_VERSION"), "14\n").expect("a file");
    let other = place.path("clusters/other");
    let refused = place.script("restore", &["--backup", &backup, "--wal", &wal, "--data", &other]);
    assert!(refused.expect_err("altered").contains("PG_VERSION"));
    // Another cluster's segment never replaces one that is there.
    let archived = place.folder.join("wal").join(&segment);
    let foreign = place.folder.join("foreign");
    fs::write(&foreign, "other contents").expect("a file");
    let refused = place.script("archive-wal", &[&foreign.display().to_string(), &segment, &wal]);
    assert!(refused.expect_err("it is there").contains("with other contents"));
    place.script("archive-wal", &[&archived.display().to_string(), &segment, &wal]).expect("the same again is fine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_follows_is_promoted_and_adopted_and_takes_commands() {
    let Some(mut place) = Place::new("standby").await else { return };
    let url = place.primary.database_url.clone();
    let pool = schema::connect(&url, "test", Role::Owner, 3).await.expect("Postgres answers");
    schema::migrate(&pool, 100_000).await.expect("the database is migrated");
    append(&url, 5).await;
    let data = place.path("clusters/standby");
    let named = format!("{url}?application_name=standby_1");
    place.script("standby", &["--primary", &named, "--data", &data, "--slot", "standby_1"]).expect("a standby");
    let mut standby = place.start(&data);
    let follower = standby.pool().await;
    append(&url, 5).await;
    let known = all(&pool).await;
    until("the standby has followed", async || all(&follower).await.len() == 20).await;
    assert_eq!(all(&follower).await, known);
    let written = query("create table anything ()").execute(&follower).await;
    written.expect_err("a standby takes no writes");

    pool.close().await;
    place.primary.postgres.as_mut().expect("a primary of ours").kill().await.expect("the primary is gone");
    place.script("promote", &["--data", &data]).expect("it is promoted");
    assert!(place.script("promote", &["--data", &data]).expect_err("again").contains("is no standby"));
    assert!(!is_adopted(&follower).await, "nothing is appended before an operator says so");
    let said = on(&place.folder, &standby.url, &["log", "adopt", "--reason", "promoted by a test"]);
    assert!(said.contains("epoch 2 after position 20"), "{said}");

    append(&standby.url, 5).await;
    let now = all(&follower).await;
    assert!(now[..20] == known && now.len() == 30, "it goes on from what it had");
    let said = on(&place.folder, &standby.url, &["verify", "--only", "log"]);
    assert!(said.contains("30 events in 15 streams, without a gap"), "{said}");
}
