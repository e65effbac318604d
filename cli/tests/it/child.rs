//! Child processes of the binary, in folders of their own, ended with the test.

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The binary with settings that suit tests, in `folder`.
pub(crate) fn sillage(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sillage"));
    command.current_dir(folder).env_remove("DATABASE_URL").env_remove("NATS_URL").env_remove("RUST_LOG");
    // Fetched once for all tests of this checkout.
    command.env("SILLAGE_PROGRAMS_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/../target/servers"));
    command
}

/// Runs a command of the binary to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    sillage(folder).args(arguments).stdin(Stdio::null()).output().expect("the binary runs")
}

/// What it printed, for people to read when a test fails.
pub(crate) fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A child process that does not outlive its test.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let log = std::fs::File::create(log).expect("a log file");
        let errors = log.try_clone().expect("a second handle");
        Self(command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("the binary starts"))
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.0.id());
    }

    /// Waits for the end.
    pub(crate) fn ends_within(&mut self, at_most: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("the child can be waited for") {
                return status;
            }
            assert!(began.elapsed() < at_most, "it did not end within {at_most:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("the child can be waited for").is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args(["-s", name, &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "kill -s {name} {pid}");
}

/// A running `sillage up`.
pub(crate) struct Up {
    pub(crate) process: Running,
    pub(crate) run: cli::RunFile,
    pub(crate) folder: PathBuf,
    /// How long the start took.
    pub(crate) took: Duration,
    client: Client,
}

impl Up {
    /// Starts it on free ports and waits until it is ready.
    pub(crate) async fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[]).await
    }

    pub(crate) async fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_as(sillage(folder), folder, arguments).await
    }

    /// The same, and it logs all that it could.
    pub(crate) async fn talking(folder: &Path) -> Self {
        let mut command = sillage(folder);
        command.env("RUST_LOG", "debug");
        Self::start_as(command, folder, &[]).await
    }

    async fn start_as(mut command: Command, folder: &Path, arguments: &[&str]) -> Self {
        let data = folder.join(".sillage");
        cli::RunFile::remove(&data);
        for listener in ["--command-listen", "--query-listen", "--admin-listen"] {
            if !arguments.contains(&listener) {
                command.args([listener, "127.0.0.1:0"]);
            }
        }
        let (began, log) = (Instant::now(), folder.join("up.log"));
        let mut process = Running::start(
            {
                command.args(arguments);
                command
            },
            &log,
        );
        let run = loop {
            if let Some(run) = cli::RunFile::read(&data) {
                break run;
            }
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(!process.has_ended(), "it ended:\n{}", said());
            assert!(began.elapsed() < Duration::from_mins(2), "it is not ready:\n{}", said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        Self { process, run, folder: folder.to_owned(), took: began.elapsed(), client: Client::new() }
    }

    /// Sends a command as the demo agent (as nobody where there is none), with a new key.
    pub(crate) async fn command(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.request(Method::POST, &self.run.command_url, path);
        answer(request.header("idempotency-key", Uuid::now_v7().to_string()).json(&body)).await
    }

    /// Sends a command with this token, or with none.
    pub(crate) async fn command_as(&self, token: Option<&str>, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.client.request(Method::POST, format!("{}{path}", self.run.command_url));
        let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        answer(request.header("idempotency-key", Uuid::now_v7().to_string()).json(&body)).await
    }

    /// Asks with this token.
    pub(crate) async fn query_as(&self, token: &str, path: &str) -> (StatusCode, Value) {
        answer(self.client.get(format!("{}{path}", self.run.query_url)).bearer_auth(token)).await
    }

    /// Asks as the demo agent.
    pub(crate) async fn query(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, &self.run.query_url, path)).await
    }

    /// Asks as an operator.
    pub(crate) async fn admin(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, self.run.admin_url.as_deref().expect("an admin port"), path)).await
    }

    fn request(&self, method: Method, url: &str, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{url}{path}"));
        match self.run.tokens.get("agent") {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// An id of the demo tenant.
    pub(crate) fn demo(&self, name: &str) -> &str {
        &self.run.demo[name]
    }

    /// Stops it as an operator would, and checks the manners.
    pub(crate) fn stops_on(mut self, name: &str) {
        self.process.signal(name);
        let status = self.process.ends_within(Duration::from_secs(10));
        let log = std::fs::read_to_string(self.folder.join("up.log")).unwrap_or_default();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(cli::RunFile::read(&self.folder.join(".sillage")).is_none(), "run.json is gone");
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.timeout(Duration::from_secs(20)).send().await.expect("an answer");
    let status = response.status();
    let text = response.text().await.expect("a whole answer");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The position in a command's answer.
pub(crate) fn position(answer: &Value) -> i64 {
    answer["position"].as_i64().unwrap_or_else(|| panic!("no position in {answer}"))
}
