//! History itself, for analysts: events by what they are known by, one of them in full, and those that come.

use super::{Id, Who, asked};
use crate::Console;
use crate::api::Refused;
use crate::form::link;
use crate::live;
use crate::page::{Page, Visit, html};
use crate::show::Choice;
use askama::Template as _;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::routing::get;
use axum::{Extension, Router};
use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

const LIST: &str = "/v1/events";
const HERE: &str = "/console/events";
/// Events on a page.
const LIMIT: &str = "50";
/// What nobody has narrowed down begins so many events before the end.
const LATELY: i64 = 50;

/// What is asked for, as it stands in the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    category: String,
    #[serde(rename = "type")]
    event_type: String,
    stream_id: String,
    actor_id: String,
    correlation_id: String,
    from_position: String,
    cursor: String,
    live: String,
}

impl Asked {
    fn filters(&self) -> Vec<(&'static str, Option<&str>)> {
        let all = [
            ("category", self.category.trim()),
            ("type", self.event_type.trim()),
            ("stream_id", self.stream_id.trim()),
            ("actor_id", self.actor_id.trim()),
            ("correlation_id", self.correlation_id.trim()),
        ];
        all.into_iter().map(|(name, value)| (name, Some(value))).collect()
    }

    /// Whether nothing is narrowed down.
    fn is_wide(&self) -> bool {
        self.filters().iter().all(|(_, value)| value.is_none_or(str::is_empty))
            && self.cursor.is_empty()
            && self.from_position.is_empty()
    }

    fn with(&self, more: &[(&'static str, Option<&str>)]) -> String {
        link(HERE, &[&self.filters(), more].concat())
    }
}

/// An event, as the API shows it.
#[derive(Deserialize)]
pub(crate) struct CloudEvent {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    subject: String,
    time: DateTime<Utc>,
    pub(crate) position: i64,
    epoch: i32,
    streamversion: i32,
    pub(crate) recordedat: DateTime<Utc>,
    pub(crate) actorkind: String,
    actorid: String,
    commandid: String,
    correlationid: String,
    causationid: Option<String>,
    number: Option<i64>,
    data: Value,
}

#[derive(Deserialize)]
struct Found {
    items: Vec<CloudEvent>,
    next_cursor: Option<String>,
    as_of_position: i64,
}

#[derive(askama::Template)]
#[template(path = "events.html")]
struct EventList {
    page: Page,
    asked: Asked,
    categories: Vec<Choice>,
    events: Vec<CloudEvent>,
    next: String,
    follows: bool,
    /// Where those come from that come.
    live: String,
    /// The page with following turned on or off.
    turned: String,
}

#[derive(askama::Template)]
#[template(path = "event.html")]
struct OneEvent {
    page: Page,
    event: CloudEvent,
    payload: String,
}

#[derive(askama::Template)]
#[template(path = "event_row_alone.html")]
struct EventRow<'a> {
    page: &'a Page,
    event: CloudEvent,
}

/// What an event can be about.
fn categories() -> Vec<Choice> {
    let named = |name: &str| Choice { value: name.to_owned(), label: name.to_owned() };
    domain::catalogue::categories().iter().map(|category| named(category.name)).collect()
}

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route(HERE, get(page))
        .route("/console/events/live", get(follow))
        .route("/console/events/{event_id}", get(one))
}

async fn page(State(console): State<Arc<Console>>, Extension(visit): Who, uri: Uri) -> Response<Body> {
    visit.answer(show(&console, &visit, asked(&uri)).await)
}

async fn show(console: &Console, visit: &Visit, asked: Asked) -> Result<Response<Body>, Refused> {
    let follows = !asked.live.is_empty();
    let mut question = asked.filters();
    let (cursor, limit) = (asked.cursor.as_str(), Some(LIMIT));
    let mut from = asked.from_position.trim().to_owned();
    let is_late = asked.is_wide() || follows;
    if is_late {
        // Where the end is, is asked first: what there is lately is what people look for.
        let last: Found = console.queries.get(&visit.caller, "/v1/events?limit=1").await?.value;
        from = (last.as_of_position - LATELY + 1).max(1).to_string();
    }
    question.extend([("from_position", Some(from.as_str())), ("cursor", Some(cursor)), ("limit", limit)]);
    let mut found: Found = console.queries.get(&visit.caller, &link(LIST, &question)).await?.value;
    if is_late {
        found.items.reverse();
    }
    let next = found.next_cursor.filter(|_| !is_late);
    // Those after what is shown, so that none falls between.
    let after = (found.as_of_position + 1).to_string();
    let live =
        link("/console/events/live", &[&asked.filters(), &[("from_position", Some(after.as_str()))][..]].concat());
    let template = EventList {
        page: visit.page(visit.t().events),
        categories: categories(),
        events: found.items,
        next: next.map(|cursor| asked.with(&[("cursor", Some(&cursor))])).unwrap_or_default(),
        live: if follows { live } else { String::new() },
        turned: asked.with(&[("live", if follows { None } else { Some("1") })]),
        follows,
        asked,
    };
    Ok(html(StatusCode::OK, &template))
}

async fn one(State(console): State<Arc<Console>>, Extension(visit): Who, Id(id): Id) -> Response<Body> {
    let shown = async {
        let id = id.ok_or_else(Refused::not_found)?;
        let event: CloudEvent = console.queries.get(&visit.caller, &format!("{LIST}/{id}")).await?.value;
        let payload = serde_json::to_string_pretty(&event.data).unwrap_or_default();
        Ok(html(StatusCode::OK, &OneEvent { page: visit.page(event.event_type.as_str()), event, payload }))
    };
    visit.answer(shown.await)
}

/// The API's own stream of events, each as a row of the table. Ids stay, so who comes back misses nothing.
async fn follow(
    State(console): State<Arc<Console>>,
    Extension(visit): Who,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    let asked: Asked = asked(&uri);
    let from = asked.from_position.as_str();
    let path = link("/v1/events/stream", &[&asked.filters(), &[("from_position", Some(from))][..]].concat());
    let told = console.queries.follow(&visit.caller, &path, headers.get("last-event-id")).await;
    visit.answer(told.map(|body| {
        let page = visit.page("");
        let frames = Frames { chunks: body.into_data_stream().boxed(), waiting: Vec::new(), page };
        live::events(Body::from_stream(stream::unfold(frames, |mut frames| async move {
            let chunk = frames.next().await?;
            Some((Ok::<_, std::convert::Infallible>(chunk), frames))
        })))
    }))
}

/// Server-Sent Events as they come in, cut into whole ones.
struct Frames {
    chunks: stream::BoxStream<'static, Result<Bytes, axum::Error>>,
    waiting: Vec<u8>,
    page: Page,
}

impl Frames {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(end) = self.waiting.windows(2).position(|two| two == b"\n\n") {
                let frame: Vec<u8> = self.waiting.drain(..end + 2).collect();
                return Some(self.shown(&String::from_utf8_lossy(&frame)).into());
            }
            self.waiting.extend(self.chunks.next().await?.ok()?);
        }
    }

    /// A frame with its event as a row; one without an event as it is.
    fn shown(&self, frame: &str) -> String {
        let data = frame.lines().find_map(|line| line.strip_prefix("data: "));
        let is_plain = !frame.lines().any(|line| line.starts_with("event:"));
        let event = data.filter(|_| is_plain).and_then(|data| serde_json::from_str::<CloudEvent>(data).ok());
        let Some(event) = event else { return frame.to_owned() };
        let id = frame.lines().find(|line| line.starts_with("id:")).unwrap_or("id:");
        let row = EventRow { page: &self.page, event }.render().unwrap_or_default();
        // A line feed would end the field.
        format!("{id}\nevent: row\ndata: {}\n\n", row.replace(['\n', '\r'], " ").trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_what_the_address_says() {
        let uri: Uri = "/console/events?category=support.ticket&type=+opened&x=1".parse().unwrap();
        let asked: Asked = super::asked(&uri);
        assert!(!asked.is_wide() && Asked::default().is_wide());
        assert_eq!(asked.with(&[("live", Some("1"))]), "/console/events?category=support.ticket&type=opened&live=1");
    }
}
