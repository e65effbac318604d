//! Private Postgres and NATS for `cargo run` and for tests: found or fetched, started on loopback, stopped with their owner.
//!
//! A server lives exactly as long as the process that started it. Each one runs under a small shell guardian that holds the
//! read end of a pipe; however the owner ends, `kill -9` included, the pipe closes and the guardian shuts the server down.
//! Its data stays, and the next start on the same folder continues with it, on the same port if that is still free.
//!
//! The servers trust everyone who can reach loopback on this machine. That suits a developer's machine and CI; a deployment
//! gives [`Options::database_url`] and [`Options::nats_url`] instead.

mod account;
mod error;
mod fetch;
mod find;
mod guardian;
mod lifetime;
mod lock;
mod nats;
mod port;
mod postgres;
mod process;
#[cfg(test)]
mod specs;
mod wire;

use std::path::{Path, PathBuf};

pub use error::{StartError, StopError};
pub use lock::{FolderLock, LockError};
pub use nats::NatsServer;
pub use postgres::PostgresServer;

/// Receives one human-readable line per step that takes time or that explains a choice.
pub(crate) type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// What to start, and where its files go.
#[derive(Clone)]
pub struct Options {
    /// Folder for the servers' data; created if absent. One start at a time may hold it.
    pub data_dir: PathBuf,
    /// An existing Postgres to use instead of starting one.
    pub database_url: Option<String>,
    /// An existing NATS to use instead of starting one.
    pub nats_url: Option<String>,
    /// Whether to start NATS when [`Options::nats_url`] is not given.
    pub with_nats: bool,
    /// `true`: Postgres survives a power cut. `false`: faster, for data that is thrown away after a test.
    pub durable: bool,
    /// Further Postgres settings (`postgresql.conf` names), stronger than this crate's own.
    pub postgres_settings: Vec<(String, String)>,
    /// Where fetched programs are kept, such as `.sillage/bin`. May be shared by many processes at once.
    pub download_dir: PathBuf,
}

impl Options {
    /// Durable Postgres and NATS with their data in `data_dir`, fetching into `download_dir` what the machine lacks.
    pub fn new(data_dir: impl Into<PathBuf>, download_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            database_url: None,
            nats_url: None,
            with_nats: true,
            durable: true,
            postgres_settings: Vec::new(),
            download_dir: download_dir.into(),
        }
    }
}

/// The running servers; dropping it shuts down those that were started here, without waiting.
pub struct Servers {
    /// Where Postgres listens; the database exists.
    pub database_url: String,
    /// Where NATS listens; `None` if it was neither given nor wanted.
    pub nats_url: Option<String>,
    /// The Postgres started here; `None` if an external one was given by URL.
    pub postgres: Option<PostgresServer>,
    /// The NATS started here; `None` if an external one was given by URL, or none was wanted.
    pub nats: Option<NatsServer>,
}

/// Starts what `options` asks for, and returns once every server answers.
///
/// Finds each program on the machine or fetches it (pinned by hash), and ends what a dead predecessor left running in the
/// same folder. `progress` hears of every step that takes time.
pub async fn start(mut options: Options, progress: impl Fn(&str) + Send + Sync) -> Result<Servers, StartError> {
    options.data_dir = absolute(&options.data_dir)?;
    options.download_dir = absolute(&options.download_dir)?;
    let progress: Progress<'_> = &progress;
    let (postgres, nats) = tokio::try_join!(
        async {
            match options.database_url {
                Some(_) => Ok(None),
                None => PostgresServer::open(&options, progress).await.map(Some),
            }
        },
        async {
            if options.nats_url.is_some() || !options.with_nats {
                return Ok(None);
            }
            NatsServer::open(&options, progress).await.map(Some)
        },
    )?;
    let started_url = postgres.as_ref().map(PostgresServer::url);
    Ok(Servers {
        database_url: options.database_url.or(started_url).unwrap_or_default(),
        nats_url: options.nats_url.or(nats.as_ref().map(NatsServer::url)),
        postgres,
        nats,
    })
}

fn absolute(path: &Path) -> Result<PathBuf, StartError> {
    std::path::absolute(path).map_err(account::folder_error(path))
}

impl Servers {
    /// Stops both servers cleanly and waits until they are gone; their data stays.
    pub async fn stop(self) -> Result<(), StopError> {
        let postgres = match self.postgres {
            Some(mut server) => server.stop().await,
            None => Ok(()),
        };
        let nats = match self.nats {
            Some(mut server) => server.stop().await,
            None => Ok(()),
        };
        postgres.and(nats)
    }
}
