//! Request bodies: bounded in length and in time, whoever reads them.

use super::Limits;
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use bytes::{Buf, Bytes};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// The whole request body, as an extractor: take it last, after the caller is known.
#[derive(Clone, Debug)]
pub struct Payload(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Payload {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read_body(request.into_body()).await.map(Self)
    }
}

/// Reads a body to its end.
///
/// # Errors
/// 413 `body_too_large`, 408 `body_too_slow`, 400 `body_incomplete`.
pub async fn read_body(body: Body) -> Result<Bytes, Problem> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(unreadable(&error)),
    }
}

/// The same where a route takes less than the server does.
///
/// # Errors
/// 413 `body_too_large` as soon as more than `at_most` bytes have come or are announced; else as [`read_body`].
pub async fn read_body_of(body: Body, at_most: usize) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > u64::try_from(at_most).unwrap_or(u64::MAX) {
        return Err(too_large(at_most));
    }
    match Limited::new(body, at_most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(at_most)),
        Err(error) => Err(unreadable(&*error)),
    }
}

/// Why a body ended early.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Cut {
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    #[error("the body did not arrive within {} s", .0.as_secs())]
    TooSlow(Duration),
}

fn unreadable(error: &(dyn Error + 'static)) -> Problem {
    let mut source = Some(error);
    while let Some(error) = source {
        match error.downcast_ref::<Cut>() {
            Some(Cut::TooLarge(limit)) => return too_large(*limit),
            Some(cut @ Cut::TooSlow(_)) => {
                return Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body took too long")
                    .detail(cut.to_string())
                    .remedy("Send the request again over a better connection.");
            }
            None => source = error.source(),
        }
    }
    Problem::new(StatusCode::BAD_REQUEST, "body_incomplete", "The body did not arrive whole")
        .remedy("Send the request again.")
}

/// 413 for a body that is, or says it is, longer than this.
pub(super) fn too_large(limit: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large")
        .detail(Cut::TooLarge(limit).to_string())
        .remedy("Send less at once; large files have an upload of their own.")
        .extra("limit_bytes", limit)
}

/// A body that ends with an error when it is too long or too slow. Time runs from the first wait.
pub(super) struct BoundedBody {
    incoming: Incoming,
    limit: usize,
    left: usize,
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl BoundedBody {
    pub(super) fn new(incoming: Incoming, limits: &Limits) -> Self {
        let (limit, timeout) = (limits.body_bytes, limits.body_timeout);
        Self { incoming, limit, left: limit, timeout, timer: None }
    }
}

impl HttpBody for BoundedBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Buf::remaining);
                match self.left.checked_sub(length) {
                    Some(left) => {
                        self.left = left;
                        Poll::Ready(Some(Ok(frame)))
                    }
                    None => Poll::Ready(Some(Err(Cut::TooLarge(self.limit).into()))),
                }
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let timeout = self.timeout;
                let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
                match timer.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(Cut::TooSlow(timeout).into()))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
