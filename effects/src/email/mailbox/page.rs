//! The development mailbox in a browser, and as JSON for tests.

use super::{Kept, Mailbox};
use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Json, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use uuid::Uuid;

/// Mails on the page.
const SHOWN: i64 = 100;
/// Nothing is fetched, nothing runs. The page frames a mail of its own.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A mail may do nothing but open its links elsewhere.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'self'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";
/// The page where a link leads that no front end serves.
const LINK_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "mailbox.html")]
struct List {
    mails: Vec<Kept>,
    /// Whose mails are shown, where not everybody's.
    to: String,
}

#[derive(Template)]
#[template(path = "mailbox_mail.html")]
struct One {
    mail: Kept,
}

#[derive(Template)]
#[template(path = "mailbox_link.html")]
struct Link {
    name: &'static str,
    about: &'static str,
}

/// Which mails.
#[derive(Deserialize)]
struct Wanted {
    to: Option<String>,
}

impl Mailbox {
    /// The mailbox in a browser, under `/dev`. Answers only who asks for a loopback address by its name, so that no page
    /// on the web can read it through a name of its own. Serve it on a loopback address only.
    pub fn router(&self) -> Router {
        let mut router = Router::new()
            .route("/dev", get(|| async { Redirect::temporary("/dev/mailbox") }))
            .route("/dev/mailbox", get(list))
            .route("/dev/mailbox/{id}", get(one))
            .route("/dev/mailbox/{id}/html", get(html))
            .route("/dev/mailbox/{id}/raw", get(raw))
            .route("/dev/api/mails", get(list_json).delete(clear))
            .route("/dev/api/mails/{id}", get(one_json));
        for (path, name, about) in LINKS {
            router = router.route(path, get(move || async move { page(&Link { name, about }, LINK_POLICY) }));
        }
        router.with_state(self.clone()).layer(middleware::from_fn(only_loopback))
    }
}

/// The pages that a front end has for the links in mails.
const LINKS: [(&str, &str, &str); 8] = [
    ("/dev/verify-email", "verify-email", "proves the address of a new account"),
    ("/dev/confirm-email", "confirm-email", "proves the new address of an account"),
    ("/dev/reset-password", "reset-password", "lets its reader choose a new password"),
    ("/dev/join", "join", "accepts an invitation"),
    ("/dev/sign-in", "sign-in", "is where people sign in"),
    ("/dev/forgot-password", "forgot-password", "is where people ask for a new password"),
    ("/dev/notifications", "notifications", "is where people see what they were told, and say how"),
    ("/dev/tickets/{id}", "ticket", "shows a ticket"),
];

async fn only_loopback(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_loopback(host) {
        return (StatusCode::FORBIDDEN, "The development mailbox is read on this machine only.\n").into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// Whether a `Host` names this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn page(template: &impl Template, policy: &'static str) -> Response {
    match template.render() {
        Ok(text) => ([(CONTENT_SECURITY_POLICY, policy)], Html(text)).into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> Response {
    tracing::warn!(error = %error, "the development mailbox cannot be shown");
    (StatusCode::SERVICE_UNAVAILABLE, "The mailbox cannot be read now.\n").into_response()
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "There is no such mail.\n").into_response()
}

async fn list(State(mailbox): State<Mailbox>, Query(wanted): Query<Wanted>) -> Response {
    match mailbox.list(wanted.to.as_deref(), SHOWN).await {
        Ok(mails) => page(&List { mails, to: wanted.to.unwrap_or_default() }, PAGE_POLICY),
        Err(error) => failed(&error),
    }
}

async fn one(State(mailbox): State<Mailbox>, Path(id): Path<Uuid>) -> Response {
    match mailbox.get(id).await {
        Ok(Some(mail)) => page(&One { mail }, PAGE_POLICY),
        Ok(None) => missing(),
        Err(error) => failed(&error),
    }
}

async fn html(State(mailbox): State<Mailbox>, Path(id): Path<Uuid>) -> Response {
    match mailbox.get(id).await {
        // A link opens beside the mailbox, not in the frame.
        Ok(Some(mail)) => {
            let html = mail.html.replacen("<head>", "<head><base target=\"_blank\">", 1);
            ([(CONTENT_SECURITY_POLICY, MAIL_POLICY)], Html(html)).into_response()
        }
        Ok(None) => missing(),
        Err(error) => failed(&error),
    }
}

async fn raw(State(mailbox): State<Mailbox>, Path(id): Path<Uuid>) -> Response {
    match mailbox.raw(id).await {
        Ok(Some(bytes)) => {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            (headers, bytes).into_response()
        }
        Ok(None) => missing(),
        Err(error) => failed(&error),
    }
}

async fn list_json(State(mailbox): State<Mailbox>, Query(wanted): Query<Wanted>) -> Response {
    match mailbox.list(wanted.to.as_deref(), SHOWN).await {
        Ok(mails) => Json(mails).into_response(),
        Err(error) => failed(&error),
    }
}

async fn one_json(State(mailbox): State<Mailbox>, Path(id): Path<Uuid>) -> Response {
    match mailbox.get(id).await {
        Ok(Some(mail)) => Json(mail).into_response(),
        Ok(None) => missing(),
        Err(error) => failed(&error),
    }
}

async fn clear(State(mailbox): State<Mailbox>) -> Response {
    match mailbox.clear().await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_this_machine() {
        for host in ["127.0.0.1:9090", "localhost:9090", "localhost", "[::1]:9090", "127.1.2.3"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "evil.example:9090", "127.0.0.1.evil.example", "10.0.0.1", "[::2]:1", "localhost.evil.example"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
