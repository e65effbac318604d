//! The log as it grows, pushed over Server-Sent Events.
//!
//! Nothing is queued for a caller: the next events are read when the ones before have been taken, from memory if he is
//! close behind and from Postgres if he is not. So a slow caller gets late what a quick one gets at once, and neither
//! misses any; one who takes nothing for half a minute is cut off and goes on after his `Last-Event-ID`.

use super::asked::{Asked, FILTERS};
use super::outgoing::Outgoing;
use super::seats::Seat;
use super::sight::{Horizon, Sight, horizon};
use crate::as_of::read_problem;
use crate::parameters::{Parameters, invalid};
use crate::reading::{Following, Services};
use crate::routes::Asking;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Response};
use chrono::Utc;
use event_store::analysis::{Cursor, Filter};
use event_store::{Head, ReadError, TailError};
use futures_util::stream;
use kernel::{EventData, Position, Recorded};
use platform::Problem;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

pub(super) const NAME: &str = "analyst.stream_events";
const LAST_EVENT_ID: &str = "last-event-id";
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// Proxies are asked not to wait for more.
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
/// After so long without an event something is sent all the same.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes back, in milliseconds.
const RETRY_MS: u32 = 2_000;
/// Events per chunk.
const CHUNK: usize = 256;
/// Who is further behind than this many events is served by the index rather than event by event.
const FAR: i64 = 4_096;
/// How long one search among old events may take before what was found is sent.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let sight = Sight::of(&services, &asking.headers, &mut parameters, NAME, &asking.log).await?;
    let mut asked = Asked::of(&mut parameters, &sight)?;
    parameters.finish(&[FILTERS, &["cursor"]].concat())?;
    if asked.has_end() {
        return Err(invalid("to_position")
            .detail("a live stream has no end")
            .remedy("Leave out to_position and recorded_to, or ask GET /v1/events."));
    }
    let mut foreign = false;
    if let Some(id) = asking.headers.get(LAST_EVENT_ID) {
        // What is not ours is not an error of the caller: his browser sends what it has.
        asked.cursor = id.to_str().ok().and_then(|text| text.parse().ok());
        foreign = asked.cursor.is_none();
    }
    let Some(following) = services.following() else {
        return Err(Problem::unavailable("This server does not follow the log", 30));
    };
    let seat = services.seats().take(sight.identity.actor.id)?;
    let horizon = horizon(&services, None).await?;
    foreign |= asked.cursor.is_some_and(|cursor| !is_good(cursor, &horizon));
    let after = if asked.has_beginning() && !foreign { asked.after(&services, &horizon).await? } else { horizon.shown };
    let lasts = (sight.identity.expires_at - Utc::now()).to_std().unwrap_or_default();
    let live = Live {
        following: following.clone(),
        services: Arc::clone(&services),
        filter: asked.filter,
        outgoing: Outgoing::new(&horizon.head, sight.sees_personal),
        _seat: seat,
        head: horizon.head,
        after,
        opening: Some(if foreign { Opening::Reset } else { Opening::Hello }),
        expires_at: Instant::now() + lasts,
        over: false,
    };
    let chunks = stream::unfold(live, |mut live| async move {
        let chunk = live.next().await?;
        Some((Ok::<_, Infallible>(chunk), live))
    });
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(CONTENT_TYPE, EVENT_STREAM);
    response.headers_mut().insert(NO_BUFFERING.0, NO_BUFFERING.1);
    Ok(response)
}

fn is_good(cursor: Cursor, horizon: &Horizon) -> bool {
    cursor.belongs_to(&horizon.head) && cursor.position <= horizon.head.position
}

enum Opening {
    Hello,
    Reset,
}

/// One caller who follows.
struct Live {
    services: Arc<Services>,
    following: Following,
    filter: Filter,
    outgoing: Outgoing,
    _seat: Seat,
    /// The log as it was when he came.
    head: Head,
    /// Everything up to here was sent, or did not fit.
    after: Position,
    opening: Option<Opening>,
    expires_at: Instant,
    over: bool,
}

impl Live {
    /// The next bytes; `None` at the end. Every end but a broken connection says why, and where to go on.
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        match self.opening.take() {
            Some(Opening::Hello) => return Some(format!("retry: {RETRY_MS}\n: from {}\n\n", self.after).into()),
            Some(Opening::Reset) => {
                return Some(self.reset(self.head, "the Last-Event-ID belongs to another history of the log"));
            }
            None => {}
        }
        let heartbeat = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(heartbeat);
        let mut now = self.following.head.clone();
        loop {
            let (closing, tail) = (self.following.closing.clone(), self.following.tail.clone());
            let (is_gone, after, epoch) = (tokio::time::sleep_until(self.expires_at), self.after, self.head.epoch);
            tokio::select! {
                biased;
                () = closing.cancelled() => return Some(self.end("shutting_down")),
                () = is_gone => return Some(self.end("token_expired")),
                Ok(now) = now.wait_for(|now| now.epoch != epoch || tail.head() < after) => {
                    return Some(self.reset(*now, "the log goes on with another history"));
                }
                read = self.read() => match read {
                    Ok(chunk) if chunk.is_empty() => {}
                    Ok(chunk) => return Some(chunk),
                    Err(problem) => {
                        tracing::warn!(code = problem.code(), cause = problem.cause(), "a stream of events ends");
                        return Some(self.end(problem.code()));
                    }
                },
                // The id moves the caller on where nothing fits for a long time.
                () = &mut heartbeat => return Some(format!(": heartbeat\nid: {}\n\n", self.id()).into()),
            }
        }
    }

    /// Waits for events, and writes those that fit; empty if none of them does.
    async fn read(&mut self) -> Result<Bytes, Problem> {
        let tail = &self.following.tail;
        let gap = tail.head().0 - self.after.0;
        let (events, reached) = if gap > FAR {
            let found = self.services.finder().find(&self.filter, self.after, tail.head(), CHUNK, PATIENCE).await;
            let found = found.map_err(|error| read_problem(&error))?;
            (found.events, found.reached)
        } else {
            let read = tail.next(self.after, CHUNK).await.map_err(|error| tail_problem(&error))?;
            let reached = read.last().map_or(self.after, |event| event.position);
            let fits = read.into_iter().filter(|event| self.filter.matches(event));
            (fits.map(|event| Recorded::<EventData>::clone(&event)).collect(), reached)
        };
        let outgoing = self.outgoing.opening(&self.services, &events).await?;
        let mut chunk = Vec::new();
        for event in events {
            if event.epoch > self.head.epoch {
                // Whatever the cause, its cursor would not belong to this stream.
                let now = Head { epoch: event.epoch, position: event.position, ..self.head };
                chunk.extend(self.reset(now, "the log goes on with another history"));
                break;
            }
            chunk.extend(format!("id: {}\ndata: ", outgoing.cursor(event.position)).into_bytes());
            self.after = event.position;
            chunk.extend(outgoing.event(event)?);
            chunk.extend(b"\n\n");
        }
        if !self.over {
            self.after = reached;
        }
        Ok(chunk.into())
    }

    fn id(&self) -> String {
        self.outgoing.cursor(self.after)
    }

    /// What the caller has may not be what the log tells now: he is to read again from where he trusts it.
    fn reset(&mut self, now: Head, why: &str) -> Bytes {
        self.over = true;
        let data = json!({
            "code": "log_diverged", "detail": why, "log_id": now.log_id, "epoch": now.epoch, "position": now.position,
            "cursor": Cursor::at(&now, now.position.min(self.after)).to_string(),
        });
        format!("event: reset\ndata: {data}\n\n").into()
    }

    fn end(&mut self, reason: &str) -> Bytes {
        self.over = true;
        format!("event: end\nid: {}\ndata: {}\n\n", self.id(), json!({ "reason": reason })).into()
    }
}

fn tail_problem(error: &TailError) -> Problem {
    match error {
        TailError::Read(error @ (ReadError::Archived(_) | ReadError::Damaged(_) | ReadError::Database(_))) => {
            read_problem(error)
        }
        TailError::Diverged(reason) => crate::reading::diverged(reason),
        TailError::Stopped => Problem::unavailable("The server stops", 2),
    }
}
