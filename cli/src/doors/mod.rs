//! The doors of a running installation, at which the command line knocks as anybody does: over HTTP, with a token.

mod arguments;
mod caller;
mod refused;

pub(crate) use arguments::{ActingArgs, DoorArgs, TenantRef, There};
pub(crate) use caller::{Caller, Session, own_tenant};
pub(crate) use refused::{Refused, Unanswered};

use crate::failure::{Exit, Failure};
use crate::run_file::RunFile;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same where a file is handed over.
const FILE_PATIENCE: Duration = Duration::from_mins(2);
/// How often a request is sent that meets nobody, or somebody who is busy.
const TRIES: u32 = 3;
/// Longest pause between two tries, whatever is asked for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where the doors are.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    commands: String,
    queries: String,
    mailbox: Option<String>,
    client: Client,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asking<'a> {
    method: Method,
    url: String,
    token: Option<&'a str>,
    body: Option<Body>,
    key: Option<String>,
}

/// What is sent.
#[derive(Clone, Debug)]
enum Body {
    Json(Value),
    File { media_type: &'static str, bytes: Vec<u8> },
}

impl Doors {
    /// Those that are meant: the given ones, or those of the `sillage up` that runs in the folder.
    ///
    /// # Errors
    /// Nothing is given and nothing runs.
    pub(crate) fn find(arguments: &DoorArgs) -> Result<Self, Failure> {
        let running = RunFile::read(&arguments.data_dir);
        let given = |url: &Option<String>| url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        let commands = given(&arguments.command_url).or(running.as_ref().map(|run| run.command_url.clone()));
        let queries = given(&arguments.query_url).or(running.as_ref().map(|run| run.query_url.clone()));
        let (Some(commands), Some(queries)) = (commands, queries) else {
            return Err(Failure::usage("there is no installation to talk to").remedy(
                "Keep `sillage up` running in this folder, or set SILLAGE_COMMAND_URL and SILLAGE_QUERY_URL.",
            ));
        };
        platform::telemetry::install_crypto();
        let client = Client::builder().timeout(PATIENCE).connect_timeout(Duration::from_secs(5)).build();
        let client = client.map_err(|error| Failure::failed("no HTTP client can be made").because(error))?;
        // Only a mailbox of this machine is of use to whoever sits at it.
        let mailbox = running.filter(|run| run.command_url == commands).and_then(|run| run.admin_url);
        Ok(Self { commands, queries, mailbox: mailbox.map(|url| format!("{url}/dev/mailbox")), client })
    }

    /// The development mailbox, if the installation may have one.
    pub(crate) fn mailbox(&self) -> Option<&str> {
        self.mailbox.as_deref()
    }

    /// A request to the command API; `path` begins with `/v1`.
    pub(crate) fn post<'a>(&self, path: &str, body: Value) -> Asking<'a> {
        let url = format!("{}{path}", self.commands);
        Asking { method: Method::POST, url, token: None, body: Some(Body::Json(body)), key: None }
    }

    /// A file for the command API.
    pub(crate) fn hand_over<'a>(&self, path: &str, media_type: &'static str, bytes: Vec<u8>) -> Asking<'a> {
        let url = format!("{}{path}", self.commands);
        Asking { method: Method::POST, url, token: None, body: Some(Body::File { media_type, bytes }), key: None }
    }

    /// A request to the command API's listener for what is to be read there: one's own account.
    pub(crate) fn own<'a>(&self, path: &str) -> Asking<'a> {
        Asking { method: Method::GET, url: format!("{}{path}", self.commands), token: None, body: None, key: None }
    }

    /// A request to the query API.
    pub(crate) fn get<'a>(&self, path: &str) -> Asking<'a> {
        Asking { method: Method::GET, url: format!("{}{path}", self.queries), token: None, body: None, key: None }
    }

    /// Sends it, again where nobody or somebody busy was met, and reads the answer; null where that is empty.
    ///
    /// # Errors
    /// It was refused, or there was no answer.
    pub(crate) async fn ask(&self, asking: &Asking<'_>) -> Result<Value, Unanswered> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.once(asking).await {
                Ok(answer) => return Ok(answer),
                Err((error, pause)) if tried < TRIES && pause.is_some() => {
                    drop(error);
                    tokio::time::sleep(pause.unwrap_or_default().min(LONGEST_PAUSE)).await;
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// One try; with a failure comes the pause after which another may help.
    async fn once(&self, asking: &Asking<'_>) -> Result<Value, (Unanswered, Option<Duration>)> {
        let mut request = self.client.request(asking.method.clone(), &asking.url);
        if let Some(token) = asking.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = &asking.key {
            request = request.header("idempotency-key", key);
        }
        request = match &asking.body {
            Some(Body::Json(body)) => request.json(body),
            Some(Body::File { media_type, bytes }) => {
                request.header(CONTENT_TYPE, *media_type).timeout(FILE_PATIENCE).body(bytes.clone())
            }
            None => request,
        };
        let response = request.send().await.map_err(|error| {
            // What may have arrived is sent again only where a repeat is known to be one.
            let again = error.is_connect() || asking.key.is_some() || asking.method == Method::GET;
            (nobody(&asking.url, error), again.then_some(Duration::from_millis(500)))
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.map_err(|error| (nobody(&asking.url, error), None))?;
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(json);
        }
        let wait = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let again = status == StatusCode::SERVICE_UNAVAILABLE;
        let refused = Refused::read(status, &json, &asking.url);
        Err((Unanswered::Refused(Box::new(refused)), again.then(|| Duration::from_secs(wait.unwrap_or(1)))))
    }
}

impl<'a> Asking<'a> {
    /// With this token.
    pub(crate) fn by(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }

    /// With this key: whoever sends it again means the same.
    pub(crate) fn keyed(self, key: Option<String>) -> Self {
        Self { key, ..self }
    }

    /// A command: a repeat does nothing a second time.
    pub(crate) fn once(self) -> Self {
        Self { key: Some(uuid::Uuid::now_v7().to_string()), ..self }
    }
}

fn nobody(url: &str, error: reqwest::Error) -> Unanswered {
    let place = url.split("/v1/").next().unwrap_or(url);
    Unanswered::Failed(
        Failure::new(Exit::NoServers, format!("{place} does not answer")).because(error.without_url()).remedy(
            "Is `sillage up` running in this folder? SILLAGE_COMMAND_URL and SILLAGE_QUERY_URL name another one.",
        ),
    )
}

/// A field of an answer as text; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
