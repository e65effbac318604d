//! Processes of Sillage, started, killed and paused as the nemesis likes, and never outliving the run.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What the program is called when it is to behave as the binary `sillage`: see `bin/chaos.rs`.
pub const SILLAGE: &str = "sillage";

/// A process that can be started again after it was killed.
pub struct Process {
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts `program` as `sillage` with these arguments; what it prints goes to `<name>.log` in the folder.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(program: &Path, folder: &Path, name: &str, arguments: Vec<String>) -> Self {
        let log = folder.join(format!("{name}.log"));
        let child = spawn(program, folder, &log, &arguments);
        Self { program: program.to_owned(), arguments, folder: folder.to_owned(), log, child }
    }

    /// Kills it as the system would: no farewell, no flush.
    ///
    /// # Panics
    /// It is not ours to kill.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Starts it again with the same arguments.
    pub fn restart(&mut self) {
        self.child = spawn(&self.program, &self.folder, &self.log, &self.arguments);
    }

    /// Sends a signal by name: `STOP`, `CONT`.
    ///
    /// # Panics
    /// There is no such signal.
    pub fn signal(&self, name: &str) {
        assert!(send_signal(name, self.child.id()), "kill -s {name}");
    }

    /// Whether it has ended by itself.
    ///
    /// # Panics
    /// It cannot be asked.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    /// Where it prints.
    pub fn log(&self) -> &Path {
        &self.log
    }
}

/// Sends a signal to a process that the run started; whether that worked.
pub fn send_signal(name: &str, pid: u32) -> bool {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    sent.is_ok_and(|status| status.success())
}

fn spawn(program: &Path, folder: &Path, log: &Path, arguments: &[String]) -> Child {
    let log = File::options().create(true).append(true).open(log).expect("a log file");
    let mut command = Command::new(program);
    command.arg0(SILLAGE).args(arguments).current_dir(folder);
    // The same for all: each would make one of its own, and read none of the others' secrets.
    command.env("SILLAGE_ROOT_KEY", test_support::ROOT_KEY);
    for name in ["DATABASE_URL", "NATS_URL", "RUST_LOG"] {
        command.env_remove(name);
    }
    // All load comes from one address and few users.
    for name in ["SILLAGE_RATE_PER_TENANT", "SILLAGE_RATE_PER_USER", "SILLAGE_RATE_PER_ADDRESS"] {
        command.env(name, "0");
    }
    let errors = log.try_clone().expect("a second handle");
    command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("the program starts")
}

impl Drop for Process {
    fn drop(&mut self) {
        // Also ends one that is paused.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
