//! Looks for Postgres and NATS on this machine, and checks that they are new enough and that we can run them.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Progress;
use crate::account::{Account, command};
use crate::fetch::Package;

/// Major and minor version of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

impl Version {
    /// Reads `postgres (PostgreSQL) 15.18 (Debian ...)`, `nats-server: v2.15.1` and `19devel`.
    pub(crate) fn parse(output: &str) -> Option<Self> {
        let starts_with_digit = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        let word = output.split_whitespace().map(|word| word.trim_start_matches('v')).find(starts_with_digit)?;
        let mut numbers = word.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        let major = numbers.next()?.ok()?;
        Some(Self { major, minor: numbers.next().and_then(Result::ok).unwrap_or(0) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A program that we can run.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
}

/// The first installed program that fits, in the documented order; `wanted_major` asks for one major version.
pub(crate) async fn installed(
    package: Package,
    download_dir: &Path,
    account: Option<Account>,
    wanted_major: Option<u32>,
    progress: Progress<'_>,
) -> Option<Program> {
    let mut tried = Vec::new();
    for candidate in candidates(package, download_dir) {
        // Symlinks on PATH point to the real folder, where `initdb` and the libraries are.
        let Ok(path) = candidate.canonicalize() else { continue };
        if tried.contains(&path) {
            continue;
        }
        match check(package, &path, account, wanted_major).await {
            Ok(version) => return Some(Program { path, version }),
            Err(reason) => progress(&format!("skipping {}: {reason}", path.display())),
        }
        tried.push(path);
    }
    None
}

async fn check(
    package: Package,
    path: &Path,
    account: Option<Account>,
    wanted_major: Option<u32>,
) -> Result<Version, String> {
    if package == Package::Postgres && !path.with_file_name("initdb").exists() {
        return Err("there is no initdb beside it".to_owned());
    }
    let output = command(path, account).arg("--version").output().await;
    let output = output.map_err(|error| format!("it cannot be run ({error})"))?;
    let version = Version::parse(&String::from_utf8_lossy(&output.stdout)).ok_or("it does not tell its version")?;
    if version < package.oldest() {
        return Err(format!("it is version {version}, at least {} is needed", package.oldest()));
    }
    match wanted_major {
        Some(major) if major != version.major => {
            Err(format!("it is version {version}, the data here was written by {major}"))
        }
        _ => Ok(version),
    }
}

fn candidates(package: Package, download_dir: &Path) -> Vec<PathBuf> {
    let (variable, name) = match package {
        Package::Postgres => ("PG_BIN", "postgres"),
        Package::Nats => ("NATS_BIN", "nats-server"),
    };
    let mut found = Vec::new();
    if let Some(chosen) = std::env::var_os(variable).map(PathBuf::from) {
        let is_folder = chosen.is_dir() || package == Package::Postgres && !chosen.is_file();
        found.push(if is_folder { chosen.join(name) } else { chosen });
    }
    if let Some(path) = std::env::var_os("PATH") {
        found.extend(std::env::split_paths(&path).map(|folder| folder.join(name)));
    }
    match package {
        Package::Postgres => {
            for (parent, prefix) in [
                ("/usr/lib/postgresql", ""),
                ("/opt/homebrew/opt", "postgresql@"),
                ("/usr/local/opt", "postgresql@"),
                ("/Applications/Postgres.app/Contents/Versions", ""),
            ] {
                found.extend(versions_in(parent, prefix).into_iter().map(|folder| folder.join("bin").join(name)));
            }
        }
        Package::Nats => {
            found.extend(["/usr/sbin", "/opt/homebrew/bin", "/usr/local/bin"].map(|bin| Path::new(bin).join(name)));
        }
    }
    found.push(package.program_in(download_dir));
    found
}

/// Subfolders named `<prefix><major>`, newest first.
fn versions_in(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((major, entry.path()))
        })
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod specs {
    use super::*;

    #[test]
    fn versions_are_read_as_the_programs_print_them() {
        let parsed = |text| Version::parse(text).map(|version| version.to_string());
        assert_eq!(parsed("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)").as_deref(), Some("15.18"));
        assert_eq!(parsed("postgres (PostgreSQL) 19devel").as_deref(), Some("19.0"));
        assert_eq!(parsed("nats-server: v2.15.1").as_deref(), Some("2.15"));
        assert_eq!(parsed("command not found"), None);
    }

    #[tokio::test]
    async fn a_program_that_is_too_old_is_named_with_its_version() {
        let path = std::env::temp_dir().join(format!("sillage-old-nats-{}", std::process::id()));
        std::fs::write(&path, "#!/bin/sh\necho nats-server: v2.9.10\n").unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        // Once more while another test forks with the file still open for writing ("text file busy").
        let mut found = check(Package::Nats, &path, None, None).await;
        while found.as_ref().is_err_and(|reason| reason.contains("cannot be run")) {
            found = check(Package::Nats, &path, None, None).await;
        }
        assert_eq!(found, Err("it is version 2.9, at least 2.10 is needed".to_owned()));
        std::fs::remove_file(path).unwrap();
    }
}
