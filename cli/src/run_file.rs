//! `run.json` in the data folder: where a running `sillage up` is reached, for scripts and for other commands here.

use crate::demo::Credentials;
use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What a running `sillage up` tells; removed when it stops. A file that a crash left is overwritten by the next start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunFile {
    /// The process.
    pub pid: u32,
    /// The command API, without a slash at the end.
    pub command_url: String,
    /// The query API.
    pub query_url: String,
    /// The operators' door.
    pub admin_url: Option<String>,
    /// The private Postgres; absent where one was given, whose URL may hold a password.
    pub database_url: Option<String>,
    /// The private NATS.
    pub nats_url: Option<String>,
    /// The private Postgres's process.
    pub postgres_pid: Option<u32>,
    /// The private NATS's process.
    pub nats_pid: Option<u32>,
    /// The demo tenant, if there is one.
    pub tenant_id: Option<uuid::Uuid>,
    /// Who can sign in, if there is a demo tenant.
    #[serde(default)]
    pub users: Vec<Credentials>,
    /// By which password they all do.
    #[serde(default)]
    pub password: Option<String>,
    /// Demo tokens by whom they are for: `agent`, `customer`.
    pub tokens: BTreeMap<String, String>,
    /// Demo ids by what they are: `zone`, `building`, `conversation`, …
    pub demo: BTreeMap<String, String>,
}

impl RunFile {
    /// Where it lies.
    pub fn path_in(folder: &Path) -> PathBuf {
        folder.join("run.json")
    }

    /// Reads the file of a data folder, if there is a whole one.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path_in(folder)).ok()?).ok()
    }

    /// Writes it whole, for its owner only: it holds tokens.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        write_privately(&Self::path_in(folder), &text)
    }

    /// Removes the file of a data folder.
    pub fn remove(folder: &Path) {
        // Nobody minds if it is gone already.
        let _ = std::fs::remove_file(Self::path_in(folder));
    }
}

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn write_privately(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let unfinished = path.with_extension("unfinished");
    let written = || {
        let _ = std::fs::remove_file(&unfinished);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&unfinished)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    written().map_err(|error: std::io::Error| {
        Failure::failed(format!("{} cannot be written", path.display())).because(error)
    })
}
