//! Which Postgres a command of the CLI means: the one given, that of a running `sillage up`, or the folder's own.

use crate::failure::{Exit, Failure};
use crate::keys::LocalKey;
use crate::run_file::RunFile;
use crate::terminal::Progress;
use local_servers::{FolderLock, LockError, Servers, StartError};
use std::path::{Path, PathBuf};

/// A Postgres to work on, and what must be kept while doing so.
pub(crate) struct Attached {
    pub(crate) database_url: String,
    pub(crate) nats_url: Option<String>,
    /// A private server that was started for this command, with the folder it is in.
    own: Option<(Servers, FolderLock)>,
}

impl Attached {
    /// Stops what was started for this command.
    pub(crate) async fn detach(self) {
        if let Some((servers, _lock)) = self.own
            && let Err(error) = servers.stop().await
        {
            tracing::warn!(%error, "the private Postgres did not stop cleanly");
        }
    }
}

/// The URL that was given, or the private Postgres of a running `sillage up`.
///
/// # Errors
/// There is neither.
pub(crate) fn to_running(given: Option<&str>, folder: &Path) -> Result<Attached, Failure> {
    if let Some(url) = given {
        return Ok(Attached { database_url: url.to_owned(), nats_url: None, own: None });
    }
    let is_running = folder.exists() && matches!(FolderLock::acquire(folder, "a look"), Err(LockError::Held { .. }));
    let running = if is_running { RunFile::read(folder) } else { None };
    let Some((database_url, nats_url)) = running.and_then(|run| Some((run.database_url?, run.nats_url))) else {
        return Err(Failure::new(Exit::NoServers, "there is no Postgres to use")
            .remedy("Set DATABASE_URL, or keep `sillage up` running in this folder."));
    };
    Ok(Attached { database_url, nats_url, own: None })
}

/// As [`to_running`]; where nothing runs, the folder's private Postgres is started for as long as the command takes.
///
/// # Errors
/// There is no Postgres of any of the three sorts.
pub(crate) async fn to_any(
    given: Option<&str>,
    folder: &Path,
    programs: PathBuf,
    progress: &Progress,
) -> Result<Attached, Failure> {
    let running = to_running(given, folder);
    // The data of a private server may lie elsewhere; the key is always in the folder.
    if running.is_ok() || !LocalKey::path_in(folder).exists() {
        return running;
    }
    let lock = FolderLock::acquire(folder, "a command of sillage").map_err(|error| locked(&error))?;
    let mut options = local_servers::Options::new(folder, programs);
    options.with_nats = false;
    let say = progress.clone();
    let servers = local_servers::start(options, move |line| say.say(line)).await.map_err(cannot_start)?;
    Ok(Attached { database_url: servers.database_url.clone(), nats_url: None, own: Some((servers, lock)) })
}

/// Somebody else works in the folder.
pub(crate) fn locked(error: &LockError) -> Failure {
    Failure::failed(error.to_string()).remedy("Stop it first, or choose another folder with --data-dir.")
}

/// A private server cannot be had.
pub(crate) fn cannot_start(error: StartError) -> Failure {
    Failure::new(Exit::NoServers, "a private server cannot be started")
        .because(error)
        .remedy("DATABASE_URL and NATS_URL point Sillage at servers of your own.")
}
