//! Calls addresses that others have given us. Connects to addresses that the guard has looked at and to no other.

use platform::outbound::{Forbidden, Guard, Unreachable};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How long a call may take, from the first packet to the last.
const PATIENCE: Duration = Duration::from_secs(15);
/// How much of it may go by until there is a connection.
const CONNECT: Duration = Duration::from_secs(8);
/// How long a connection is kept that nobody uses, and how many to one address.
const IDLE: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 2;
/// How much of an answer is read before the connection is dropped. Nothing of it is kept.
const MOST_ANSWER: usize = 4 * 1024;
/// The longest pause that the other side may ask for.
const MOST_PAUSE: Duration = Duration::from_hours(12);
const USER_AGENT: &str = concat!("Sillage-Webhooks/", env!("CARGO_PKG_VERSION"));
const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";

/// One call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) url: &'a str,
    pub(super) id: &'a str,
    pub(super) timestamp: i64,
    /// One signature for each secret, with blanks between.
    pub(super) signature: &'a str,
    pub(super) body: Vec<u8>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// The other side answered; whether as it should is told by the status.
    Answer {
        status: StatusCode,
        /// After which pause it wants to be called again.
        after: Option<Duration>,
    },
    /// It must not be called.
    Forbidden(Forbidden),
    /// There was no answer: a stable code.
    Nothing(&'static str),
}

/// Calls others.
#[derive(Clone, Debug)]
pub struct Client {
    guard: Guard,
    http: reqwest::Client,
}

/// Resolves names through the guard; the addresses that it answers are those that are connected to.
struct Guarded(Guard);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            // The port has been looked at with the URL; 0 stands for the URL's own.
            let found = guard.resolve_any_port(name.as_str()).await?;
            Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

impl Client {
    /// Calls where `guard` permits it; `trusted` (PEM) are also believed, besides the authorities that the system knows.
    ///
    /// # Errors
    /// A certificate cannot be read, or the system has no usable TLS.
    pub fn new(guard: Guard, trusted: &[&[u8]]) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .dns_resolver(Arc::new(Guarded(guard.clone())))
            // No proxy of the environment, no redirect: either would choose another address.
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .http1_only()
            .timeout(PATIENCE)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .user_agent(USER_AGENT);
        for pem in trusted {
            builder = builder.add_root_certificate(reqwest::Certificate::from_pem(pem)?);
        }
        Ok(Self { guard, http: builder.build()? })
    }

    pub(super) async fn call(&self, call: Call<'_>) -> Came {
        let url = match self.guard.read(call.url) {
            Ok(url) => url,
            Err(forbidden) => return Came::Forbidden(forbidden),
        };
        if let Some(host) = url.domain()
            && !self.guard.is_usual_port(&url)
        {
            // A port that only some addresses may be called at: which ones the name has is asked with it.
            match self.guard.resolve(host, url.port_or_known_default().unwrap_or_default()).await {
                Ok(_) => {}
                Err(Unreachable::Forbidden(forbidden)) => return Came::Forbidden(forbidden),
                Err(Unreachable::Unknown(_)) => return Came::Nothing("name"),
            }
        }
        let sending = self
            .http
            .post(url)
            .header(CONTENT_TYPE, MEDIA_TYPE)
            .header("webhook-id", call.id)
            .header("webhook-timestamp", call.timestamp)
            .header("webhook-signature", call.signature)
            .body(call.body);
        match sending.send().await {
            Ok(response) => {
                let status = response.status();
                let after = retry_after(status, response.headers(), SystemTime::now());
                drain(response).await;
                Came::Answer { status, after }
            }
            Err(error) => failure(&error),
        }
    }
}

/// Reads a little of the answer, so that the connection can be used again; a long one costs the connection.
async fn drain(mut response: Response) {
    let mut read = 0;
    while read <= MOST_ANSWER {
        match response.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) | Err(_) => return,
        }
    }
}

/// `Retry-After`, in seconds or as a date. Clocks differ: a date counts from what the other side says that it is there (`Date`),
/// and from our `now` where it says nothing.
fn retry_after(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let asks = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let date = |text| httpdate::parse_http_date(text).ok();
    let wanted = text(RETRY_AFTER).filter(|_| asks)?;
    let pause = if let Ok(seconds) = wanted.parse() {
        Duration::from_secs(seconds)
    } else {
        // A date that is over asks for no pause.
        date(wanted)?.duration_since(text(DATE).and_then(date).unwrap_or(now)).unwrap_or_default()
    };
    Some(pause.min(MOST_PAUSE))
}

/// Why there was no answer, as a stable code.
fn failure(error: &reqwest::Error) -> Came {
    let mut cause = error.source();
    let mut is_tls = false;
    while let Some(source) = cause {
        match source.downcast_ref::<Unreachable>() {
            Some(Unreachable::Forbidden(forbidden)) => return Came::Forbidden(forbidden.clone()),
            Some(Unreachable::Unknown(_)) => return Came::Nothing("name"),
            None => {}
        }
        is_tls |= source.to_string().contains("certificate") || source.to_string().contains("TLS");
        cause = source.source();
    }
    Came::Nothing(match () {
        () if error.is_timeout() => "timeout",
        () if is_tls => "tls",
        () if error.is_connect() => "connect",
        () => "cut_off",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    /// Sunday, 6 November 1994, 08:49:37, as the standard has it.
    const MOMENT: u64 = 784_111_777;

    fn asked(status: u16, after: &'static str, date: Option<&'static str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
        headers.extend(date.map(|date| (DATE, HeaderValue::from_static(date))));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(MOMENT - 30);
        retry_after(StatusCode::from_u16(status).unwrap(), &headers, now)
    }

    #[test]
    fn a_pause_is_asked_for_in_seconds_or_by_a_date_and_is_never_endless() {
        for (after, pause) in [
            ("2", Some(2)),
            (" 120 ", Some(120)),
            ("0", Some(0)),
            ("999999999999", Some(43_200)),
            // In each of the three ways in which dates are written.
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(30)),
            ("Sun Nov  6 08:49:37 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(43_200)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("tomorrow", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
        ] {
            for status in [429, 503] {
                assert_eq!(asked(status, after, None), pause.map(Duration::from_secs), "{after:?}");
            }
            assert_eq!(asked(500, after, None), None, "only who is busy asks for a pause");
        }
    }

    #[test]
    fn a_date_counts_by_the_clock_of_whoever_gave_it() {
        let after = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (date, pause) in
            [("Sun, 06 Nov 1994 08:49:27 GMT", 10), ("Sun, 06 Nov 1994 08:50:27 GMT", 0), ("whenever", 30)]
        {
            assert_eq!(asked(503, after, Some(date)), Some(Duration::from_secs(pause)), "{date}");
        }
    }
}
