//! Whatever is written into an address: nothing behind our walls is ever connected to.

use super::client::{Call, Came, Client};
use platform::outbound::{Forbidden, Guard, Looking, Lookup};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Addresses that lead inside, however they are written; `{p}` is the port of a canary.
const FORMS: &[&str] = &[
    // This machine, in every notation of an IPv4 address.
    "http://127.0.0.1:{p}/",
    "http://127.1:{p}/",
    "http://127.0.1:{p}/",
    "http://127.0.0.1.:{p}/",
    "http://127.000.000.001:{p}/",
    "http://127.0.0.2:{p}/",
    "http://127.255.255.254:{p}/",
    "http://2130706433:{p}/",
    "http://2130706434:{p}/",
    "http://0x7f000001:{p}/",
    "http://0x7F000001:{p}/",
    "http://0x7f.0.0.1:{p}/",
    "http://0x7f.1:{p}/",
    "http://0x7f.0x0.0x0.0x1:{p}/",
    "http://0177.0.0.1:{p}/",
    "http://0177.1:{p}/",
    "http://017700000001:{p}/",
    "http://0177.0x0.0.1:{p}/",
    "http://0.0.0.0:{p}/",
    "http://0:{p}/",
    "http://0x0:{p}/",
    "http://00000:{p}/",
    "HTTP://127.0.0.1:{p}/",
    " http://127.0.0.1:{p}/ ",
    // Digits and dots that only look like them.
    "http://１２７.0.0.1:{p}/",
    "http://127。0。0。1:{p}/",
    "http://127．0．0．1:{p}/",
    "http://127｡0｡0｡1:{p}/",
    "http://①②⑦.⓪.⓪.①:{p}/",
    "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏:{p}/",
    "http://%31%32%37.0.0.1:{p}/",
    "http://127.0.0%2e1:{p}/",
    "http://0%78%37f.1:{p}/",
    // IPv6, and IPv4 within it.
    "http://[::1]:{p}/",
    "http://[0:0:0:0:0:0:0:1]:{p}/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{p}/",
    "http://[::]:{p}/",
    "http://[::0.0.0.1]:{p}/",
    "http://[::ffff:127.0.0.1]:{p}/",
    "http://[::FFFF:127.0.0.1]:{p}/",
    "http://[::ffff:7f00:1]:{p}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{p}/",
    "http://[::127.0.0.1]:{p}/",
    "http://[::ffff:0:127.0.0.1]:{p}/",
    "http://[64:ff9b::127.0.0.1]:{p}/",
    "http://[64:ff9b::7f00:1]:{p}/",
    "http://[64:ff9b:1::7f00:1]:{p}/",
    "http://[2002:7f00:1::]:{p}/",
    "http://[2002:7f00:0001::1]:{p}/",
    "http://[2001:0:7f00:1::]:{p}/",
    "http://[2001:10::1]:{p}/",
    "http://[2001:db8::1]:{p}/",
    "http://[100::1]:{p}/",
    "http://[fe80::1]:{p}/",
    "http://[fe80::1%25lo]:{p}/",
    "http://[::1%25lo]:{p}/",
    "http://[fc00::1]:{p}/",
    "http://[fd00:ec2::254]:{p}/",
    "http://[fec0::1]:{p}/",
    "http://[ff02::1]:{p}/",
    // Names of this machine.
    "http://localhost:{p}/",
    "http://LOCALHOST:{p}/",
    "http://localhost.:{p}/",
    "http://a.localhost:{p}/",
    "http://localhost.localdomain:{p}/",
    "http://ip6-localhost:{p}/",
    "http://loc\talhost:{p}/",
    "http://local\nhost:{p}/",
    "http://%6c%6f%63%61%6c%68%6f%73%74:{p}/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{p}/",
    "http://ｌｏｃａｌｈｏｓｔ:{p}/",
    "http://lo\u{ad}calhost:{p}/",
    // What clouds tell about themselves.
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://metadata/",
    "http://metadata.google.internal/",
    // Other networks of one's own.
    "http://10.0.0.1:{p}/",
    "http://172.16.0.1:{p}/",
    "http://192.168.0.1:{p}/",
    "http://100.64.0.1:{p}/",
    "http://198.18.0.1:{p}/",
    "http://224.0.0.1:{p}/",
    "http://240.0.0.1:{p}/",
    "http://255.255.255.255:{p}/",
    "http://192.0.2.1:{p}/",
    "http://203.0.113.1:{p}/",
    // What reads like another host.
    "http://hooks.test@127.0.0.1:{p}/",
    "http://hooks.test:80@127.0.0.1:{p}/",
    "http://user:pass@127.0.0.1:{p}/",
    "http://@127.0.0.1:{p}/",
    "http://:@127.0.0.1:{p}/",
    "http://hooks.test%40127.0.0.1:{p}/",
    "http://hooks.test\\@127.0.0.1:{p}/",
    "http://127.0.0.1:{p}\\@hooks.test/",
    "http://hooks.test#@127.0.0.1:{p}/",
    "http://hooks.test?@127.0.0.1:{p}/",
    "http:\\\\127.0.0.1:{p}/",
    "http:/127.0.0.1:{p}/",
    "http:127.0.0.1:{p}/",
    "http:///127.0.0.1:{p}/",
    "http://///127.0.0.1:{p}/",
    "//127.0.0.1:{p}/",
    "127.0.0.1:{p}",
    // Other ways to speak.
    "https://127.0.0.1:{p}/",
    "https://[::1]:{p}/",
    "ws://127.0.0.1:{p}/",
    "ftp://127.0.0.1:{p}/",
    "gopher://127.0.0.1:{p}/_POST",
    "dict://127.0.0.1:{p}/",
    "ldap://127.0.0.1:{p}/",
    "file:///etc/passwd",
    "jar:http://127.0.0.1:{p}!/",
    "data:text/plain,hello",
    "javascript:fetch('http://127.0.0.1:{p}')",
    "unix:/var/run/docker.sock",
    // Names of which a name server says that they are inside.
    "http://four.test:{p}/",
    "http://six.test:{p}/",
    "http://mapped.test:{p}/",
    "http://nat64.test:{p}/",
    "http://mixed.test:{p}/",
    "http://mixed-the-other-way.test:{p}/",
    "http://metadata.test/",
    "http://unspecified.test:{p}/",
    "http://127.0.0.1.nip.test:{p}/",
    "https://four.test:{p}/",
    "http://FOUR.test.:{p}/",
    "http://nothing.test:{p}/",
];

/// A name server with an interest in what is inside.
struct Hostile;

impl Lookup for Hostile {
    fn addresses<'a>(&'a self, host: &'a str) -> Looking<'a> {
        let of: &[&str] = match host.trim_end_matches('.').to_ascii_lowercase().as_str() {
            "six.test" => &["::1"],
            "mapped.test" => &["::ffff:127.0.0.1"],
            "nat64.test" => &["64:ff9b::7f00:1"],
            "mixed.test" => &["93.184.216.34", "127.0.0.1"],
            "mixed-the-other-way.test" => &["127.0.0.1", "93.184.216.34"],
            "metadata.test" => &["169.254.169.254"],
            "unspecified.test" => &["0.0.0.0"],
            "nothing.test" | "hooks.test" => &[],
            _ => &["127.0.0.1"],
        };
        let found = of.iter().map(|text| text.parse().unwrap()).collect();
        Box::pin(async move { Ok(found) })
    }
}

/// Listens where nobody is to call, and counts who does. Answers as a web server does.
struct Canary {
    port: u16,
    calls: Arc<AtomicUsize>,
}

impl Canary {
    async fn new() -> Self {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let calls = Arc::new(AtomicUsize::new(0));
        listen(first, &calls);
        for place in ["127.0.0.2", "127.255.255.254", "::1"] {
            let place = SocketAddr::new(place.parse().unwrap(), port);
            match TcpListener::bind(place).await {
                Ok(listener) => listen(listener, &calls),
                // There are machines without IPv6, and with one address of their own alone.
                Err(error) if matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported) => {}
                Err(error) => panic!("{place}: {error}"),
            }
        }
        Self { port, calls }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn listen(listener: TcpListener, calls: &Arc<AtomicUsize>) {
    let calls = Arc::clone(calls);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            calls.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut read = [0; 4096];
                let _ = stream.read(&mut read).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
            });
        }
    });
}

async fn call(client: &Client, url: &str) -> Came {
    client.call(Call { url, id: "id", timestamp: 1, signature: "v1,x", body: b"{}".to_vec() }).await
}

/// HTTP and the canary's port are permitted: nothing but the address stands between.
fn guard(port: u16, allowed: &[&str]) -> Guard {
    let guard = Guard::allowing(allowed.iter().copied(), true).unwrap();
    guard.on_ports(&[443, 80, port]).finding(Arc::new(Hostile))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_inside_is_ever_connected_to_however_its_address_is_written() {
    platform::telemetry::install_crypto();
    assert!(FORMS.len() >= 80, "{}", FORMS.len());
    let canary = Canary::new().await;
    let client = Client::new(guard(canary.port, &[]), &[]).unwrap();
    for form in FORMS {
        let url = form.replace("{p}", &canary.port.to_string());
        let came = call(&client, &url).await;
        assert!(matches!(came, Came::Forbidden(_) | Came::Nothing("name")), "{form}: {came:?}");
        assert_eq!(canary.calls(), 0, "{form} was connected to");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_guard_the_canary_is_called() {
    platform::telemetry::install_crypto();
    let canary = Canary::new().await;
    let everything = guard(canary.port, &["0.0.0.0/0", "::/0", "localhost", "a.localhost", "localhost.localdomain"]);
    let client = Client::new(everything, &[]).unwrap();
    let mut noticed = 0;
    for form in
        FORMS.iter().filter(|form| form.starts_with("http://") && form.contains("127") || form.contains("localhost"))
    {
        let before = canary.calls();
        let url = form.replace("{p}", &canary.port.to_string());
        // Some lead nowhere on this machine, and take their time.
        let _ = tokio::time::timeout(Duration::from_millis(300), call(&client, &url)).await;
        noticed += usize::from(canary.calls() > before);
    }
    assert!(noticed >= 20, "the canary heard {noticed} calls: it proves nothing");
}

/// Answers another address each time.
struct Flips(AtomicUsize);

impl Lookup for Flips {
    fn addresses<'a>(&'a self, _: &'a str) -> Looking<'a> {
        let nth = self.0.fetch_add(1, Ordering::SeqCst);
        let found: IpAddr = if nth.is_multiple_of(2) { "127.0.0.1" } else { "127.0.0.2" }.parse().unwrap();
        Box::pin(async move { Ok(vec![found]) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_changes_its_address_is_connected_to_where_it_was_looked_at() {
    platform::telemetry::install_crypto();
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = receiver.local_addr().unwrap().port();
    let Ok(inside) = TcpListener::bind(("127.0.0.2", port)).await else { return };
    let (taken, canary) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    listen(receiver, &taken);
    listen(inside, &canary);
    let guard = Guard::allowing(["127.0.0.1"], true).unwrap().on_ports(&[port]).finding(Arc::new(Flips(0.into())));
    let client = Client::new(guard, &[]).unwrap();
    for nth in 0..10 {
        let came = call(&client, &format!("http://flips.test:{port}/")).await;
        let is_forbidden = matches!(came, Came::Forbidden(Forbidden::Address { .. }));
        assert_eq!(is_forbidden, nth % 2 == 1, "{nth}: {came:?}");
    }
    assert_eq!((taken.load(Ordering::SeqCst), canary.load(Ordering::SeqCst)), (5, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_is_followed_and_no_long_answer_read() {
    platform::telemetry::install_crypto();
    let canary = Canary::new().await;
    let receiver = TcpListener::bind("127.0.0.3:0").await;
    let Ok(receiver) = receiver else { return };
    let (port, canarys) = (receiver.local_addr().unwrap().port(), canary.port);
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = receiver.accept().await {
            let mut read = [0; 4096];
            let read = stream.read(&mut read).await.map(|length| read[..length].to_vec()).unwrap_or_default();
            if read.starts_with(b"POST /redirect") {
                let answer = format!(
                    "HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:{canarys}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                continue;
            }
            let much = vec![b'x'; 65_536];
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await;
            while stream.write_all(&much).await.is_ok() {
                counted.fetch_add(65_536, Ordering::SeqCst);
            }
        }
    });
    let guard = guard(port, &["127.0.0.3"]);
    let client = Client::new(guard, &[]).unwrap();
    let redirected = call(&client, &format!("http://127.0.0.3:{port}/redirect")).await;
    assert!(matches!(redirected, Came::Answer { status, .. } if status.as_u16() == 307), "{redirected:?}");
    let endless = call(&client, &format!("http://127.0.0.3:{port}/endless")).await;
    assert!(matches!(endless, Came::Answer { status, .. } if status.is_success()), "{endless:?}");
    assert_eq!(canary.calls(), 0);
    // What the buffers of both ends hold, and no more.
    assert!(sent.load(Ordering::SeqCst) < 50_000_000, "{}", sent.load(Ordering::SeqCst));
}
