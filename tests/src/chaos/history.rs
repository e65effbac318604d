//! What the clients did: every command with its key, when it was asked and answered, and the answer's bytes.

use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// One command of one client, with all its attempts.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Unique; sent as the correlation id, so that every event in the log names its operation.
    pub id: Uuid,
    /// Which client.
    pub client: usize,
    /// Whose data.
    pub tenant_id: Uuid,
    /// Who the client is.
    pub actor_id: Uuid,
    /// What was asked, and how.
    pub request: Request,
    /// When it was sent for the first time, since the beginning of the run.
    pub invoked_at: Duration,
    /// How often it was sent until it was answered.
    pub attempts: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// Answers to the same request and key after the first answer.
    pub repeats: Vec<Reply>,
}

/// A command as it is sent. Its key is the operation's id.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path of the route.
    pub path: String,
    /// The JSON body.
    pub body: String,
    /// Words of the body that one of its events, and no other operation's, must hold; none where it says nothing.
    pub mark: Option<String>,
    /// Whether it may find that everything is so already, and add no event.
    pub may_rest: bool,
}

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was acknowledged.
    Accepted {
        /// When the whole answer was there.
        at: Duration,
        /// What was said.
        reply: Reply,
        /// The same, read.
        answer: Answer,
    },
    /// It was refused: nothing of it may be in the log.
    Refused(Reply),
    /// Nobody knows, and nobody asks any more.
    Unanswered,
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body, as it came.
    pub body: Vec<u8>,
}

/// What a command's answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// The primary stream.
    pub id: Uuid,
    /// Its version.
    pub version: i32,
    /// The position of the last event.
    pub position: i64,
    /// The number that it got.
    #[serde(default)]
    pub number: Option<i64>,
}

impl Operation {
    /// The answer, where it was acknowledged.
    pub const fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Accepted { answer, .. } => Some(answer),
            Outcome::Refused(_) | Outcome::Unanswered => None,
        }
    }

    /// As one line of JSON, for people to read after a failure.
    pub fn line(&self) -> String {
        let said = |reply: &Reply| json!({"status": reply.status, "body": String::from_utf8_lossy(&reply.body)});
        let (outcome, at) = match &self.outcome {
            Outcome::Accepted { at, reply, .. } => (said(reply), Some(at.as_micros())),
            Outcome::Refused(reply) => (said(reply), None),
            Outcome::Unanswered => (json!("unanswered"), None),
        };
        json!({
            "op": self.id, "client": self.client, "tenant": self.tenant_id, "path": self.request.path,
            "body": self.request.body, "invoked_us": self.invoked_at.as_micros(), "answered_us": at,
            "attempts": self.attempts, "outcome": outcome,
            "repeats": self.repeats.iter().map(said).collect::<Vec<_>>(),
        })
        .to_string()
    }
}
