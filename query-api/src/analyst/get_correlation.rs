//! One story: all events of a correlation, as the tree of what caused what.

use super::outgoing::{EventDocument, Outgoing};
use super::sight::{Sight, horizon};
use crate::as_of::read_problem;
use crate::parameters::Parameters;
use crate::reading::Services;
use crate::routes::Asking;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use event_store::analysis::{Filter, causes};
use kernel::{CorrelationId, Position};
use platform::Problem;
use platform::headers::POSITION;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

pub(super) const NAME: &str = "analyst.get_correlation";
/// Events that one answer may hold.
const MOST: usize = 5_000;

/// A story, told cause by cause.
#[derive(Serialize, ToSchema)]
pub(super) struct Story {
    /// The events: each follows what caused it, one level deeper.
    items: Vec<StoryEvent>,
    /// The position up to which the log was searched.
    as_of_position: i64,
}

/// An event in its story.
#[derive(Serialize, ToSchema)]
pub(super) struct StoryEvent {
    /// 0 for what no event of this story caused; 1 for what such an event caused, and so on.
    depth: usize,
    /// The event.
    event: EventDocument,
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let sight = Sight::of(&services, &asking.headers, &mut parameters, NAME, &asking.log).await?;
    let min_position = parameters.min_position()?;
    parameters.finish(&["tenant", "min_position"])?;
    let horizon = horizon(&services, min_position).await?;
    asking.log.position(horizon.shown);
    let correlation_id = Some(CorrelationId(asking.id()?));
    let filter = Filter { tenant_id: sight.tenant_id, correlation_id, ..Filter::default() };
    let patience = Duration::from_secs(10);
    let found = services.finder().find(&filter, Position::ZERO, horizon.shown, MOST + 1, patience).await;
    let events = found.map_err(|error| read_problem(&error))?.events;
    if events.is_empty() {
        return Err(Problem::not_found());
    }
    if events.len() > MOST {
        return Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "story_too_large",
            "The story is too long for one answer",
        )
        .remedy("Page through it: GET /v1/events?correlation_id=…"));
    }
    let outgoing = Outgoing::new(&horizon.head, sight.sees_personal).opening(&services, &events).await?;
    let mut body = br#"{"items":["#.to_vec();
    for (nth, (depth, event)) in causes::in_order(events).into_iter().enumerate() {
        if nth > 0 {
            body.push(b',');
        }
        body.extend(format!(r#"{{"depth":{depth},"event":"#).into_bytes());
        body.extend(outgoing.event(event)?);
        body.push(b'}');
    }
    body.extend(format!(r#"],"as_of_position":{}}}"#, horizon.shown).into_bytes());
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(POSITION, HeaderValue::from(horizon.shown.0));
    Ok(response)
}
