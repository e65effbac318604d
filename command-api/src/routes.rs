//! One line per command: `create::<OpenTicket>("/tickets")`, `on::<AssignTicket>("/tickets/{ticket_id}/assign")`.

use crate::batch;
use crate::description;
use crate::execute::{Asked, Services, execute};
use crate::files::{AboutFile, execute_about_file};
use crate::late;
use crate::reply::Reply;
use crate::webhooks::{AboutWebhook, execute_about_webhook};
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, post};
use kernel::{Command, Scope};
use platform::openapi::Operation;
use platform::request_log::RequestLog;
use platform::{Problem, headers};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use uuid::Uuid;

/// Longest body of one command; a batch may fill what the server takes.
const COMMAND_BYTES: usize = 128 * 1024;

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send + 'a>>;
/// A command with its type forgotten, for the batch endpoint.
pub(crate) type Executor = for<'a> fn(&'a Services, &'a Asked<'a>) -> Answering<'a>;

/// A command that the batch endpoint can carry out.
#[derive(Clone, Copy)]
pub(crate) struct Executable {
    pub(crate) run: Executor,
    /// Where the made thing can be read; `None` for commands on something that exists.
    pub(crate) collection: Option<&'static str>,
    /// What it takes to tell it late; `None`: it is always of now.
    told_late_by: Option<Scope>,
}

/// The routes of a context, or of all of them.
#[derive(Default)]
pub struct CommandRoutes {
    prefix: &'static str,
    told_late_by: Option<Scope>,
    routes: Vec<Route>,
}

struct Route {
    path: String,
    name: &'static str,
    handler: MethodRouter<Arc<Services>>,
    executable: Executable,
    operation: Operation,
}

impl CommandRoutes {
    /// The commands of a context, under `/v1<prefix>`.
    pub fn new(prefix: &'static str) -> Self {
        Self { prefix, ..Self::default() }
    }

    /// What follows may also be told late, as having happened when `Occurred-At` says, by whoever holds this scope. For records
    /// that are brought up to date; not for what gives out something that expires, or guards anything by time.
    pub(crate) fn told_late_by(self, scope: Scope) -> Self {
        Self { told_late_by: Some(scope), ..self }
    }

    /// `POST path` makes something new; the server chooses its id.
    pub fn create<C: Command>(self, path: &str) -> Self {
        let path = self.path(path);
        let collection = Some(collection(&path));
        self.add::<C>(path, |services, asked| Box::pin(execute::<C>(services, asked)), collection)
    }

    /// `POST path` acts on the thing that the path's one parameter names.
    pub fn on<C: Command>(self, path: &str) -> Self {
        let path = self.path(path);
        self.add::<C>(path, |services, asked| Box::pin(execute::<C>(services, asked)), None)
    }

    /// `POST path` makes a file; its bytes go elsewhere.
    pub(crate) fn create_file<C: AboutFile>(self, path: &str) -> Self {
        let path = self.path(path);
        let collection = Some(collection(&path));
        self.add::<C>(path, |services, asked| Box::pin(execute_about_file::<C>(services, asked)), collection)
    }

    /// `POST path` acts on a file, or on a thing and a file.
    pub(crate) fn on_file<C: AboutFile>(self, path: &str) -> Self {
        let path = self.path(path);
        self.add::<C>(path, |services, asked| Box::pin(execute_about_file::<C>(services, asked)), None)
    }

    /// `POST path` makes a webhook; its secret is shown once.
    pub(crate) fn create_webhook<C: AboutWebhook>(self, path: &str) -> Self {
        let path = self.path(path);
        let collection = Some(collection(&path));
        self.add::<C>(path, |services, asked| Box::pin(execute_about_webhook::<C>(services, asked)), collection)
    }

    /// `POST path` acts on a webhook.
    pub(crate) fn on_webhook<C: AboutWebhook>(self, path: &str) -> Self {
        let path = self.path(path);
        self.add::<C>(path, |services, asked| Box::pin(execute_about_webhook::<C>(services, asked)), None)
    }

    /// Both sets of routes.
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self
    }

    fn path(&self, path: &str) -> String {
        format!("/v1{}{path}", self.prefix)
    }

    fn add<C: Command>(mut self, path: String, run: Executor, collection: Option<&'static str>) -> Self {
        let executable = Executable { run, collection, told_late_by: self.told_late_by };
        let handler = post(move |services: State<Arc<Services>>, log: RequestLog, request: Request<Body>| async move {
            match handle(&services, executable, &log, request).await {
                Ok(reply) => reply.into_response(),
                Err(problem) => problem.into_response(),
            }
        });
        let operation = description::of::<C>(&path, self.prefix, collection.is_some(), self.told_late_by);
        self.routes.push(Route { path, name: C::NAME, handler, executable, operation });
        self
    }

    /// The description of all routes.
    pub fn openapi(self) -> OpenApi {
        description::document(self.routes.into_iter().map(|route| route.operation))
    }

    /// The router over all routes and the batch endpoint.
    pub fn into_router(self, services: Arc<Services>) -> Router {
        let executables: HashMap<&'static str, Executable> =
            self.routes.iter().map(|route| (route.name, route.executable)).collect();
        let router =
            self.routes.into_iter().fold(Router::new(), |router, route| router.route(&route.path, route.handler));
        router.merge(batch::router(executables)).merge(crate::imports::router()).with_state(services)
    }
}

/// Where what a path makes can be read. Routes are declared once per process and live as long as it.
fn collection(path: &str) -> &'static str {
    Box::leak(path.to_owned().into_boxed_str())
}

async fn handle(
    services: &Services,
    executable: Executable,
    log: &RequestLog,
    request: Request<Body>,
) -> Result<Reply, Problem> {
    let (mut parts, body) = request.into_parts();
    let identity = services.authenticate(&parts.headers).await?;
    log.caller(&identity)?;
    headers_are_json(&parts)?;
    let collection = executable.collection;
    let target = if collection.is_some() { None } else { Some(target(&mut parts).await?) };
    let body = platform::http::read_body_of(body, COMMAND_BYTES).await?;
    let asked = Asked {
        identity: &identity,
        log,
        key: headers::idempotency_key(&parts.headers)?,
        if_match: headers::if_match(&parts.headers)?,
        happened_at: late::moment(&parts.headers, executable.told_late_by, &identity)?,
        target,
        body: &body,
        collection,
    };
    (executable.run)(services, &asked).await
}

fn headers_are_json(parts: &Parts) -> Result<(), Problem> {
    platform::json::check_media_type(&parts.headers)
}

/// The id in the path. A malformed one names nothing that exists.
async fn target(parts: &mut Parts) -> Result<Uuid, Problem> {
    let parameters = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| Problem::not_found())?;
    let (_, value) = parameters.iter().next().ok_or_else(Problem::not_found)?;
    value.parse().map_err(|_| {
        Problem::new(StatusCode::NOT_FOUND, "not_found", "There is no such thing")
            .detail("the id in the path is not a UUID")
    })
}
