//! A client that never gives up: it sends a command with its key until it is answered, and writes down everything.

use super::history::{Answer, Operation, Outcome, Reply, Request};
use super::workload::Workload;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an operation that was begun may still be retried after the storm.
const LAST_PATIENCE: Duration = Duration::from_secs(30);

/// What the clients and the nemesis know of each other.
pub struct Run {
    /// The beginning: all times count from here.
    pub began: Instant,
    /// Acknowledged commands so far.
    pub acknowledged: AtomicU64,
    /// Set when no more commands are to be begun.
    pub stopped: AtomicBool,
}

impl Run {
    /// A run that begins now.
    pub fn begin() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), acknowledged: AtomicU64::new(0), stopped: AtomicBool::new(false) })
    }

    /// Waits until so many more commands have been acknowledged; how long that took, or `None` if it took too long.
    pub async fn progress(&self, commands: u64, within: Duration) -> Option<Duration> {
        let (began, before) = (Instant::now(), self.acknowledged.load(Ordering::Relaxed));
        while self.acknowledged.load(Ordering::Relaxed) < before + commands {
            if began.elapsed() > within {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Some(began.elapsed())
    }
}

/// One caller with a token.
#[derive(Clone)]
pub struct Client {
    /// Which one.
    pub number: usize,
    /// The tenant in the token.
    pub tenant_id: Uuid,
    /// The actor in the token.
    pub actor_id: Uuid,
    http: reqwest::Client,
    urls: Vec<String>,
    token: String,
}

impl Client {
    /// A client of the command APIs at `urls`: what one does not answer, the next one is asked.
    ///
    /// # Panics
    /// There is no TLS, which is not used.
    pub fn new(number: usize, tenant_id: Uuid, actor_id: Uuid, urls: Vec<String>, token: String) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).connect_timeout(Duration::from_secs(1)).no_proxy();
        Self { number, tenant_id, actor_id, http: http.build().expect("an HTTP client"), urls, token }
    }

    /// Works until the run is stopped. Gives everything that it did.
    pub async fn work(self, mut workload: Workload, run: Arc<Run>) -> Vec<Operation> {
        let mut operations = Vec::new();
        while !run.stopped.load(Ordering::Relaxed) {
            let (id, request) = workload.choose();
            let mut operation = self.carry_out(id, request, &run).await;
            if let Some(answer) = operation.answer().copied() {
                workload.made(answer.id);
                run.acknowledged.fetch_add(1, Ordering::Relaxed);
                if workload.repeats()
                    && let Some(reply) = self.send(id, &operation.request, operation.attempts).await
                {
                    operation.repeats.push(reply);
                }
            }
            operations.push(operation);
        }
        operations
    }

    async fn carry_out(&self, id: Uuid, request: Request, run: &Run) -> Operation {
        let invoked_at = run.began.elapsed();
        let (mut attempts, mut stopped_at) = (0, None);
        let outcome = loop {
            attempts += 1;
            match self.send(id, &request, attempts - 1).await {
                Some(reply) => break outcome(reply, run.began.elapsed()),
                None if run.stopped.load(Ordering::Relaxed) => {
                    let stopped_at = *stopped_at.get_or_insert_with(Instant::now);
                    if stopped_at.elapsed() > LAST_PATIENCE {
                        break Outcome::Unanswered;
                    }
                }
                None => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let (client, tenant_id, actor_id) = (self.number, self.tenant_id, self.actor_id);
        Operation { id, client, tenant_id, actor_id, request, invoked_at, attempts, outcome, repeats: Vec::new() }
    }

    /// Sends it once, each attempt elsewhere than the one before it. `None`: whether it happened is not known, or it is to be sent again.
    pub async fn send(&self, id: Uuid, request: &Request, attempt: u32) -> Option<Reply> {
        let url = &self.urls[(self.number + attempt as usize) % self.urls.len()];
        let sent = self
            .http
            .post(format!("{url}{}", request.path))
            .bearer_auth(&self.token)
            .header("idempotency-key", id.to_string())
            .header("x-correlation-id", id.to_string())
            .header("content-type", "application/json")
            .body(request.body.clone());
        let response = sent.send().await.ok()?;
        let status = response.status().as_u16();
        let reply = Reply { status, body: response.bytes().await.ok()?.to_vec() };
        // Others were faster again and again: the problem says "try again". Other conflicts are refusals.
        let overtaken = status == 409 && reply.body.windows(16).any(|window| window == b"version_conflict");
        let again = status >= 500 || overtaken || matches!(status, 408 | 429);
        (!again).then_some(reply)
    }
}

fn outcome(reply: Reply, at: Duration) -> Outcome {
    match serde_json::from_slice::<Answer>(&reply.body) {
        Ok(answer) if reply.status < 300 => Outcome::Accepted { at, answer, reply },
        _ => Outcome::Refused(reply),
    }
}
