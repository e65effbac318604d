//! Pages that follow something: Server-Sent Events that say that it changed, never what it is now.
//!
//! What it is now the page asks for as it asked at first, with its own token. What changed is found the same way: the API is
//! asked again with the visitor's token, so that nothing is told to whom it would not have been shown. There is no queue
//! and no subscription; who comes back names what his page shows, and hears at once if that is old.

use crate::Console;
use crate::api::Refused;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use futures_util::stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// Proxies are asked not to wait for more.
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
/// After so long without a change something is sent all the same.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Looks at something: a text that differs when it has changed.
pub(crate) type Look = Box<dyn Fn() -> BoxFuture<'static, Result<String, Refused>> + Send + Sync>;

struct Following {
    look: Look,
    every: Duration,
    seen: String,
    closing: CancellationToken,
    until: Instant,
    greeted: bool,
    over: bool,
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        if !self.greeted {
            self.greeted = true;
            return Some(Bytes::from_static(b"retry: 2000\n: here\n\n"));
        }
        let quiet_until = Instant::now() + HEARTBEAT;
        loop {
            self.closing.run_until_cancelled(tokio::time::sleep(self.every)).await?;
            let now = Instant::now();
            if now >= self.until {
                // The token ends; whoever comes back brings the next one.
                return None;
            }
            match (self.look)().await {
                Ok(shown) if shown != self.seen => {
                    self.seen = shown;
                    return Some(Bytes::from_static(b"event: changed\ndata: changed\n\n"));
                }
                // It may be away for a moment.
                Ok(_) => {}
                Err(refused) if refused.status.is_server_error() || refused.status == StatusCode::TOO_MANY_REQUESTS => {
                }
                Err(_) => {
                    // Gone, or not his any more: the page that asks again is told why.
                    self.over = true;
                    return Some(Bytes::from_static(b"event: changed\ndata: gone\n\n"));
                }
            }
            if now >= quiet_until {
                return Some(Bytes::from_static(b": still here\n\n"));
            }
        }
    }
}

/// Says whenever `look` finds something else than `seen`, until the token ends.
pub(crate) fn changes(
    console: &Console,
    seen: String,
    expires_at: DateTime<Utc>,
    every: Duration,
    look: Look,
) -> Response<Body> {
    let lasts = (expires_at - Utc::now()).to_std().unwrap_or_default();
    let (closing, until) = (console.closing.clone(), Instant::now() + lasts);
    let following = Following { look, every, seen, closing, until, greeted: false, over: false };
    let chunks = stream::unfold(following, |mut following| async move {
        let chunk = following.next().await?;
        Some((Ok::<_, Infallible>(chunk), following))
    });
    events(Body::from_stream(chunks))
}

/// An answer of Server-Sent Events.
pub(crate) fn events(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, EVENT_STREAM);
    response.headers_mut().insert(NO_BUFFERING.0, NO_BUFFERING.1);
    response
}

/// A look that asks an API, and makes a text of the answer.
pub(crate) fn asking<T: serde::de::DeserializeOwned + Send + 'static>(
    console: &Arc<Console>,
    caller: &crate::api::Caller,
    path: String,
    text: fn(&T) -> String,
) -> Look {
    let (console, caller) = (Arc::clone(console), caller.clone());
    Box::new(move || {
        let (console, caller, path) = (Arc::clone(&console), caller.clone(), path.clone());
        Box::pin(async move { Ok(text(&console.queries.get::<T>(&caller, &path).await?.value)) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn following(look: Look, lasts: Duration) -> Following {
        let (every, until) = (Duration::from_millis(10), Instant::now() + lasts);
        let closing = CancellationToken::new();
        Following { look, every, seen: "1".into(), closing, until, greeted: true, over: false }
    }

    #[tokio::test]
    async fn a_change_is_told_once_and_what_is_gone_ends_it() {
        let turn = Arc::new(AtomicUsize::new(0));
        let look: Look = Box::new(move || {
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                match turn {
                    0 => Ok("1".to_owned()),
                    1 => Err(Refused { status: StatusCode::SERVICE_UNAVAILABLE, ..Refused::not_found() }),
                    2 | 3 => Ok("2".to_owned()),
                    _ => Err(Refused::not_found()),
                }
            })
        });
        let mut following = following(look, Duration::from_secs(30));
        assert_eq!(following.next().await.unwrap(), "event: changed\ndata: changed\n\n");
        assert_eq!(following.next().await.unwrap(), "event: changed\ndata: gone\n\n");
        assert_eq!(following.next().await, None);
    }

    #[tokio::test]
    async fn it_ends_with_the_token() {
        let look: Look = Box::new(|| Box::pin(async { Ok("1".to_owned()) }));
        assert_eq!(following(look, Duration::from_millis(25)).next().await, None);
    }
}
