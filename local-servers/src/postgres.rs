//! A private Postgres: made once, started, crashed and restarted on its own folder and port.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::account::{Account, command, folder_error, place};
use crate::fetch::{Package, find_or_fetch};
use crate::find::Program;
use crate::lifetime::{Kind, Lifetime};
use crate::lock::DEATH_THROES;
use crate::wire::{Answer, query};
use crate::{FolderLock, Options, Progress, StartError, StopError, process};

const UNFINISHED: &str = "cluster.unfinished-";

/// A Postgres that lives as long as this handle; dropping it shuts the server down without waiting.
pub struct PostgresServer(Lifetime<Postgres>);

struct Postgres {
    cluster: PathBuf,
    program: Program,
    account: Option<Account>,
    settings: Vec<(String, String)>,
}

impl PostgresServer {
    pub(crate) async fn open(options: &Options, progress: Progress<'_>) -> Result<Self, StartError> {
        let account = Account::to_lend(&options.data_dir)?;
        let home = place(&options.data_dir, account, progress).await?.join("postgres");
        let lock = FolderLock::acquire_within(DEATH_THROES, &home, "Postgres of Sillage", progress).await?;
        if let Some(account) = account {
            account.own(&home)?;
        }
        let cluster = home.join("cluster");
        let written_by = std::fs::read_to_string(cluster.join("PG_VERSION")).ok();
        let major: Option<u32> = written_by.and_then(|text| text.trim().parse().ok());
        let data = major.map(|major| (&*cluster, major));
        let download_dir = place(&options.download_dir, account, progress).await?;
        let program = find_or_fetch(Package::Postgres, &download_dir, account, data, progress).await?;
        let postgres = Postgres { cluster, program, account, settings: settings(options) };
        postgres.end_previous(progress).await?;
        remove_unfinished(&home);
        if !postgres.cluster.exists() {
            let (version, cluster) = (postgres.program.version, postgres.cluster.display());
            progress(&format!("creating a Postgres {version} cluster in {cluster}"));
            postgres.initialise(&home).await?;
        }
        Ok(Self(Lifetime::begin(postgres, home, lock, progress).await?))
    }

    /// Where to connect: database `sillage`, superuser `sillage`, no password. Stable between runs if the port stays free.
    pub fn url(&self) -> String {
        format!("postgres://sillage@127.0.0.1:{}/sillage", self.0.port)
    }

    /// The process id of Postgres itself (the postmaster), the last one if it is stopped.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// The cluster (`PGDATA`). For root it may lie elsewhere than [`Options::data_dir`] asked.
    pub fn data_dir(&self) -> &Path {
        &self.0.kind.cluster
    }

    /// The folder of its programs: `postgres`, `initdb`, and where the package has them `psql`, `pg_basebackup`, ….
    pub fn programs(&self) -> &Path {
        self.0.kind.program.path.parent().unwrap_or_else(|| Path::new("/"))
    }

    /// The major version, such as 18.
    pub fn version(&self) -> u32 {
        self.0.kind.program.version.major
    }

    /// Shuts down cleanly: open transactions are rolled back, clients disconnected. Nothing happens if it is stopped.
    pub async fn stop(&mut self) -> Result<(), StopError> {
        self.0.stop().await
    }

    /// Crashes it: SIGKILL to the postmaster and its children. The next start recovers from the log.
    pub async fn kill(&mut self) -> Result<(), StopError> {
        self.0.kill().await
    }

    /// Starts it again on the same port and data, after a clean stop if it runs; returns once it accepts connections.
    pub async fn restart(&mut self) -> Result<(), StartError> {
        self.0.restart().await
    }
}

impl Kind for Postgres {
    const NAME: &str = "Postgres";
    const SIGNAL: &str = "INT";
    /// Recovery replays up to `max_wal_size` of log before it lets anyone in.
    const READY_WITHIN_S: u64 = 300;
    const PORT_IS_TAKEN: &str = "could not bind";
    /// Children of a killed postmaster hold its memory until they notice.
    const PASSES: &[&str] = &["shared memory block"];

    fn program(&self) -> (&Program, Option<Account>) {
        (&self.program, self.account)
    }

    /// The last of several values for one setting wins.
    fn arguments(&self, port: u16) -> Vec<OsString> {
        let port = format!("port={port}");
        let mut arguments: Vec<OsString> = vec!["-D".into(), self.cluster.clone().into()];
        for (name, value) in &self.settings {
            arguments.extend(["-c".into(), format!("{name}={value}").into()]);
        }
        for fixed in ["listen_addresses=127.0.0.1", "unix_socket_directories=", &port] {
            arguments.extend(["-c".into(), fixed.into()]);
        }
        arguments
    }

    /// Whether it lets us into database `sillage`, which is created if absent.
    async fn is_ready(&self, port: u16, pid: u32) -> Result<bool, StartError> {
        // Another server may have taken our port: only ours writes this file, last of all "ready".
        let status = std::fs::read_to_string(self.cluster.join("postmaster.pid")).unwrap_or_default();
        let mut lines = status.lines();
        let is_ours = lines.next() == Some(&pid.to_string());
        if !is_ours || !lines.nth(6).is_some_and(|line| line.starts_with("ready")) {
            return Ok(false);
        }
        let answer = match query(port, "sillage", "select 1").await {
            Ok(Answer::Refused { code, .. }) if code == "3D000" => {
                query(port, "postgres", "create database sillage").await
            }
            other => other,
        };
        match answer {
            Ok(Answer::Rows(_)) => Ok(true),
            // Starting up, or all connections taken by clients that were waiting for us.
            Ok(Answer::Refused { code, .. }) if ["57P03", "53300"].contains(&code.as_str()) => Ok(false),
            Ok(Answer::Refused { code, message }) => Err(StartError::Refused(message, code)),
            Err(_) => Ok(false),
        }
    }

    /// Ends what an earlier run left alive, and disarms a stale pid file.
    async fn end_previous(&self, say: Progress<'_>) -> Result<(), StartError> {
        let path = self.cluster.join("postmaster.pid");
        let Ok(status) = std::fs::read_to_string(&path) else {
            return Ok(());
        };
        let (first, rest) = status.split_once('\n').unwrap_or((&status, ""));
        // Single-user mode writes its pid negative.
        let Ok(pid) = first.trim().trim_start_matches('-').parse::<u32>() else {
            return std::fs::remove_file(&path).map_err(folder_error(&path));
        };
        process::end_previous(Self::NAME, pid, &self.cluster, Self::SIGNAL, say).await?;
        if path.exists() {
            // Postgres refuses while any process has that pid, which may be a stranger's by now. The other lines stay:
            // through them it notices children of a killed postmaster.
            let nobody = i32::MAX;
            std::fs::write(&path, format!("{nobody}\n{rest}")).map_err(folder_error(&path))?;
        }
        Ok(())
    }
}

impl Postgres {
    /// Makes the cluster beside its place and renames it, so that a crash half way does not pass for a cluster.
    async fn initialise(&self, home: &Path) -> Result<(), StartError> {
        // Named by process: the initdb of an owner that was just killed may still be writing into its own.
        let unfinished = home.join(format!("{UNFINISHED}{}", std::process::id()));
        let initdb = self.program.path.with_file_name("initdb");
        // Words beyond ASCII need a UTF-8 ctype for full text search and trigrams; macOS may lack C.UTF-8.
        let locales: [&[&str]; 3] =
            [&["--locale=C.UTF-8"], &["--locale=C", "--lc-ctype=en_US.UTF-8"], &["--no-locale"]];
        let provider: &[&str] = match self.program.version.major {
            ..17 => &[],
            17.. => &["--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
        };
        let mut detail = String::new();
        for locale in locales {
            if unfinished.exists() {
                std::fs::remove_dir_all(&unfinished).map_err(folder_error(&unfinished))?;
            }
            let mut run = command(&initdb, self.account);
            run.args(["--no-sync", "--auth=trust", "-U", "sillage", "-E", "UTF8", "-D"]).arg(&unfinished);
            run.args(provider).args(locale).env("LC_ALL", "C").kill_on_drop(true);
            let output = run.output().await.map_err(|source| StartError::Run(initdb.clone(), source))?;
            if output.status.success() {
                return std::fs::rename(&unfinished, &self.cluster).map_err(folder_error(&self.cluster));
            }
            detail = String::from_utf8_lossy(&output.stderr).into_owned();
            tracing::debug!(?locale, detail, "initdb refused");
        }
        Err(StartError::Initialise(self.cluster.clone(), detail))
    }
}

/// Our settings, then the caller's, which win.
fn settings(options: &Options) -> Vec<(String, String)> {
    let mut settings = vec![
        // A node with all its parts opens up to 70; a second one beside it, and a few others, are to find room.
        ("max_connections", "300"),
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

/// Clears away what a crash during `initialise` left; what cannot be removed now can next time.
fn remove_unfinished(home: &Path) {
    for entry in std::fs::read_dir(home).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
