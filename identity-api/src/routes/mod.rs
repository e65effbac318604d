//! Every endpoint of the door, one line each.

mod account;
mod api_keys;
mod email;
mod invitation;
mod password;
mod refresh;
mod register;
mod second_factor;
mod sessions;
mod sign_in;
mod sign_out;
mod tenants;

use crate::call::Call;
use crate::door::Door;
use crate::problems::Refusal;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, RawPathParams, State};
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{MethodFilter, get, on};
use kernel::Reach;
use platform::Problem;
use platform::http::ClientAddress;
use platform::openapi::{Document, Operation};
use platform::request_log::RequestLog;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use tower_http::csrf::CsrfLayer;
use utoipa::openapi::OpenApi;

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response<Body>, Refusal>> + Send + 'a>>;
type Handler = for<'a> fn(&'a Arc<Door>, &'a Arc<Call>) -> Answering<'a>;

/// Endpoints under `/v1/me`, and those that go on with the caller's session, are about himself.
const OWN: Reach = Reach::Own { all: None };

/// One endpoint.
pub(crate) struct Endpoint {
    method: Method,
    path: &'static str,
    name: &'static str,
    handler: Handler,
    operation: Operation,
}

impl Endpoint {
    /// What answers `method` on `path`; `name` is its operation id, `docs` its text in the API's description.
    pub(crate) fn new(method: Method, path: &'static str, name: &'static str, docs: &str, handler: Handler) -> Self {
        let tag = path.split('/').nth(2).unwrap_or_default();
        let operation = Operation::new(method.clone(), path, name).tag(tag).docs(docs);
        Self { method, path, name, handler, operation }
    }

    /// Says more about it in the API's description.
    pub(crate) fn describe(mut self, more: impl FnOnce(Operation) -> Operation) -> Self {
        self.operation = more(self.operation);
        self
    }
}

/// All of them.
fn endpoints() -> Vec<Endpoint> {
    [
        register::endpoints(),
        email::endpoints(),
        sign_in::endpoints(),
        refresh::endpoints(),
        sign_out::endpoints(),
        password::endpoints(),
        tenants::endpoints(),
        invitation::endpoints(),
        account::endpoints(),
        second_factor::endpoints(),
        sessions::endpoints(),
        api_keys::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const ABOUT: &str = "\
Signing in, and looking after one's own account. `POST /v1/auth/login` gives an access token of ten minutes, to be sent \
as `Authorization: Bearer …` to all APIs, and a refresh token that is good once: in a cookie for browsers, in the body \
with `\"delivery\": \"body\"` for apps. `POST /v1/auth/refresh` gives the next pair. Whether an address has an account \
is told to nobody but its owner, by mail. The public keys of the tokens are at `/.well-known/jwks.json`.";

/// The description of the sign-in door.
pub fn openapi() -> OpenApi {
    let mut document = Document::new("Sillage sign-in", env!("CARGO_PKG_VERSION"), ABOUT);
    document.tag("auth", "Getting in and out.").tag("me", "One's own account.").tag("identity", "Keys of services.");
    for endpoint in endpoints() {
        document.operation(endpoint.operation.problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "Something that is needed is away, or too many people sign in: try again after Retry-After.",
        ));
    }
    document.build()
}

/// The sign-in door as an axum router, under `/v1`, and the public keys.
///
/// # Errors
/// An origin in the options is not one.
pub fn router(door: Arc<Door>) -> Result<Router, tower_http::csrf::ConfigError> {
    let origins = door.options.origins.clone();
    let mut csrf = CsrfLayer::new();
    for origin in origins {
        csrf = csrf.add_trusted_origin(origin)?;
    }
    let csrf = csrf.with_rejection_response(|_: tower_http::csrf::ProtectionError| cross_site().into_response());
    let routes = endpoints().into_iter().fold(Router::new(), |router, endpoint| {
        let filter = MethodFilter::try_from(endpoint.method).unwrap_or(MethodFilter::POST);
        let (handler, name) = (endpoint.handler, endpoint.name);
        let answer =
            move |State(door): State<Arc<Door>>, address: ClientAddress, log: RequestLog, request: Request<Body>| {
                answer(door, handler, name, address, log, request)
            };
        router.route(endpoint.path, on(filter, answer))
    });
    let guarded = routes.layer(csrf);
    Ok(guarded.route("/.well-known/jwks.json", get(jwks)).with_state(door))
}

fn cross_site() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "cross_site_request", "The request comes from another site")
        .detail("a page of another origin has sent this request")
        .remedy("Send it from the application's own pages; operators name further origins in SILLAGE_CORS_ORIGINS.")
}

/// Reads the request, then answers in a task of its own: what has begun is finished, also when the caller hangs up.
async fn answer(
    door: Arc<Door>,
    handler: Handler,
    name: &'static str,
    address: ClientAddress,
    log: RequestLog,
    request: Request<Body>,
) -> Result<Response<Body>, Infallible> {
    log.operation(name);
    let (mut parts, body) = request.into_parts();
    let target = match target(&mut parts).await {
        Ok(target) => target,
        Err(problem) => return Ok(problem.into_response()),
    };
    let body = match platform::http::read_body(body).await {
        Ok(body) => body,
        Err(problem) => return Ok(problem.into_response()),
    };
    let call = Arc::new(Call { headers: parts.headers, address, log, body, target });
    let answering = tokio::spawn(async move { handler(&door, &call).await });
    Ok(match answering.await {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => Problem::from(refusal).into_response(),
        Err(ended) => Problem::internal(&ended).into_response(),
    })
}

/// The id in the path. A malformed one names nothing that exists.
async fn target(parts: &mut axum::http::request::Parts) -> Result<Option<uuid::Uuid>, Problem> {
    let Ok(parameters) = RawPathParams::from_request_parts(parts, &()).await else { return Ok(None) };
    match parameters.iter().next() {
        None => Ok(None),
        Some((_, value)) => value.parse().map(Some).map_err(|_| Problem::not_found()),
    }
}

async fn jwks(State(door): State<Arc<Door>>) -> Response<Body> {
    let mut response = crate::session::json(StatusCode::OK, &door.keyring.jwks());
    let headers = response.headers_mut();
    headers.insert(axum::http::header::CACHE_CONTROL, axum::http::HeaderValue::from_static("public, max-age=60"));
    response
}

/// The refusals of an endpoint that takes a body.
pub(crate) fn takes<T: utoipa::ToSchema>(operation: Operation) -> Operation {
    operation
        .body::<T>()
        .problem(StatusCode::BAD_REQUEST, "The body is not the JSON that is expected.")
        .problem(StatusCode::FORBIDDEN, "A page of another site has sent the request.")
        .problem(StatusCode::UNPROCESSABLE_ENTITY, "A field is wrong.")
}
