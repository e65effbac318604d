//! A server process that cannot outlive us.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin};

use crate::account::{Account, command};
use crate::{StartError, process};

/// Runs the server in the background, prints its pid, and ends when it ends. A watcher reads our pipe: at its end it shuts the
/// server down, first gently, after two minutes by force. It goes when the server goes, so that it never signals a reused pid.
/// Fd 3 carries the pipe because a background job's stdin is `/dev/null`; the server must not hold the pipe itself.
const SCRIPT: &str = r#"
signal=$1; shift
exec 3<&0
"$@" </dev/null >&2 3<&- &
server=$!
echo "$server"
exec >&2
(
    read -r _ <&3
    tries=0
    while kill -s "$signal" "$server" 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -gt 120 ]; then signal=KILL; fi
        sleep 1
    done
) &
watcher=$!
exec 3<&-
wait "$server"
code=$?
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
exit "$code"
"#;

const LOG_KEPT_BYTES: u64 = 8 * 1024 * 1024;

/// How to run one server.
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<OsString>,
    /// The signal that makes it shut down cleanly and at once.
    pub(crate) signal: &'a str,
    pub(crate) account: Option<Account>,
    pub(crate) log: &'a Path,
}

/// A running server and its guardian. Dropping it shuts the server down without waiting.
pub(crate) struct Guarded {
    guardian: Child,
    /// Closing this end of the pipe is the order to shut down.
    leash: ChildStdin,
    pid: u32,
    log: PathBuf,
    log_start: u64,
}

impl Guarded {
    /// Starts the server in a process group of its own, so that Ctrl-C in the terminal reaches only us.
    pub(crate) async fn spawn(launch: Launch<'_>) -> Result<Self, StartError> {
        let run_error = |source| StartError::Run(launch.program.to_owned(), source);
        let (log, log_start) = open_log(launch.log).map_err(run_error)?;
        let mut shell = command("/bin/sh", launch.account);
        shell.args(["-c", SCRIPT, "guardian", launch.signal]).arg(launch.program).args(launch.arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                shell.env_remove(name);
            }
        }
        // Messages we look for are English then, and macOS Postgres would otherwise become multithreaded and refuse.
        shell.env("LC_ALL", "C");
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut guardian = shell.spawn().map_err(run_error)?;
        let (Some(leash), Some(output)) = (guardian.stdin.take(), guardian.stdout.take()) else {
            return Err(run_error(io::ErrorKind::BrokenPipe.into()));
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).await.map_err(run_error)?;
        let pid = line.trim().parse().map_err(|_| run_error(io::ErrorKind::InvalidData.into()))?;
        Ok(Self { guardian, leash, pid, log: launch.log.to_owned(), log_start })
    }

    /// The process id of the server itself, not of its guardian.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.guardian.try_wait(), Ok(None))
    }

    /// What the server has logged since it was started, at most the last 4 kB.
    pub(crate) fn log_tail(&self) -> String {
        let tail = || -> io::Result<String> {
            let mut file = File::open(&self.log)?;
            let start = self.log_start.max(file.metadata()?.len().saturating_sub(4096));
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        tail().unwrap_or_default()
    }

    /// Shuts down cleanly and waits for the end.
    pub(crate) async fn stop(self) -> io::Result<()> {
        let Self { mut guardian, leash, .. } = self;
        drop(leash);
        guardian.wait().await.map(drop)
    }

    /// Kills the server and its children as a crash of the machine would, and waits for the end.
    pub(crate) async fn kill(mut self) -> io::Result<()> {
        if !self.has_ended() {
            // A parent that goes on would have more children than were counted.
            process::signal("STOP", &[self.pid]).await?;
            // The parent first: it must not notice the death of its children and act on it.
            let mut pids = vec![self.pid];
            pids.extend(process::children_of(self.pid).await);
            process::signal("KILL", &pids).await?;
        }
        self.stop().await
    }
}

/// Opens the log for appending, after moving a big one aside.
fn open_log(path: &Path) -> io::Result<(File, u64)> {
    if std::fs::metadata(path).is_ok_and(|log| log.len() > LOG_KEPT_BYTES) {
        std::fs::rename(path, path.with_extension("old.log"))?;
    }
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}
