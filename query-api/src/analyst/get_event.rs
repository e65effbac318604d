//! One event by its id.

use super::outgoing::Outgoing;
use super::sight::{Sight, horizon};
use crate::as_of::read_problem;
use crate::parameters::Parameters;
use crate::reading::Services;
use crate::routes::Asking;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response};
use event_store::analysis::Filter;
use kernel::{EventId, Position};
use platform::Problem;
use platform::headers::POSITION;
use std::sync::Arc;
use std::time::Duration;

pub(super) const NAME: &str = "analyst.get_event";

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let sight = Sight::of(&services, &asking.headers, &mut parameters, NAME, &asking.log).await?;
    let min_position = parameters.min_position()?;
    parameters.finish(&["tenant", "min_position"])?;
    let horizon = horizon(&services, min_position).await?;
    asking.log.position(horizon.shown);
    let filter = Filter { tenant_id: sight.tenant_id, event_id: Some(EventId(asking.id()?)), ..Filter::default() };
    let found = services.finder().find(&filter, Position::ZERO, horizon.shown, 1, Duration::from_secs(10)).await;
    let event = found.map_err(|error| read_problem(&error))?.events.pop().ok_or_else(Problem::not_found)?;
    let outgoing = Outgoing::new(&horizon.head, sight.sees_personal);
    let body = outgoing.opening(&services, std::slice::from_ref(&event)).await?.event(event)?;
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+json"));
    response.headers_mut().insert(POSITION, HeaderValue::from(horizon.shown.0));
    Ok(response)
}
