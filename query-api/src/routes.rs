//! One line per query: `detail::<GetTicket>("/tickets/{ticket_id}")`, `list::<ListTickets>("/tickets")`.

use crate::description;
use crate::detail::{self, Detail};
use crate::diff;
use crate::history;
use crate::labels;
use crate::list::{self, List};
use crate::reading::Services;
use axum::body::{Body, Bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, Response, Uri};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use platform::Problem;
use platform::openapi::Operation;
use platform::request_log::RequestLog;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use uuid::Uuid;

/// Longest body of a question, or of what an operator asks for.
const BODY_BYTES: usize = 65_536;

/// The routes of a context, or of all of them.
#[derive(Default)]
pub struct QueryRoutes {
    prefix: &'static str,
    routes: Vec<Route>,
}

struct Route {
    path: String,
    handler: MethodRouter<Arc<Services>>,
    operation: Operation,
}

impl QueryRoutes {
    /// The queries of a context, under `/v1<prefix>`.
    pub fn new(prefix: &'static str) -> Self {
        Self { prefix, ..Self::default() }
    }

    /// `GET path` answers one thing, now or `as_of`; `GET path/history` everything that happened to it; `GET path/diff`
    /// what two moments of it differ in.
    pub(crate) fn detail<D: Detail>(self, path: &str) -> Self {
        let answer = get(
            |services: State<Arc<Services>>, path: Path, headers: HeaderMap, uri: Uri, log: RequestLog| async move {
                let answer = async { detail::answer::<D>(&services, &headers, id(&path)?, uri.query(), &log).await };
                answer.await.unwrap_or_else(Problem::into_response)
            },
        );
        let history = get(
            |services: State<Arc<Services>>, path: Path, headers: HeaderMap, uri: Uri, log: RequestLog| async move {
                let answer = async { history::answer::<D>(&services, &headers, id(&path)?, uri.query(), &log).await };
                answer.await.unwrap_or_else(Problem::into_response)
            },
        );
        let diff = get(
            |services: State<Arc<Services>>, path: Path, headers: HeaderMap, uri: Uri, log: RequestLog| async move {
                let answer = async { diff::answer::<D>(&services, &headers, id(&path)?, uri.query(), &log).await };
                answer.await.unwrap_or_else(Problem::into_response)
            },
        );
        self.add(path, answer, description::detail::<D>)
            .add(&format!("{path}/history"), history, description::history::<D>)
            .add(&format!("{path}/diff"), diff, description::diff::<D>)
    }

    /// `GET path` answers many things, a page at a time; a parameter in the path names the thing that they belong to.
    pub(crate) fn list<L: List>(self, path: &str) -> Self {
        let answer = get(
            |services: State<Arc<Services>>, path: Path, headers: HeaderMap, uri: Uri, log: RequestLog| async move {
                let answer = async {
                    let parent = if L::PARENT.is_some() { Some(id(&path)?) } else { None };
                    list::answer::<L>(&services, &headers, parent, &uri, &log).await
                };
                answer.await.unwrap_or_else(Problem::into_response)
            },
        );
        self.add(path, answer, description::list::<L>)
    }

    /// `GET path` answers the labels of all enumerations; they are no secret.
    pub(crate) fn labels(self, path: &str) -> Self {
        self.add(path, get(|| async { Json(labels::all()).into_response() }), description::labels)
    }

    /// `GET path` answers in a way of its own.
    pub(crate) fn raw<F, A>(self, path: &str, answer: F, describe: fn(&str) -> Operation) -> Self
    where
        F: Fn(Arc<Services>, Asking) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response<Body>, Problem>> + Send + 'static,
    {
        let answer = get(
            |State(services): State<Arc<Services>>, path: Path, headers: HeaderMap, uri: Uri, log: RequestLog| async move {
                let asking = Asking { headers, uri, log, path };
                answer(services, asking).await.unwrap_or_else(Problem::into_response)
            },
        );
        self.add(path, answer, describe)
    }

    /// `POST path` answers a question too large for an address, does what an operator asks for, or counts; the body is small.
    pub(crate) fn raw_post<F, A>(self, path: &str, answer: F, describe: fn(&str) -> Operation) -> Self
    where
        F: Fn(Arc<Services>, Asking, Bytes) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response<Body>, Problem>> + Send + 'static,
    {
        let answer = post(
            |State(services): State<Arc<Services>>,
             path: Path,
             headers: HeaderMap,
             uri: Uri,
             log: RequestLog,
             body: Body| async move {
                let answered = async {
                    let body = platform::http::read_body_of(body, BODY_BYTES).await?;
                    answer(services, Asking { headers, uri, log, path }, body).await
                };
                answered.await.unwrap_or_else(Problem::into_response)
            },
        );
        self.add(path, answer, describe)
    }

    fn add(mut self, path: &str, handler: MethodRouter<Arc<Services>>, describe: fn(&str) -> Operation) -> Self {
        let path = format!("/v1{}{path}", self.prefix);
        let operation = describe(&path).tag(self.prefix.trim_start_matches('/'));
        self.routes.push(Route { path, handler, operation });
        self
    }

    /// Both sets of routes.
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self
    }

    /// The description of all routes.
    pub fn openapi(self) -> OpenApi {
        description::document(self.routes.into_iter().map(|route| route.operation))
    }

    /// The router over all routes.
    pub fn into_router(self, services: Arc<Services>) -> Router {
        let router =
            self.routes.into_iter().fold(Router::new(), |router, route| router.route(&route.path, route.handler));
        router.with_state(services)
    }
}

/// A request, for answers of their own way.
pub(crate) struct Asking {
    pub(crate) headers: HeaderMap,
    pub(crate) uri: Uri,
    pub(crate) log: RequestLog,
    path: Path,
}

impl Asking {
    /// A parameter of the path, where it is text.
    pub(crate) fn part(&self, name: &str) -> Result<&str, Problem> {
        let parameters = self.path.as_ref().map_err(|_| Problem::not_found())?;
        parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value).ok_or_else(Problem::not_found)
    }

    /// The id in the path, behind the text.
    pub(crate) fn second_id(&self) -> Result<Uuid, Problem> {
        let parameters = self.path.as_ref().map_err(|_| Problem::not_found())?;
        parameters.iter().nth(1).and_then(|(_, value)| value.parse().ok()).ok_or_else(Problem::not_found)
    }

    /// The id in the path.
    pub(crate) fn id(&self) -> Result<Uuid, Problem> {
        id(&self.path)
    }
}

/// What the path holds; an error where that is not even text.
type Path = Result<RawPathParams, RawPathParamsRejection>;

/// The id in the path. A malformed one names nothing that exists.
fn id(path: &Path) -> Result<Uuid, Problem> {
    let parameters = path.as_ref().map_err(|_| Problem::not_found())?;
    parameters.iter().next().and_then(|(_, value)| value.parse().ok()).ok_or_else(Problem::not_found)
}
