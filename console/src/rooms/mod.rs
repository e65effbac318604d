//! The rooms of the console, a file each, and which of them a visitor is offered.

mod desk;
mod door;
mod events;
mod history;
mod notifications;
mod opening;
mod projections;
mod stories;
mod ticket;
mod tickets;

use crate::page::{self, Visit};
use crate::texts::Texts;
use crate::{Console, PREFIX};
use axum::body::Body;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use std::convert::Infallible;
use std::sync::Arc;
use uuid::Uuid;

/// A room: who may enter is for the APIs; this is who is shown the door.
pub(crate) struct Entry {
    pub(crate) href: &'static str,
    pub(crate) label: fn(&'static Texts) -> &'static str,
    pub(crate) key: &'static str,
    pub(crate) scope: &'static str,
}

/// All rooms, in the order of the menu.
pub(crate) const ROOMS: [Entry; 5] = [
    Entry { href: "/console/desk", label: |t| t.desk, key: "d", scope: "support.ticket:work" },
    Entry { href: "/console/tickets", label: |t| t.tickets, key: "t", scope: "support.ticket:read" },
    Entry { href: "/console/events", label: |t| t.events, key: "e", scope: "analyst.events:read" },
    Entry { href: "/console/projections", label: |t| t.projections, key: "p", scope: "operations.projection:read" },
    Entry { href: "/console/notifications", label: |t| t.notifications, key: "n", scope: "notifications.feed:read" },
];

/// Who looks.
pub(crate) type Who = Extension<Arc<Visit>>;

/// The id in a path; `None` where it names nothing that exists.
pub(crate) struct Id(pub(crate) Option<Uuid>);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let path = Path::<Vec<String>>::from_request_parts(parts, state).await;
        Ok(Self(path.ok().and_then(|Path(parts)| parts.first().and_then(|text| text.parse().ok()))))
    }
}

/// What stands behind the question mark; unreadable is nothing.
pub(crate) fn asked<T: serde::de::DeserializeOwned + Default>(uri: &Uri) -> T {
    serde_urlencoded::from_str(uri.query().unwrap_or_default()).unwrap_or_default()
}

/// All pages.
pub(crate) fn router(console: &Arc<Console>) -> Router {
    let inside = Router::new()
        .route(PREFIX, get(start))
        .route("/console/", get(start))
        .merge(desk::router())
        .merge(tickets::router())
        .merge(opening::router())
        .merge(ticket::router())
        .merge(history::router())
        .merge(notifications::router())
        .merge(projections::router())
        .merge(events::router())
        .merge(stories::router())
        .layer(middleware::from_fn_with_state(Arc::clone(console), page::signed_in));
    let outside = Router::new()
        .route("/console/sign-in", get(door::page).post(door::enter))
        .route("/console/sign-out", post(door::leave))
        .route("/console/settings", post(door::settings))
        .layer(middleware::from_fn(page::anybody));
    inside.merge(outside).with_state(Arc::clone(console))
}

#[derive(askama::Template)]
#[template(path = "nothing.html")]
struct Nothing {
    page: page::Page,
}

/// The first room that a visitor may enter.
async fn start(Extension(visit): Who) -> Response<Body> {
    match ROOMS.iter().find(|room| visit.may(room.scope)) {
        Some(room) => visit.go(room.href),
        None => page::html(StatusCode::OK, &Nothing { page: visit.page(visit.t().no_room) }),
    }
}
