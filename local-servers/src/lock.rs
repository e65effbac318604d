//! An exclusive hold on a folder that ends with its holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::Progress;

/// A holder that was just killed keeps its locks until the system has torn it down.
pub(crate) const DEATH_THROES: Duration = Duration::from_secs(1);

/// An exclusive hold on a folder, through a lock on `.lock` inside it.
///
/// The operating system lets go when the holder drops it or dies, so a crash never leaves a folder locked. The file itself
/// stays: deleting it would let two processes lock two different files of the same name.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

/// Why a folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another holder, possibly in this very process, has it.
    #[error("{dir} is in use by {holder}")]
    Held {
        /// The folder.
        dir: PathBuf,
        /// Who has it, its process id, and for how long.
        holder: String,
    },
    /// The folder or its lock file could not be used.
    #[error("locking {dir}")]
    Io {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct Holder {
    what: String,
    pid: u32,
    since_unix_s: u64,
}

impl FolderLock {
    /// Takes hold of `dir`, creating it if absent; `what` tells others who we are.
    ///
    /// Never waits: [`LockError::Held`] names the holder.
    pub fn acquire(dir: &Path, what: &str) -> Result<Self, LockError> {
        let io_error = |source| LockError::Io { dir: dir.to_owned(), source };
        std::fs::create_dir_all(dir).map_err(io_error)?;
        let path = dir.join(".lock");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { dir: dir.to_owned(), holder: describe_holder(&path) });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        let holder = Holder { what: what.to_owned(), pid: std::process::id(), since_unix_s: now().as_secs() };
        let record = serde_json::to_vec(&holder).map_err(|e| io_error(e.into()))?;
        file.set_len(0).and_then(|()| file.write_all(&record)).map_err(io_error)?;
        Ok(Self { file })
    }

    /// Like [`FolderLock::acquire`], but waits for another holder to let go, and says so once.
    pub(crate) async fn acquire_within(
        patience: Duration,
        dir: &Path,
        what: &str,
        say: Progress<'_>,
    ) -> Result<Self, LockError> {
        let began = Instant::now();
        let mut is_told = false;
        loop {
            match Self::acquire(dir, what) {
                Err(LockError::Held { holder, .. }) if began.elapsed() < patience => {
                    if !std::mem::replace(&mut is_told, true) {
                        say(&format!("waiting for {holder} ..."));
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                other => return other,
            }
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // The record would name us to whoever meets the next holder between its lock and its record.
        let _ = self.file.set_len(0);
        // Closing alone is not enough: a child that another thread has forked and that has not yet executed its program
        // shares the lock for that moment.
        let _ = self.file.unlock();
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn describe_holder(path: &Path) -> String {
    let record = std::fs::read(path).unwrap_or_default();
    let Ok(holder) = serde_json::from_slice::<Holder>(&record) else {
        return "another process, which has just taken it".to_owned();
    };
    let age_s = now().as_secs().saturating_sub(holder.since_unix_s);
    let age = match age_s {
        0..120 => format!("{age_s} s"),
        120..7200 => format!("{} min", age_s / 60),
        _ => format!("{} h", age_s / 3600),
    };
    format!("{}, pid {}, for {age}", holder.what, holder.pid)
}

#[cfg(test)]
mod specs {
    use super::*;

    #[test]
    fn the_second_holder_hears_who_has_the_folder() {
        let dir = std::env::temp_dir().join(format!("sillage-lock-{}", std::process::id()));
        let held = FolderLock::acquire(&dir, "the first").unwrap();
        let refusal = FolderLock::acquire(&dir, "the second").unwrap_err().to_string();
        assert!(refusal.contains(&format!("in use by the first, pid {}, for 0 s", std::process::id())), "{refusal}");
        drop(held);
        FolderLock::acquire(&dir, "the second").unwrap();
        std::fs::remove_dir_all(dir).unwrap();
    }
}
