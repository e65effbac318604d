//! Events that fit a filter: a page of JSON, or all of them as lines of NDJSON.

use super::asked::{Asked, FILTERS};
use super::outgoing::{EventDocument, Outgoing};
use super::seats::Seat;
use super::sight::{Sight, horizon};
use crate::as_of::read_problem;
use crate::parameters::{Parameters, invalid};
use crate::reading::Services;
use crate::routes::Asking;
use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE, LINK, VARY};
use axum::http::{HeaderValue, Response};
use event_store::analysis::Filter;
use futures_util::stream;
use kernel::Position;
use platform::Problem;
use platform::headers::POSITION;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

pub(super) const NAME: &str = "analyst.list_events";
pub(super) const NDJSON: &str = "application/x-ndjson";
/// Events per page at most, and unless told otherwise.
const LIMIT: usize = 100;
/// Events per chunk of an endless answer.
const CHUNK: usize = 500;
/// How long one page may search.
const PATIENCE: Duration = Duration::from_secs(2);

/// A page of events.
#[derive(Serialize, ToSchema)]
pub(super) struct EventPage {
    /// The events, in the order of the log.
    items: Vec<EventDocument>,
    /// Send it as `cursor` for what follows. A page may be short, even empty, and still have one: the search was long.
    next_cursor: Option<String>,
    /// Where the search has got to: send it as `cursor` later for what has been added since.
    cursor: String,
    /// The position up to which the log was searched at most.
    as_of_position: i64,
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let sight = Sight::of(&services, &asking.headers, &mut parameters, NAME, &asking.log).await?;
    let min_position = parameters.min_position()?;
    let limit = parameters.take_as::<usize>("limit", "a number from 1 to 100")?;
    if limit.is_some_and(|limit| !(1..=LIMIT).contains(&limit)) {
        return Err(invalid("limit").detail("expected a number from 1 to 100"));
    }
    let asked = Asked::of(&mut parameters, &sight)?;
    parameters.finish(&[FILTERS, &["limit", "cursor", "min_position"]].concat())?;
    let horizon = horizon(&services, min_position).await?;
    asking.log.position(horizon.shown);
    let (after, up_to) = (asked.after(&services, &horizon).await?, asked.up_to(&services, &horizon).await?);
    let outgoing = Outgoing::new(&horizon.head, sight.sees_personal);
    let mut response = if wants_lines(&asking) {
        let seat = services.seats().take(sight.identity.actor.id)?;
        lines(services, asked.filter, outgoing, seat, after, up_to, limit)
    } else {
        page(&services, &asked.filter, &outgoing, &asking, after, up_to, limit.unwrap_or(LIMIT)).await?
    };
    let headers = response.headers_mut();
    headers.insert(POSITION, HeaderValue::from(horizon.shown.0));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

fn wants_lines(asking: &Asking) -> bool {
    let accepts = asking.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepts.split(',').any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(NDJSON))
}

async fn page(
    services: &Services,
    filter: &Filter,
    outgoing: &Outgoing,
    asking: &Asking,
    after: Position,
    up_to: Position,
    limit: usize,
) -> Result<Response<Body>, Problem> {
    let found = services.finder().find(filter, after, up_to, limit, PATIENCE).await;
    let found = found.map_err(|error| read_problem(&error))?;
    let outgoing = outgoing.opening(services, &found.events).await?;
    let (cursor, more) = (outgoing.cursor(found.reached), found.reached < up_to);
    let mut body = br#"{"items":["#.to_vec();
    for (nth, event) in found.events.into_iter().enumerate() {
        if nth > 0 {
            body.push(b',');
        }
        body.extend(outgoing.event(event)?);
    }
    let next = if more { format!("\"{cursor}\"") } else { "null".to_owned() };
    body.extend(format!(r#"],"next_cursor":{next},"cursor":"{cursor}","as_of_position":{up_to}}}"#).into_bytes());
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(link) = more.then(|| crate::list::next_link(&asking.uri, &cursor)).flatten() {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// What is left to be sent.
struct Rest {
    services: Arc<Services>,
    filter: Filter,
    outgoing: Outgoing,
    _seat: Seat,
    reached: Position,
    up_to: Position,
    left: usize,
}

/// The next events are looked for when the caller has taken the ones before: nothing piles up. The answer ends properly
/// only if it is complete; whoever is cut off goes on after the cursor of his last line.
fn lines(
    services: Arc<Services>,
    filter: Filter,
    outgoing: Outgoing,
    seat: Seat,
    after: Position,
    up_to: Position,
    limit: Option<usize>,
) -> Response<Body> {
    let rest =
        Rest { services, filter, outgoing, _seat: seat, reached: after, up_to, left: limit.unwrap_or(usize::MAX) };
    let chunks = stream::try_unfold(rest, |mut rest| async move {
        if rest.left == 0 || rest.reached >= rest.up_to {
            return Ok::<_, std::io::Error>(None);
        }
        match rest.chunk().await {
            Ok(chunk) => Ok(Some((chunk, rest))),
            Err(problem) => {
                tracing::warn!(code = problem.code(), cause = problem.cause(), "an answer in lines was cut off");
                Err(std::io::Error::other(problem.code().to_owned()))
            }
        }
    });
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(NDJSON));
    response
}

impl Rest {
    async fn chunk(&mut self) -> Result<Bytes, Problem> {
        let limit = CHUNK.min(self.left);
        let found = self.services.finder().find(&self.filter, self.reached, self.up_to, limit, PATIENCE).await;
        let found = found.map_err(|error| read_problem(&error))?;
        self.reached = found.reached;
        self.left -= found.events.len();
        let outgoing = self.outgoing.opening(&self.services, &found.events).await?;
        let mut chunk = Vec::with_capacity(found.events.len() * 1_024);
        for event in found.events {
            chunk.extend(outgoing.line(event)?);
        }
        Ok(chunk.into())
    }
}
