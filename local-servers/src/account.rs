//! The account that runs Postgres: ours, or a lent one when we are root, which Postgres refuses.

use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::port::stable_hash;
use crate::{Progress, StartError};

/// An unprivileged account that root lends to Postgres.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// The account to lend, or `None` if we are not root and run Postgres ourselves.
    ///
    /// A cluster that an ordinary user made in `data_dir` keeps its owner when root starts it.
    pub(crate) fn to_lend(data_dir: &Path) -> Result<Option<Self>, StartError> {
        if owner_of_new_files(data_dir).map_err(folder_error(data_dir))? != 0 {
            return Ok(None);
        }
        if let Ok(cluster) = std::fs::metadata(data_dir.join("postgres/cluster"))
            && cluster.uid() != 0
        {
            return Ok(Some(Self { uid: cluster.uid(), gid: cluster.gid() }));
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "_postgres", "nobody"]
            .iter()
            .find_map(|name| Self::in_passwd(&passwd, name))
            .map(Some)
            .ok_or(StartError::NoAccount)
    }

    fn in_passwd(passwd: &str, name: &str) -> Option<Self> {
        // macOS writes `nobody` as -2.
        let number = |text: &str| {
            let signed = || text.parse::<i32>().ok().map(i32::cast_unsigned);
            text.parse::<u32>().ok().or_else(signed)
        };
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let is_wanted = fields.next() == Some(name);
            let uid = fields.nth(1).and_then(number)?;
            let gid = fields.next().and_then(number)?;
            (is_wanted && uid != 0).then_some(Self { uid, gid })
        })
    }

    /// Gives one folder to this account.
    pub(crate) fn own(self, path: &Path) -> Result<(), StartError> {
        chown(path, Some(self.uid), Some(self.gid)).map_err(folder_error(path))
    }
}

/// A command that runs as `account`, in a folder that every account may enter.
pub(crate) fn command(program: impl AsRef<Path>, account: Option<Account>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir("/").stdin(std::process::Stdio::null());
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

/// `wanted`, created if absent, or a folder below `/var/tmp` if `account` cannot enter `wanted`.
///
/// The same `wanted` always leads to the same place.
pub(crate) async fn place(
    wanted: &Path,
    account: Option<Account>,
    progress: Progress<'_>,
) -> Result<PathBuf, StartError> {
    std::fs::create_dir_all(wanted).map_err(folder_error(wanted))?;
    let Some(lent) = account else {
        return Ok(wanted.to_owned());
    };
    let entered = command("/bin/sh", account)
        .args(["-c", "cd \"$1\" 2>/dev/null", "sh"])
        .arg(wanted)
        .status()
        .await
        .map_err(|source| StartError::Run("/bin/sh".into(), source))?;
    if entered.success() {
        return Ok(wanted.to_owned());
    }
    let name = format!("sillage-{}-{:016x}", lent.uid, stable_hash(wanted));
    let fallback = Path::new("/var/tmp").join(name);
    match std::fs::create_dir(&fallback) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(folder_error(&fallback)(error));
        }
        _ => {}
    }
    // Anyone may create names in /var/tmp: only a real folder of root is ours.
    let found = std::fs::symlink_metadata(&fallback).map_err(folder_error(&fallback))?;
    if !found.is_dir() || found.uid() != 0 {
        return Err(StartError::ForeignFolder(fallback));
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&fallback, mode).map_err(folder_error(&fallback))?;
    progress(&format!(
        "the account that runs Postgres (uid {}) cannot enter {}; using {}",
        lent.uid,
        wanted.display(),
        fallback.display()
    ));
    Ok(fallback)
}

pub(crate) fn folder_error(path: &Path) -> impl Fn(io::Error) -> StartError {
    move |source| StartError::Folder(path.to_owned(), source)
}

/// Our effective user id, as seen on a file we make: std has no call for it.
fn owner_of_new_files(dir: &Path) -> io::Result<u32> {
    std::fs::create_dir_all(dir)?;
    let probe = dir.join(format!(".owner-{}-{:?}", std::process::id(), std::thread::current().id()));
    let owner = std::fs::File::create(&probe)?.metadata()?.uid();
    std::fs::remove_file(&probe)?;
    Ok(owner)
}

#[cfg(test)]
mod specs {
    use super::*;

    #[test]
    fn the_lent_account_is_never_root() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres:x:0:0::/:\nnobody:*:-2:-2:Nobody:/var/empty:/usr/bin/false\n";
        assert!(Account::in_passwd(passwd, "postgres").is_none());
        assert_eq!(Account::in_passwd(passwd, "nobody").map(|account| account.uid), Some(u32::MAX - 1));
    }
}
