//! Other processes: what they are, whose they are, and signals to them. Through `ps` and `kill`, as std has neither.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::time::sleep;

use crate::{Progress, StartError};

/// Sends a signal (`INT`, `KILL`, ...) to processes; those already gone are no error.
pub(crate) async fn signal(name: &str, pids: &[u32]) -> io::Result<()> {
    let mut kill = Command::new("/bin/sh");
    kill.args(["-c", "signal=$1; shift; kill -s \"$signal\" \"$@\"", "sh", name]);
    kill.args(pids.iter().map(u32::to_string));
    kill.stdin(Stdio::null()).stderr(Stdio::null()).status().await.map(drop)
}

/// The processes whose parent is `pid`; empty where `ps` is missing.
pub(crate) async fn children_of(pid: u32) -> Vec<u32> {
    let Ok(listing) = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().await else {
        return Vec::new();
    };
    let parse = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        let (child, parent) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (parent == pid).then_some(child)
    };
    String::from_utf8_lossy(&listing.stdout).lines().filter_map(parse).collect()
}

/// The command line of a live process; a zombie has none.
async fn command_line(pid: u32) -> String {
    // Slim containers have /proc and no `ps`; macOS the reverse.
    if let Ok(words) = std::fs::read(format!("/proc/{pid}/cmdline")) {
        return String::from_utf8_lossy(&words).replace('\0', " ");
    }
    let ps = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().await;
    ps.map(|found| String::from_utf8_lossy(&found.stdout).into_owned()).unwrap_or_default()
}

/// Whether `pid` lives and was started with `folder` on its command line.
pub(crate) async fn works_in(pid: u32, folder: &Path) -> bool {
    command_line(pid).await.contains(&*folder.to_string_lossy())
}

/// Waits for the server of an earlier run to end, and ends it if it does not by itself.
pub(crate) async fn end_previous(
    server: &'static str,
    pid: u32,
    folder: &Path,
    gentle: &str,
    progress: Progress<'_>,
) -> Result<(), StartError> {
    if !works_in(pid, folder).await {
        return Ok(());
    }
    progress(&format!("waiting for {server} of an earlier run (pid {pid}) to end ..."));
    for (name, patience_s) in [(None, 3), (Some(gentle), 60), (Some("KILL"), 10)] {
        if let Some(name) = name {
            let run_error = |source| StartError::Run("kill".into(), source);
            signal(name, &[pid]).await.map_err(run_error)?;
        }
        let deadline = Instant::now() + Duration::from_secs(patience_s);
        while Instant::now() < deadline {
            if !works_in(pid, folder).await {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    Err(StartError::Lingering(server, pid))
}
