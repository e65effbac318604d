//! A connection with a sense of time: callers that send or take bytes too slowly are cut off.
//!
//! One timer per connection, set again only when it fires or must fire earlier: a request that keeps pace
//! costs two looks at the clock and no work on the timer.

use super::Limits;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

const HEAD: u8 = 0;
const EXCHANGE: u8 = 1;
const IDLE: u8 = 2;

/// What a connection is doing, shared by the stream and the one who answers. Both run in the same task.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU8);

impl Pace {
    /// The headers are complete; from here on the exchange watches the time itself.
    pub(super) fn exchange_begins(&self) {
        self.0.store(EXCHANGE, Ordering::Relaxed);
    }

    /// The answer is on its way; the next request may come whenever it likes.
    pub(super) fn exchange_ends(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }

    fn phase(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct PacedStream {
    stream: TcpStream,
    pace: Arc<Pace>,
    header_timeout: Duration,
    keep_alive: Duration,
    write_timeout: Duration,
    /// Until when the caller must have sent something, while he is to send.
    read_by: Option<Instant>,
    /// Until when the caller must have taken something, while he is to take.
    write_by: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl PacedStream {
    pub(super) fn new(stream: TcpStream, pace: Arc<Pace>, limits: &Limits) -> Self {
        let first_by = Instant::now() + limits.header_timeout;
        Self {
            stream,
            pace,
            header_timeout: limits.header_timeout,
            keep_alive: limits.keep_alive,
            write_timeout: limits.write_timeout,
            read_by: Some(first_by),
            write_by: None,
            timer: Box::pin(tokio::time::sleep_until(first_by)),
        }
    }

    fn has_read(&mut self) {
        if self.pace.phase() == IDLE {
            self.pace.0.store(HEAD, Ordering::Relaxed);
            self.read_by = Some(Instant::now() + self.header_timeout);
        }
    }

    fn waits_for_bytes(&mut self, cx: &mut Context<'_>) -> Result<()> {
        match self.pace.phase() {
            EXCHANGE => self.read_by = None,
            IDLE if self.read_by.is_none() => self.read_by = Some(Instant::now() + self.keep_alive),
            _ => {}
        }
        self.in_time(cx)
    }

    fn has_written(&mut self) {
        self.write_by = None;
        if self.pace.phase() == IDLE {
            self.read_by = None;
        }
    }

    fn waits_for_room(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let timeout = self.write_timeout;
        self.write_by.get_or_insert_with(|| Instant::now() + timeout);
        self.in_time(cx)
    }

    /// An error when the earlier of the two deadlines is over; else the timer will wake the task then.
    fn in_time(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let Some(deadline) = [self.read_by, self.write_by].into_iter().flatten().min() else { return Ok(()) };
        if self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.timer.deadline() >= deadline {
                return Err(Error::new(ErrorKind::TimedOut, "the caller is too slow"));
            }
            self.timer.as_mut().reset(deadline);
        }
        Ok(())
    }

    fn written<T>(&mut self, cx: &mut Context<'_>, polled: Poll<Result<T>>) -> Poll<Result<T>> {
        match polled {
            Poll::Pending => match self.waits_for_room(cx) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            Poll::Ready(done) => {
                self.has_written();
                Poll::Ready(done)
            }
        }
    }
}

impl AsyncRead for PacedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Pending => match self.waits_for_bytes(cx) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            Poll::Ready(done) => {
                self.has_read();
                Poll::Ready(done)
            }
        }
    }
}

impl AsyncWrite for PacedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
