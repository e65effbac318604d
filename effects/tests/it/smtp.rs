//! A real mail server, started by the tests, in a process that ends with them.

use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/requirements.txt");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/smtp_server.py");

/// The folder with the server's packages; they are fetched once per checkout.
fn packages() -> &'static Path {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
        let folder = target.join("smtp-server-1");
        if !folder.join("aiosmtpd").exists() {
            // Beside it and then renamed: another test program may be fetching, too.
            let fresh = target.join(format!("smtp-server-{}", std::process::id()));
            let pip = Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"])
                .args([
                    "--no-deps",
                    "--require-hashes",
                    "--only-binary=:all:",
                    "--requirement",
                    REQUIREMENTS,
                    "--target",
                ])
                .arg(&fresh)
                .output()
                .expect("python3 with pip is there: the tests send to a real mail server");
            assert!(pip.status.success(), "{}", String::from_utf8_lossy(&pip.stderr));
            if std::fs::rename(&fresh, &folder).is_err() {
                assert!(folder.join("aiosmtpd").exists(), "nobody has put the packages into {}", folder.display());
                std::fs::remove_dir_all(&fresh).expect("a folder of ours can be removed");
            }
        }
        folder
    })
}

/// A running mail server.
pub(crate) struct MailServer {
    child: Option<Child>,
    spool: PathBuf,
    arguments: Vec<String>,
    pub(crate) port: u16,
}

/// A mail that the server has taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) envelope: Value,
    /// Header fields, unfolded, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl MailServer {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(arguments: &[&str]) -> Self {
        let mut server = Self {
            child: None,
            spool: test_support::scratch("mail-spool"),
            arguments: arguments.iter().map(|one| (*one).to_owned()).collect(),
            port: 0,
        };
        server.begin();
        server
    }

    /// Starts it, on the port that it had.
    pub(crate) fn begin(&mut self) {
        let mut child = Command::new("python3")
            .arg(SCRIPT)
            .arg("--spool")
            .arg(&self.spool)
            .args(["--port", &self.port.to_string()])
            .args(&self.arguments)
            .env("PYTHONPATH", packages())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        let told = child.stdout.take().expect("a pipe");
        BufReader::new(told).read_line(&mut line).expect("the server says its port");
        self.port = line.trim().parse().unwrap_or_else(|_| panic!("the mail server did not start: {line:?}"));
        self.child = Some(child);
    }

    /// Ends it at once.
    pub(crate) fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Every mail that it has taken so far.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let files = std::fs::read_dir(&self.spool).expect("the spool can be read");
        let paths = files.map(|file| file.expect("an entry").path());
        let whole = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        whole.map(|path| read(&path)).collect()
    }

    pub(crate) fn taken_for(&self, address: &str) -> Vec<Taken> {
        self.taken().into_iter().filter(|mail| mail.envelope["to"][0] == address).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.end();
        let _ = std::fs::remove_dir_all(&self.spool);
    }
}

impl Taken {
    /// A header field as it came.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

fn read(path: &Path) -> Taken {
    let envelope: Value = serde_json::from_slice(&std::fs::read(path).expect("a mail can be read")).expect("JSON");
    let bytes = decode_base64(envelope["bytes"].as_str().unwrap_or_default());
    let text = String::from_utf8(bytes).expect("what arrives is ASCII");
    let (head, _) = text.split_once("\r\n\r\n").expect("a mail has a head and a body");
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let field = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header field: {line:?}"));
        (name.to_owned(), value.trim().to_owned())
    };
    Taken { headers: unfolded.split("\r\n").map(field).collect(), envelope, text }
}

/// What Python makes of a mail: a judge that shares no code with whoever wrote it.
pub(crate) fn judged(mail: &Taken) -> Value {
    const JUDGE: &str = "
import email, email.policy, json, sys
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
body = lambda kind: mail.get_body((kind,)).get_content()
print(json.dumps({
    'subject': mail['subject'], 'name': mail['to'].addresses[0].display_name, 'to': [a.addr_spec for a in mail['to'].addresses],
    'from': [a.addr_spec for a in mail['from'].addresses], 'plain': body('plain'), 'html': body('html'),
    'date': str(mail['date'].datetime), 'defects': [str(d) for d in mail.defects],
    'headers': mail.keys(), 'kind': mail.get_content_type(),
}))";
    use std::io::Write as _;
    let mut child = Command::new("python3")
        .args(["-c", JUDGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    child.stdin.take().expect("a pipe").write_all(mail.text.as_bytes()).expect("the judge listens");
    let said = child.wait_with_output().expect("the judge ends");
    serde_json::from_slice(&said.stdout).expect("the judge says JSON")
}

fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = ALPHABET.iter().position(|known| *known == letter).expect("base64");
        held = (held << 6) | u32::try_from(value).expect("below 64");
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xff).expect("a byte"));
        }
    }
    bytes
}
