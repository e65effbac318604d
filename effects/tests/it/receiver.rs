//! Somebody who is called: keeps what comes, and answers as he is told.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::serve::Listener;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Taken {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What is answered to the nth call of a path, from 0.
pub(crate) type Answering = fn(path: &str, nth: usize) -> (u16, Option<&'static str>, Duration);

pub(crate) fn ok(_: &str, _: usize) -> (u16, Option<&'static str>, Duration) {
    (200, None, Duration::ZERO)
}

/// Speaks TLS with whoever calls.
struct Secured {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Secured {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            // Who does not believe the certificate hangs up.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A web server on this machine.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
    /// The most calls that were being answered at the same time, by those paths that take their time.
    pub(crate) most_at_once: Arc<AtomicUsize>,
}

impl Receiver {
    pub(crate) async fn answering(answering: Answering) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answering)
    }

    /// One that shows this certificate.
    pub(crate) async fn over_tls(config: ServerConfig, answering: Answering) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(Secured { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }, answering)
    }

    fn on(listener: impl Listener<Addr = SocketAddr>, answering: Answering) -> Self {
        let port = listener.local_addr().unwrap().port();
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let (most_at_once, now) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (keeps, most) = (Arc::clone(&taken), Arc::clone(&most_at_once));
        let router = axum::Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let (keeps, most, now) = (Arc::clone(&keeps), Arc::clone(&most), Arc::clone(&now));
            async move {
                let path = uri.path().to_owned();
                let nth = {
                    let mut taken = keeps.lock().unwrap();
                    let nth = taken.iter().filter(|one| one.path == path).count();
                    let text = |(name, value): (&HeaderName, &HeaderValue)| {
                        (name.to_string(), value.to_str().unwrap_or_default().to_owned())
                    };
                    let headers = headers.iter().map(text).collect();
                    let body = String::from_utf8(body.to_vec()).unwrap();
                    taken.push(Taken { path: path.clone(), headers, body });
                    nth
                };
                let (status, after, pause) = answering(&path, nth);
                if !pause.is_zero() {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(pause).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                }
                let mut response = StatusCode::from_u16(status).unwrap().into_response();
                if let Some(after) = after {
                    let name = if status == 302 { "location" } else { "retry-after" };
                    response.headers_mut().insert(name, HeaderValue::from_static(after));
                }
                response
            }
        });
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, taken, most_at_once }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn taken(&self, path: &str) -> Vec<Taken> {
        self.taken.lock().unwrap().iter().filter(|one| one.path == path).cloned().collect()
    }
}

/// Checks signatures as the specification says, with nothing of ours: the standard library of another language.
const JUDGE: &str = r#"
import base64, hashlib, hmac, json, sys, time
for call, secret in json.load(sys.stdin):
    h = call["headers"]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f'{h["webhook-id"]}.{h["webhook-timestamp"]}.{call["body"]}'.encode()
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(h["webhook-timestamp"])) < 300
    print(int(fresh and any(hmac.compare_digest(one, expected) for one in h["webhook-signature"].split(" "))))
"#;

/// Whether each call was signed with its secret, as another program finds.
pub(crate) fn judged(calls: &[(&Taken, &str)]) -> Vec<bool> {
    let given: Vec<Value> = calls
        .iter()
        .map(|(call, secret)| serde_json::json!([{ "headers": call.headers, "body": call.body }, secret]))
        .collect();
    let mut judge = Command::new("python3")
        .args(["-c", JUDGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let mut input = judge.stdin.take().unwrap();
    input.write_all(serde_json::to_string(&given).unwrap().as_bytes()).unwrap();
    drop(input);
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line == "1").collect()
}
