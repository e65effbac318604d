//! A story: all events that followed from one request, each under what caused it.

use super::events::CloudEvent;
use super::{Id, Who};
use crate::Console;
use crate::api::Refused;
use crate::page::{Page, html};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

/// Beyond this depth steps are no longer indented further.
const DEEPEST: usize = 9;

#[derive(Deserialize)]
struct Step {
    depth: usize,
    event: CloudEvent,
}

impl Step {
    fn indent(&self) -> usize {
        self.depth.min(DEEPEST)
    }
}

#[derive(Deserialize)]
struct Told {
    items: Vec<Step>,
}

#[derive(askama::Template)]
#[template(path = "story.html")]
struct Story {
    page: Page,
    id: Uuid,
    steps: Vec<Step>,
}

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new().route("/console/events/stories/{correlation_id}", get(page))
}

async fn page(State(console): State<Arc<Console>>, Extension(visit): Who, Id(id): Id) -> Response<Body> {
    let shown = async {
        let id = id.ok_or_else(Refused::not_found)?;
        let told: Told = console.queries.get(&visit.caller, &format!("/v1/correlations/{id}")).await?.value;
        Ok(html(StatusCode::OK, &Story { page: visit.page(visit.t().story), id, steps: told.items }))
    };
    visit.answer(shown.await)
}
