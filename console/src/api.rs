//! Asking the APIs, in this process or at an address, as the person who looks at the page.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use platform::Problem;
use platform::headers::{CORRELATION_ID, IDEMPOTENCY_KEY, POSITION};
use platform::http::ClientAddress;
use platform::request_log::RequestLog;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tower::ServiceExt as _;
use uuid::Uuid;

/// Longest answer that a page is made of.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// How long an API at an address may take.
const PATIENCE: Duration = Duration::from_secs(30);
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An API.
#[derive(Clone)]
pub enum Door {
    /// In this process: the same handlers, without a connection in between.
    Here(Router),
    /// Another process, by the address that it is called at.
    There {
        /// What calls.
        client: reqwest::Client,
        /// `http://commands:8080`, without a slash at the end.
        url: String,
    },
}

/// Who asks: the token, and what doors want to know of whoever sends a request. It is printed nowhere.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) token: Option<String>,
    pub(crate) cookies: Option<HeaderValue>,
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) address: ClientAddress,
    pub(crate) log: RequestLog,
}

/// What an API refused, for people.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refused {
    #[serde(skip)]
    pub(crate) status: StatusCode,
    #[serde(default)]
    pub(crate) code: Box<str>,
    #[serde(default)]
    pub(crate) title: Box<str>,
    pub(crate) detail: Option<String>,
    pub(crate) remedy: Option<String>,
    #[serde(default)]
    pub(crate) errors: Vec<WrongField>,
}

/// A part of what was sent that is wrong.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct WrongField {
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

/// What an API answered.
pub(crate) struct Got<T> {
    pub(crate) value: T,
    /// The position at which it holds.
    pub(crate) position: Option<i64>,
}

/// What came of a command.
#[derive(Deserialize)]
pub(crate) struct Done {
    /// What was made or changed.
    pub(crate) id: Option<Uuid>,
    /// Where in the log it stands; a query with this as `min_position` shows it.
    pub(crate) position: Option<i64>,
}

impl Refused {
    fn new(status: StatusCode, code: &str, title: &str) -> Self {
        let (code, title) = (code.into(), title.into());
        Self { status, code, title, detail: None, remedy: None, errors: Vec::new() }
    }

    /// There is nothing at this address.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "")
    }

    /// The visitor must not do this.
    pub(crate) fn not_allowed() -> Self {
        Self::new(StatusCode::FORBIDDEN, "scope_missing", "")
    }

    /// What the console itself says no to, in the visitor's language.
    pub(crate) fn told(status: StatusCode, text: &str) -> Self {
        Self::new(status, "", text)
    }

    /// What was sent cannot be read.
    pub(crate) fn unreadable(detail: String) -> Self {
        Self { detail: Some(detail), ..Self::new(StatusCode::BAD_REQUEST, "invalid_form", "The form is not usable") }
    }

    fn away(detail: &str) -> Self {
        tracing::warn!(detail, "an API could not be asked");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The API does not answer")
    }

    /// Nobody is signed in, or no more.
    pub(crate) fn asks_to_sign_in(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }
}

impl Caller {
    /// A request to an API with this caller's token.
    fn request(&self, method: Method, path: &str) -> Request<Body> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        // Paths are ours; ids and cursors in them are encoded.
        *request.uri_mut() = path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        if let Some(token) = self.token.as_ref().and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok())
        {
            headers.insert(AUTHORIZATION, token);
        }
        if let Some(agent) = &self.user_agent {
            headers.insert(USER_AGENT, agent.clone());
        }
        request
    }
}

impl Door {
    /// A door at an address.
    pub fn at(url: &str) -> Self {
        Self::There { client: reqwest::Client::new(), url: url.trim_end_matches('/').to_owned() }
    }

    /// Sends a request, whatever comes back.
    pub(crate) async fn send(&self, caller: &Caller, mut request: Request<Body>) -> Result<Response<Body>, Refused> {
        match self {
            Self::Here(router) => {
                request.extensions_mut().insert(caller.log.clone());
                request.extensions_mut().insert(caller.address);
                match router.clone().oneshot(request).await {
                    Ok(response) => Ok(response),
                    Err(never) => match never {},
                }
            }
            Self::There { client, url } => there(client, url, caller, request).await,
        }
    }

    /// Asks a question.
    pub(crate) async fn get<T: DeserializeOwned>(&self, caller: &Caller, path: &str) -> Result<Got<T>, Refused> {
        let response = self.send(caller, caller.request(Method::GET, path)).await?;
        let (headers, body) = whole(response).await?;
        let position = headers.get(POSITION).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
        Ok(Got { value: read(&body)?, position })
    }

    /// The answer to a question, as it comes.
    pub(crate) async fn follow(
        &self,
        caller: &Caller,
        path: &str,
        last_event_id: Option<&HeaderValue>,
    ) -> Result<Body, Refused> {
        let mut request = caller.request(Method::GET, path);
        if let Some(id) = last_event_id {
            request.headers_mut().insert("last-event-id", id.clone());
        }
        let response = self.send(caller, request).await?;
        if response.status().is_success() { Ok(response.into_body()) } else { Err(refused(response).await) }
    }

    /// Does something; `key` makes a repeat harmless.
    pub(crate) async fn post(
        &self,
        caller: &Caller,
        path: &str,
        body: &impl Serialize,
        key: Option<&str>,
    ) -> Result<Done, Refused> {
        let mut request = caller.request(Method::POST, path);
        if let Some(key) = key {
            let key = HeaderValue::try_from(key).map_err(|_| Refused::unreadable("its key is none".to_owned()))?;
            request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        }
        let (_, body) = whole(self.send(caller, with_json(request, body)).await?).await?;
        read(&body)
    }

    /// Speaks to the sign-in door, which knows people by their cookies as well.
    pub(crate) async fn sign_in(
        &self,
        caller: &Caller,
        path: &str,
        body: &impl Serialize,
    ) -> Result<(HeaderMap, Bytes), Refused> {
        let mut request = caller.request(Method::POST, path);
        if let Some(cookies) = &caller.cookies {
            request.headers_mut().insert(COOKIE, cookies.clone());
        }
        whole(self.send(caller, with_json(request, body)).await?).await
    }
}

fn with_json(request: Request<Body>, body: &impl Serialize) -> Request<Body> {
    let mut request = request.map(|_| Body::from(serde_json::to_vec(body).unwrap_or_default()));
    request.headers_mut().insert(CONTENT_TYPE, JSON);
    request
}

/// Over the network: the other process is told who calls, in which story, as a proxy tells it.
async fn there(
    client: &reqwest::Client,
    url: &str,
    caller: &Caller,
    request: Request<Body>,
) -> Result<Response<Body>, Refused> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, ANSWER_BYTES).await.map_err(|error| Refused::away(&error.to_string()))?;
    let asked = client
        .request(parts.method, format!("{url}{}", parts.uri))
        .headers(parts.headers)
        .header(FORWARDED_FOR, caller.address.0.to_string())
        .header(CORRELATION_ID, caller.log.correlation_id().0.to_string())
        .header("traceparent", caller.log.trace_parent().to_string())
        .timeout(PATIENCE)
        .body(body);
    let answer = asked.send().await.map_err(|error| Refused::away(&error.without_url().to_string()))?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.map_err(|error| Refused::away(&error.without_url().to_string()))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The whole of a good answer.
async fn whole(response: Response<Body>) -> Result<(HeaderMap, Bytes), Refused> {
    if !response.status().is_success() {
        return Err(refused(response).await);
    }
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, ANSWER_BYTES).await;
    Ok((parts.headers, body.map_err(|error| Refused::away(&error.to_string()))?))
}

async fn refused(response: Response<Body>) -> Refused {
    let status = response.status();
    if status.is_server_error() {
        // What the API's own line would say; the page shows the trace alone.
        let problem = response.extensions().get::<Problem>();
        let (code, cause) = (problem.map(Problem::code), problem.and_then(Problem::cause));
        tracing::error!(%status, code, cause, "an API failed under a page of the console");
    }
    let body = axum::body::to_bytes(response.into_body(), ANSWER_BYTES).await.unwrap_or_default();
    let known = serde_json::from_slice::<Refused>(&body);
    Refused { status, ..known.unwrap_or_else(|_| Refused::new(status, "", "")) }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(|error| {
        tracing::error!(%error, "an answer of an API is not what the console expects");
        Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected_answer", "")
    })
}
