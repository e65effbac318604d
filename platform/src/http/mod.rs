//! The HTTP/1.1 server of every process: its own accept loop, so that slow, silent and too many callers are
//! cut off, and so that a stop drops no request that is being worked on.

mod body;
mod browser;
pub(crate) mod budget;
mod client_address;
mod exchange;
mod pace;

#[cfg(test)]
mod caller_tests;
#[cfg(test)]
mod tests;

pub use body::{Payload, read_body, read_body_of};
pub use browser::origin;
pub use budget::Rates;
pub use client_address::{ClientAddress, Network};

use crate::request_log::{LogRequests, RequestRecorder};
use axum::Router;
use axum::http::{HeaderValue, Method, Request};
use budget::Budgets;
use exchange::Exchanges;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pace::{Pace, PacedStream};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Where longer bodies are taken, for longer: files that are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uploads {
    /// How their paths begin.
    pub prefix: &'static str,
    /// Longest body.
    pub body_bytes: usize,
    /// From the end of the headers to the start of the answer.
    pub timeout: Duration,
}

/// What one server gives to callers before it stops listening to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte of a request, or from connecting, to the end of its headers.
    pub header_timeout: Duration,
    /// Silence between two requests on one connection.
    pub keep_alive: Duration,
    /// From the first look at a body to its end.
    pub body_timeout: Duration,
    /// A caller that does not take the answer.
    pub write_timeout: Duration,
    /// From the end of the headers to the start of the answer.
    pub request_timeout: Duration,
    /// From the order to stop until what still runs is cut off.
    pub drain_timeout: Duration,
    /// Longest body.
    pub body_bytes: usize,
    /// Longest request line with headers.
    pub header_bytes: usize,
    /// Open connections; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Requests being worked on; further ones are answered 503 at once.
    pub in_flight: usize,
    /// What else holds for uploads, where there are any; the first that fits.
    pub uploads: [Option<Uploads>; 2],
}

impl Limits {
    /// Those that hold for a request.
    fn of<B>(&self, request: &Request<B>) -> Self {
        let hands_over = matches!(*request.method(), Method::PUT | Method::POST);
        let is_here = |uploads: &&Uploads| hands_over && request.uri().path().starts_with(uploads.prefix);
        match self.uploads.iter().flatten().find(is_here) {
            Some(&Uploads { body_bytes, timeout, .. }) => {
                Self { body_bytes, body_timeout: timeout, request_timeout: timeout, ..*self }
            }
            None => *self,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_mins(1),
            body_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            body_bytes: 256 * 1024,
            header_bytes: 16 * 1024,
            connections: 10_000,
            in_flight: 1024,
            uploads: [None; 2],
        }
    }
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What callers may take.
    pub limits: Limits,
    /// Which requests get a line in the log.
    pub log_requests: LogRequests,
    /// From when on a request counts as slow.
    pub slow: Duration,
    /// How many proxies of ours every request passes. Too high, and callers choose their address themselves.
    pub proxies: u8,
    /// How much one caller may ask for; nothing is limited by default.
    pub rates: Rates,
    /// Pages of which other origins may call, exactly as browsers name them; none by default.
    pub origins: Arc<[HeaderValue]>,
    /// Whether TLS ends in front of the server, so that browsers are to come by https only.
    pub https_only: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            log_requests: LogRequests::default(),
            slow: Duration::from_millis(500),
            proxies: 0,
            rates: Rates::default(),
            origins: Arc::new([]),
            https_only: false,
        }
    }
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that ended by themselves after the order to stop.
    pub finished: usize,
    /// Connections that were cut off when the time was over.
    pub cut_off: usize,
}

/// Serves `router` until `shutdown`, then lets what runs come to its end.
///
/// Every answer that is not a success leaves as a problem with the trace id, whatever the handler, the router
/// or an extractor had answered. A panic in a handler is a 500 and harms nobody else.
pub async fn serve(listener: TcpListener, router: Router, settings: Settings, shutdown: CancellationToken) -> Drained {
    let limits = settings.limits;
    let exchanges = Arc::new(Exchanges {
        router: exchange::with_routes_recorded(router),
        limits,
        recorder: RequestRecorder::new(settings.log_requests, settings.slow),
        in_flight: AtomicUsize::new(0),
        proxies: settings.proxies,
        budgets: Budgets::new(settings.rates).map(Arc::new),
        cors: browser::cors(&settings.origins),
        https_only: settings.https_only,
    });
    let slots = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    while let Some((stream, peer, slot)) = next(&listener, &slots, &shutdown).await {
        connections.spawn(converse(stream, peer, Arc::clone(&exchanges), shutdown.clone(), slot));
        while connections.try_join_next().is_some() {}
    }
    // From here on the kernel refuses new connections.
    drop(listener);
    drain(connections, limits.drain_timeout).await
}

/// The next connection, or `None` when it is time to stop.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let accept = async {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer.ip(), slot)),
                Err(error) if caller_is_gone(&error) => {}
                Err(error) => {
                    // Out of file descriptors, most likely: they come back when connections end.
                    tracing::error!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = shutdown.cancelled() => None,
        accepted = accept => accepted,
    }
}

fn caller_is_gone(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One connection, from its first byte to its last.
async fn converse(
    stream: TcpStream,
    peer: IpAddr,
    exchanges: Arc<Exchanges>,
    shutdown: CancellationToken,
    slot: OwnedSemaphorePermit,
) {
    let _slot = slot;
    let _ = stream.set_nodelay(true);
    let pace = Arc::new(Pace::default());
    let limits = exchanges.limits;
    let stream = PacedStream::new(stream, Arc::clone(&pace), &limits);
    let service = service_fn(move |request| {
        let exchanges = Arc::clone(&exchanges);
        let pace = Arc::clone(&pace);
        async move { exchanges.answer(request, peer, &pace).await }
    });
    let connection = http1::Builder::new()
        // The paced stream does this better: hyper's timeout would also end a quiet keep-alive connection
        // after five seconds, and costs an allocation and a timer per request.
        .header_read_timeout(None)
        .max_buf_size(limits.header_bytes.max(8192))
        .max_header_size(limits.header_bytes)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn drain(mut connections: JoinSet<()>, timeout: Duration) -> Drained {
    let mut finished = 0;
    let wait = async {
        while connections.join_next().await.is_some() {
            finished += 1;
        }
    };
    let in_time = tokio::time::timeout(timeout, wait).await.is_ok();
    let cut_off = if in_time { 0 } else { connections.len() };
    connections.shutdown().await;
    Drained { finished, cut_off }
}
