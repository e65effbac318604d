//! A test program that runs one of its functions in a process of its own, which can be killed and frozen.

use std::process::{Child, Command, Stdio};

/// What the process is told; by it the function knows that it runs there.
const TOLD: &str = "SILLAGE_TEST_TOLD";

/// The process. Killed when dropped.
pub struct Itself(Child);

impl Itself {
    /// Starts a function that is marked as a test, like `crashes::a_process_that_sends_mails`: it asks [`told`], and does nothing
    /// where nobody tells it anything.
    ///
    /// # Panics
    /// The process does not start.
    pub fn running(function: &str, told: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let child = Command::new(program)
            .args(["--exact", function, "--nocapture"])
            .env(TOLD, told)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("this program starts"))
    }

    /// The process' id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, and waits until it is gone. It may have ended already.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Sends a signal, like `STOP`.
    ///
    /// # Panics
    /// The process is gone.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status();
        assert!(sent.is_ok_and(|sent| sent.success()), "{name} is sent");
    }
}

impl Drop for Itself {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What this process was told; nothing where it is the test program and not [`Itself`].
pub fn told() -> Option<String> {
    std::env::var(TOLD).ok()
}
