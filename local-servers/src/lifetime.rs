//! What Postgres and NATS have in common: launched until ready, stopped, crashed, launched again on the same port.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::account::{Account, folder_error};
use crate::find::Program;
use crate::guardian::{Guarded, Launch};
use crate::port::free_port;
use crate::{FolderLock, StartError, StopError};

/// One kind of server.
pub(crate) trait Kind {
    const NAME: &str;
    /// The signal for a clean and quick end.
    const SIGNAL: &str;
    /// How long it may read its data before it is ready.
    const READY_WITHIN_S: u64;
    /// What it logs when its port is taken.
    const PORT_IS_TAKEN: &str;
    /// What it logs when it failed for a reason that passes by itself.
    const PASSES: &[&str];

    fn program(&self) -> (&Program, Option<Account>);
    fn arguments(&self, port: u16) -> Vec<OsString>;
    /// Whether the server that serves clients on `port` is the one with this `pid`.
    async fn is_ready(&self, port: u16, pid: u32) -> Result<bool, StartError>;
    /// Ends what an earlier run left alive.
    async fn end_previous(&self, say: crate::Progress<'_>) -> Result<(), StartError>;
}

/// A server, running or not, with the folder it holds.
pub(crate) struct Lifetime<K> {
    pub(crate) kind: K,
    pub(crate) port: u16,
    /// Of the last launch.
    pub(crate) pid: u32,
    home: PathBuf,
    running: Option<Guarded>,
    _lock: FolderLock,
}

impl<K: Kind> Lifetime<K> {
    /// Starts it for the first time, on the port remembered in `home` if that is free.
    pub(crate) async fn begin(
        kind: K,
        home: PathBuf,
        lock: FolderLock,
        say: crate::Progress<'_>,
    ) -> Result<Self, StartError> {
        let port = remembered_port(&home)?;
        let mut lifetime = Self { kind, port, pid: 0, home, running: None, _lock: lock };
        say(&format!("starting {} {} on port {port}", K::NAME, lifetime.kind.program().0.version));
        lifetime.launch(true).await?;
        Ok(lifetime)
    }

    pub(crate) async fn stop(&mut self) -> Result<(), StopError> {
        match self.running.take() {
            Some(running) => running.stop().await.map_err(|source| StopError::Stop(K::NAME, source)),
            None => Ok(()),
        }
    }

    pub(crate) async fn kill(&mut self) -> Result<(), StopError> {
        match self.running.take() {
            Some(running) => running.kill().await.map_err(|source| StopError::Stop(K::NAME, source)),
            None => Ok(()),
        }
    }

    pub(crate) async fn restart(&mut self) -> Result<(), StartError> {
        self.stop().await?;
        self.kind.end_previous(&|line| tracing::info!("{line}")).await?;
        self.launch(false).await
    }

    /// Starts and waits; `may_move`: another port may be taken if ours is lost to somebody else meanwhile.
    async fn launch(&mut self, may_move: bool) -> Result<(), StartError> {
        let log = self.home.join("server.log");
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let (program, account) = self.kind.program();
            let arguments = self.kind.arguments(self.port);
            let launch = Launch { program: &program.path, arguments, signal: K::SIGNAL, account, log: &log };
            let mut guarded = Guarded::spawn(launch).await?;
            if self.becomes_ready(&mut guarded, &log).await? {
                self.pid = guarded.pid();
                self.running = Some(guarded);
                return Ok(());
            }
            let tail = guarded.log_tail();
            let is_port_taken = tail.contains(K::PORT_IS_TAKEN);
            let passes = is_port_taken || K::PASSES.iter().any(|reason| tail.contains(reason));
            if !passes || Instant::now() > deadline {
                return Err(StartError::Ended(K::NAME, log, tail));
            }
            if is_port_taken && may_move {
                self.port = remembered_port(&self.home)?;
            }
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// `false` if it ended instead.
    async fn becomes_ready(&self, guarded: &mut Guarded, log: &Path) -> Result<bool, StartError> {
        let deadline = Instant::now() + Duration::from_secs(K::READY_WITHIN_S);
        while Instant::now() < deadline {
            if guarded.has_ended() {
                return Ok(false);
            }
            if self.kind.is_ready(self.port, guarded.pid()).await? {
                return Ok(true);
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(StartError::NotReady(K::NAME, K::READY_WITHIN_S, log.to_owned()))
    }
}

fn remembered_port(home: &Path) -> Result<u16, StartError> {
    let file = home.join("port");
    free_port(&file).map_err(folder_error(&file))
}
