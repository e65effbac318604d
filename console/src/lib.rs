//! The web console: pages that show what the read API shows and send what the write API takes, with the caller's own token.
//!
//! It has no way of its own to any data: every page is made of answers of the APIs ([`api`]), so scopes, walls and masks
//! hold here because they hold there. It keeps nothing either: who is signed in is in cookies ([`session`]).

mod api;
mod assets;
mod form;
mod live;
mod page;
mod people;
mod rooms;
mod session;
mod show;
mod texts;

pub use api::Door;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderValue, Request, Response, StatusCode};
use axum::middleware::{self, Next};
use axum::response::IntoResponse as _;
use platform::Problem;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tower_http::csrf::CsrfLayer;

/// Where everything of the console is.
pub const PREFIX: &str = "/console";

/// Nothing from elsewhere, nothing inline: a text that somebody wrote stays a text whatever is in it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// What the console works with.
pub struct Console {
    /// Commands, and signing in.
    pub(crate) commands: Door,
    /// Queries.
    pub(crate) queries: Door,
    /// Cancelled when no new requests are taken: pages that follow something are let go.
    pub(crate) closing: CancellationToken,
}

impl Console {
    /// A console in front of these doors, until `closing`.
    pub const fn new(commands: Door, queries: Door, closing: CancellationToken) -> Self {
        Self { commands, queries, closing }
    }

    /// The pages, under [`PREFIX`].
    pub fn router(self) -> Router {
        let console = Arc::new(self);
        let inside = rooms::router(&console);
        // A cookie alone must not let a page of somebody else's act; it is for this site only as well.
        let cross_site = |_: tower_http::csrf::ProtectionError| cross_site().into_response();
        let guarded = inside.layer(CsrfLayer::new().with_rejection_response(cross_site));
        guarded.layer(middleware::from_fn(dressed)).merge(assets::router())
    }
}

async fn dressed(request: Request<axum::body::Body>, next: Next) -> Response<axum::body::Body> {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn cross_site() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "cross_site_request", "The request comes from another site")
        .detail("a page of another origin has sent this form")
        .remedy("Open the console itself and send it from there.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Json;
    use axum::body::{Body, to_bytes};
    use axum::http::header::{AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE};
    use axum::http::{HeaderMap, Request};
    use axum::routing::{get, post};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;
    use tower::ServiceExt as _;

    /// A token as the console reads it; nobody checks it here.
    fn token() -> String {
        let ends = chrono::Utc::now().timestamp() + 600;
        let claims = json!({"sub": uuid::Uuid::nil(), "scope": "support.ticket:read", "exp": ends});
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    /// Doors that know one refresh token, and one list of tickets for its access token.
    fn console() -> Router {
        let tokens = |headers: HeaderMap| async move {
            let shown = headers[COOKIE].to_str().unwrap();
            assert!(
                shown.contains("__Secure-sillage_refresh=first"),
                "the door knows people by their cookies: {shown}"
            );
            let cookie = "__Secure-sillage_refresh=next; Path=/v1/auth; HttpOnly";
            ([(SET_COOKIE, cookie)], Json(json!({"access_token": token(), "expires_in": 600})))
        };
        let tickets = |headers: HeaderMap| async move {
            let bearer = headers[AUTHORIZATION].to_str().unwrap().starts_with("Bearer e30.");
            assert!(bearer && !headers.contains_key(COOKIE), "queries get the token and nothing else: {headers:?}");
            Json(json!({"items": [], "next_cursor": null}))
        };
        let away = || async { Problem::unavailable("The log is away", 3).into_response() };
        let commands = Router::new().route("/v1/auth/refresh", post(tokens));
        let queries = Router::new().route("/v1/support/tickets", get(tickets)).route("/v1/events", get(away));
        Console::new(Door::Here(commands), Door::Here(queries), CancellationToken::new()).router()
    }

    async fn ask(request: axum::http::request::Builder) -> (Response<Body>, String) {
        let response = console().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        (Response::from_parts(parts, Body::empty()), text)
    }

    #[tokio::test]
    async fn a_page_of_another_site_cannot_act() {
        for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 303)] {
            let (response, _) = ask(Request::post("/console/settings").header("sec-fetch-site", site)).await;
            assert_eq!(response.status(), status, "{site}");
        }
    }

    #[tokio::test]
    async fn every_page_wears_the_policy_and_is_kept_by_nobody() {
        for page in ["/console/sign-in", "/console/tickets", "/console"] {
            let (response, _) = ask(Request::get(page)).await;
            assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], POLICY, "{page}");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store", "{page}");
        }
        assert!(!POLICY.to_str().unwrap().contains("unsafe"));
    }

    #[tokio::test]
    async fn nobody_is_sent_to_the_door_and_back() {
        let (response, _) = ask(Request::get("/console/tickets?status=open")).await;
        assert_eq!(response.headers()[LOCATION], "/console/sign-in?to=%2Fconsole%2Ftickets%3Fstatus%3Dopen");
        let (response, _) = ask(Request::get("/console/tickets").header("hx-request", "true")).await;
        assert_eq!(response.headers()["hx-redirect"], "/console/sign-in?to=%2Fconsole%2Ftickets");
    }

    #[tokio::test]
    async fn tokens_are_renewed_on_the_way() {
        let (response, text) =
            ask(Request::get("/console/tickets").header(COOKIE, "__Secure-sillage_refresh=first")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(text.contains("No ticket fits."), "{text}");
        let cookies: Vec<&str> =
            response.headers().get_all(SET_COOKIE).iter().map(|one| one.to_str().unwrap()).collect();
        assert_eq!(cookies[0], "__Secure-sillage_refresh=next; Path=/console; HttpOnly");
        assert!(cookies[1].starts_with("__Secure-sillage_access=e30.") && cookies.len() == 2, "{cookies:?}");
        // As long as the access token is good the sign-in door is not asked.
        let held = format!("__Secure-sillage_access={}", token());
        let (response, _) = ask(Request::get("/console/tickets").header(COOKIE, held)).await;
        assert_eq!((response.status(), response.headers().contains_key(SET_COOKIE)), (StatusCode::OK, false));
    }

    #[tokio::test]
    async fn what_fails_is_told_with_its_trace_and_in_the_readers_language() {
        let held = format!("__Secure-sillage_access={}; sillage_language=fr", token());
        let (response, text) = ask(Request::get("/console/events").header(COOKIE, held.clone())).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(
            text.contains("<html lang=\"fr\"") && text.contains("de notre côté") && text.contains("<code>"),
            "{text}"
        );
        let (response, _) = ask(Request::get("/console/tickets/nobody").header(COOKIE, held)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
