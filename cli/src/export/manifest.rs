//! What an export holds: its files, what is in each, and how far it has come.

use super::files::{sha256_of, write_durably};
use kernel::{Epoch, LogId, Position};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The name of the manifest in its folder.
pub const NAME: &str = "manifest.json";

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `sillage.events.1`: what the rest means.
    pub layout: String,
    /// `parquet`, `csv`, `ndjson`, or `archive`.
    pub format: String,
    /// Which log.
    pub log_id: LogId,
    /// Which life of it.
    pub epoch: Epoch,
    /// Which events were wanted, in words.
    pub filter: String,
    /// After this position it begins.
    pub after: Position,
    /// Up to this position everything that fits is in the files.
    pub exported_to: Position,
    /// Whether that is the end that was asked for.
    pub is_complete: bool,
    /// Events in all files.
    pub rows: u64,
    /// Of an archive: SHA-256 of its events as Postgres copies them in binary, hexadecimal. There once they were compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_sha256: Option<String>,
    /// The files.
    pub files: Vec<Part>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its path from the manifest's folder.
    pub path: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Its length.
    pub size_bytes: u64,
    /// Events in it.
    pub rows: u64,
    /// The first event's position.
    pub first_position: Position,
    /// The last event's position.
    pub last_position: Position,
}

/// Why a manifest or its files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read or written.
    #[error("{0}")]
    File(PathBuf, #[source] std::io::Error),
    /// It is no manifest.
    #[error("{0} is no manifest")]
    Malformed(PathBuf, #[source] serde_json::Error),
    /// A file is not what the manifest says.
    #[error("{0} is not the file that the manifest lists")]
    Altered(PathBuf),
}

impl Manifest {
    /// The manifest of a folder; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, ManifestError> {
        let path = folder.join(NAME);
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|error| ManifestError::Malformed(path, error))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ManifestError::File(path, error)),
        }
    }

    /// Puts it into its folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), ManifestError> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        let path = folder.join(NAME);
        write_durably(&path, &bytes).map_err(|error| ManifestError::File(path, error))
    }

    /// Reads every file and compares it with what is listed.
    ///
    /// # Errors
    /// The first file that differs or cannot be read.
    pub fn verify(&self, folder: &Path) -> Result<(), ManifestError> {
        for part in &self.files {
            let path = folder.join(&part.path);
            let (sha256, length) = sha256_of(&path).map_err(|error| ManifestError::File(path.clone(), error))?;
            if sha256 != part.sha256 || length != part.size_bytes {
                return Err(ManifestError::Altered(path));
            }
        }
        Ok(())
    }
}
