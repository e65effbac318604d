//! What every page has around it: language, looks, the way to the other rooms, and what went wrong.

use crate::api::{Caller, Refused};
use crate::form::{link, page_of_ours};
use crate::session::{Session, Visitor, caller, named};
use crate::texts::{self, Texts};
use crate::{Console, PREFIX, assets};
use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use axum::middleware::Next;
use kernel::{Labelled as _, Language};
use std::sync::Arc;

/// The cookies with what somebody likes.
pub(crate) const LANGUAGE: &str = "sillage_language";
pub(crate) const THEME: &str = "sillage_theme";

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// What htmx says of itself, and how it is sent to another page.
const HX_REQUEST: &str = "hx-request";
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// Whoever looks at a page, and how.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) caller: Caller,
    /// `None` before signing in.
    pub(crate) visitor: Option<Arc<Visitor>>,
    pub(crate) language: Language,
    /// `light` or `dark`; empty for what the system says.
    pub(crate) theme: &'static str,
    /// The page's own address, with its query.
    pub(crate) here: String,
    /// Whether htmx asks.
    pub(crate) in_place: bool,
}

/// A room of the console.
pub(crate) struct Room {
    pub(crate) href: &'static str,
    pub(crate) label: &'static str,
    /// The key that leads there after `g`.
    pub(crate) key: &'static str,
    pub(crate) is_here: bool,
}

/// What templates show around their own content.
pub(crate) struct Page {
    pub(crate) t: &'static Texts,
    pub(crate) language: Language,
    pub(crate) theme: &'static str,
    pub(crate) title: String,
    pub(crate) rooms: Vec<Room>,
    pub(crate) role: &'static str,
    pub(crate) signed_in: bool,
    pub(crate) here: String,
    pub(crate) assets: String,
    pub(crate) refused: Option<Refused>,
}

impl Visit {
    /// How a request wants its page, whoever sent it.
    fn of(caller: Caller, method: &Method, headers: &HeaderMap, uri: &Uri) -> Self {
        let liked = |name| caller.cookies.as_ref().and_then(|cookies| named(cookies, name));
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let language = texts::language(liked(LANGUAGE)).unwrap_or_else(|| texts::preferred(accepted));
        let theme = match liked(THEME) {
            Some("light") => "light",
            Some("dark") => "dark",
            _ => "",
        };
        // Nobody can come back to what takes a form; its page is the folder above.
        let here = match (method, uri.path_and_query()) {
            (&Method::GET, Some(page)) => page.as_str(),
            _ => uri.path().rsplit_once('/').map_or(PREFIX, |(page, _)| page),
        };
        let in_place = headers.contains_key(HX_REQUEST);
        Self { visitor: None, language, theme, here: here.to_owned(), in_place, caller }
    }

    /// The texts in the visitor's language.
    pub(crate) const fn t(&self) -> &'static Texts {
        texts::of(self.language)
    }

    /// Whether the visitor's token permits this, so that it is offered.
    pub(crate) fn may(&self, scope: &str) -> bool {
        self.visitor.as_ref().is_some_and(|visitor| visitor.may(scope))
    }

    /// What is around a page.
    pub(crate) fn page(&self, title: impl Into<String>) -> Page {
        let t = self.t();
        let rooms = crate::rooms::ROOMS.iter().filter(|room| self.may(room.scope)).map(|room| Room {
            href: room.href,
            label: (room.label)(t),
            key: room.key,
            is_here: self.here.starts_with(room.href),
        });
        let role = self.visitor.as_ref().and_then(|visitor| visitor.roles.first());
        let role = role.and_then(|role| domain::identity::Role::ALL.iter().find(|known| known.as_str() == role));
        Page {
            t,
            language: self.language,
            theme: self.theme,
            title: title.into(),
            rooms: rooms.collect(),
            role: role.map_or("", |role| role.label(self.language)),
            signed_in: self.visitor.is_some(),
            here: page_of_ours(Some(&self.here)),
            assets: assets::folder(),
            refused: None,
        }
    }

    /// The page, or another one that says why there is none.
    pub(crate) fn answer(&self, made: Result<Response<Body>, Refused>) -> Response<Body> {
        match made {
            Ok(response) => response,
            Err(refused) if refused.asks_to_sign_in() => self.to_sign_in(),
            Err(refused) => self.refusal(refused),
        }
    }

    /// Says what was refused.
    pub(crate) fn refusal(&self, refused: Refused) -> Response<Body> {
        let (t, status) = (self.t(), refused.status);
        let title = match status {
            StatusCode::NOT_FOUND => t.not_found,
            StatusCode::FORBIDDEN => t.not_allowed,
            _ if status.is_server_error() => t.failed,
            _ => t.refused,
        };
        let trace_id = status.is_server_error().then(|| self.caller.log.trace_parent().trace_id().to_string());
        html(status, &Refusal { page: self.page(title), refused, trace_id })
    }

    /// Leads to the sign-in page, and from there back.
    pub(crate) fn to_sign_in(&self) -> Response<Body> {
        let back = page_of_ours(Some(&self.here));
        self.go(&link("/console/sign-in", &[("to", Some(&back).filter(|back| *back != PREFIX).map(String::as_str))]))
    }

    /// Leads to another page.
    pub(crate) fn go(&self, to: &str) -> Response<Body> {
        let (status, name) =
            if self.in_place { (StatusCode::OK, HX_REDIRECT) } else { (StatusCode::SEE_OTHER, LOCATION) };
        redirect(status, name, to)
    }
}

/// Leads on after something was done; htmx follows by itself and shows the page in place.
pub(crate) fn on(to: &str) -> Response<Body> {
    redirect(StatusCode::SEE_OTHER, LOCATION, to)
}

fn redirect(status: StatusCode, name: HeaderName, to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    // Addresses of ours are ASCII.
    response.headers_mut().insert(name, HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static(PREFIX)));
    response
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct Refusal {
    page: Page,
    refused: Refused,
    trace_id: Option<String>,
}

/// A template as an answer.
pub(crate) fn html(status: StatusCode, template: &impl Template) -> Response<Body> {
    let (status, text) = match template.render() {
        Ok(text) => (status, text),
        Err(error) => {
            tracing::error!(%error, "a page of the console cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, String::new())
        }
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HTML);
    response
}

/// Lets everybody in, and says how he wants his page.
pub(crate) async fn anybody(request: Request<Body>, next: Next) -> Response<Body> {
    let (caller, mut request) = caller(request).await;
    let visit = Visit::of(caller, request.method(), request.headers(), request.uri());
    request.extensions_mut().insert(Arc::new(visit));
    next.run(request).await
}

/// Lets in who is signed in; the others sign in first and come back. Tokens that end are renewed on the way.
pub(crate) async fn signed_in(
    State(console): State<Arc<Console>>,
    request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let (caller, mut request) = caller(request).await;
    let mut visit = Visit::of(caller, request.method(), request.headers(), request.uri());
    let session = match Session::of(&console, &visit.caller).await {
        Ok(Some(session)) => session,
        Ok(None) => return visit.to_sign_in(),
        Err(refused) => return visit.refusal(refused),
    };
    visit.caller.token = Some(session.token);
    visit.visitor = Some(Arc::new(session.visitor));
    request.extensions_mut().insert(Arc::new(visit));
    let mut response = next.run(request).await;
    for cookie in session.cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Somebody with these scopes who looks at a page of tickets.
    pub(crate) async fn visit(scope: &str) -> Visit {
        let request = Request::get("/console/tickets").body(Body::empty()).unwrap();
        let (caller, request) = caller(request).await;
        let visitor = Visitor::permitted(scope);
        let visit = Visit::of(caller, request.method(), request.headers(), request.uri());
        Visit { visitor: Some(Arc::new(visitor)), ..visit }
    }

    #[tokio::test]
    async fn only_rooms_that_may_be_entered_are_offered() {
        let page = visit("support.ticket:read analyst.events:read").await.page("x");
        let rooms: Vec<&str> = page.rooms.iter().map(|room| room.href).collect();
        assert_eq!(rooms, ["/console/tickets", "/console/events"]);
        assert!(page.rooms[0].is_here && !page.rooms[1].is_here);
    }

    #[tokio::test]
    async fn after_a_form_people_come_back_to_its_page() {
        let request = Request::post("/console/tickets/1/reply?x=1").body(Body::empty()).unwrap();
        let (caller, request) = caller(request).await;
        let visit = Visit::of(caller, request.method(), request.headers(), request.uri());
        assert_eq!(visit.here, "/console/tickets/1");
        let answer = visit.answer(Err(Refused { status: StatusCode::UNAUTHORIZED, ..Refused::not_found() }));
        assert_eq!(answer.headers()[LOCATION], "/console/sign-in?to=%2Fconsole%2Ftickets%2F1");
    }
}
