//! What operators may set, as flags and as environment variables, with what is wrong about it said up front.

use crate::auth::{KeySet, KeySetError, Verifier};
use crate::http::{Limits, Rates, Settings, origin};
use crate::request_log::LogRequests;
use crate::telemetry::LogFormat;
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Text that may hold a password: its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("‹redacted›")
    }
}

/// Where the log is kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Postgres")]
pub struct DatabaseArgs {
    /// Postgres to use, like `postgres://user:password@host/database`. Without it, a private server is started.
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<Secret>,
    /// Connections for commands, per process. Group commit needs few.
    #[arg(long, env = "SILLAGE_WRITE_CONNECTIONS", value_name = "N", default_value_t = 8)]
    pub write_connections: u32,
    /// Connections for queries, per process.
    #[arg(long, env = "SILLAGE_READ_CONNECTIONS", value_name = "N", default_value_t = 16)]
    pub read_connections: u32,
    /// Longest wait for a free connection, in milliseconds.
    #[arg(long, env = "SILLAGE_CONNECTION_WAIT_MS", value_name = "MS", default_value_t = 2000)]
    pub connection_wait_ms: u64,
}

impl DatabaseArgs {
    /// The longest wait for a free connection.
    pub fn connection_wait(&self) -> Duration {
        Duration::from_millis(self.connection_wait_ms)
    }

    /// What is wrong with these settings.
    pub fn check(&self) -> Vec<String> {
        let mut findings = Findings::default();
        let scheme_is_known = |url: &Secret| ["postgres://", "postgresql://"].iter().any(|s| url.0.starts_with(s));
        findings.unless(
            self.database_url.as_ref().is_none_or(scheme_is_known),
            "DATABASE_URL must start with postgres:// or postgresql://",
        );
        findings.within("SILLAGE_WRITE_CONNECTIONS", u64::from(self.write_connections), 1, 500);
        findings.within("SILLAGE_READ_CONNECTIONS", u64::from(self.read_connections), 1, 500);
        findings.within("SILLAGE_CONNECTION_WAIT_MS", self.connection_wait_ms, 1, 60_000);
        findings.0
    }
}

/// How committed events are fanned out.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "NATS")]
pub struct NatsArgs {
    /// NATS server with `JetStream`, like `nats://host:4222`. Without it, a private server is started.
    #[arg(long, env = "NATS_URL", value_name = "URL", hide_env_values = true)]
    pub nats_url: Option<Secret>,
}

impl NatsArgs {
    /// What is wrong with these settings.
    pub fn check(&self) -> Vec<String> {
        let mut findings = Findings::default();
        let scheme_is_known = |url: &Secret| {
            url.0.split(',').all(|url| ["nats://", "tls://", "ws://", "wss://"].iter().any(|s| url.starts_with(s)))
        };
        findings.unless(
            self.nats_url.as_ref().is_none_or(scheme_is_known),
            "NATS_URL must start with nats://, tls://, ws:// or wss:// (several with commas between)",
        );
        findings.0
    }
}

/// Where a process listens.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Listening")]
pub struct ListenArgs {
    /// Address for callers. TLS ends in front of it.
    #[arg(long, env = "SILLAGE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Address for operators: liveness, readiness, metrics. Not authenticated, so keep it private.
    #[arg(long, env = "SILLAGE_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    pub admin_listen: SocketAddr,
}

impl ListenArgs {
    /// What is wrong with these settings.
    pub fn check(&self) -> Vec<String> {
        let mut findings = Findings::default();
        findings.unless(
            self.listen != self.admin_listen || self.listen.port() == 0,
            "SILLAGE_LISTEN and SILLAGE_ADMIN_LISTEN must differ: metrics must not be public",
        );
        findings.0
    }
}

/// What opens personal data and secrets, and what all other keys follow from.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Root key")]
pub struct RootKeyArgs {
    /// The root key itself: 32 bytes in base64. A file is safer: others cannot see it in a list of processes.
    #[arg(
        long,
        env = "SILLAGE_ROOT_KEY",
        value_name = "BASE64",
        hide_env_values = true,
        conflicts_with = "root_key_file"
    )]
    pub root_key: Option<Secret>,
    /// File with the root key, 32 bytes in base64. Without it, `root.key` in the data folder.
    #[arg(long, env = "SILLAGE_ROOT_KEY_FILE", value_name = "FILE")]
    pub root_key_file: Option<PathBuf>,
    /// File with the root key before this one, until `sillage keys rotate --root` has ended.
    #[arg(long, env = "SILLAGE_PREVIOUS_ROOT_KEY_FILE", value_name = "FILE")]
    pub previous_root_key_file: Option<PathBuf>,
}

/// Whose tokens are accepted.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access tokens")]
pub struct AuthArgs {
    /// JWKS file with the Ed25519 keys that may sign tokens. Without it, a development key is made.
    #[arg(long, env = "SILLAGE_JWKS_FILE", value_name = "FILE")]
    pub jwks_file: Option<PathBuf>,
    /// The `iss` that a token must have, exactly.
    #[arg(long, env = "SILLAGE_TOKEN_ISSUER", value_name = "ISSUER", default_value = "sillage")]
    pub token_issuer: String,
    /// The `aud` that a token must have, exactly.
    #[arg(long, env = "SILLAGE_TOKEN_AUDIENCE", value_name = "AUDIENCE", default_value = "sillage")]
    pub token_audience: String,
}

impl AuthArgs {
    /// A verifier with the keys of the file, or `None` where no file is set.
    ///
    /// # Errors
    /// The file is not a usable key set.
    pub fn verifier(&self) -> Result<Option<Verifier>, KeySetError> {
        let keys = self.jwks_file.as_deref().map(KeySet::load).transpose()?;
        Ok(keys.map(|keys| Verifier::new(keys, &self.token_issuer, &self.token_audience)))
    }

    /// What is wrong with these settings, the file included.
    pub fn check(&self) -> Vec<String> {
        let mut findings = Findings::default();
        if let Err(error) = self.verifier() {
            let source = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
            findings.0.push(format!("SILLAGE_JWKS_FILE: {error}{source}"));
        }
        findings.unless(!self.token_issuer.is_empty(), "SILLAGE_TOKEN_ISSUER must not be empty");
        findings.unless(!self.token_audience.is_empty(), "SILLAGE_TOKEN_AUDIENCE must not be empty");
        findings.0
    }
}

/// How mails leave.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Mail")]
pub struct MailArgs {
    /// Mail server, like `smtp://user:password@mail.example.com:587?tls=required` (STARTTLS) or `smtps://…` (TLS).
    /// Without it, `sillage up` keeps mails in a development mailbox.
    #[arg(long, env = "SILLAGE_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub smtp_url: Option<Secret>,
    /// Certificate (PEM) that the mail server's must follow from, where that is no public authority's.
    #[arg(long, env = "SILLAGE_SMTP_CERTIFICATE_FILE", value_name = "FILE")]
    pub smtp_certificate_file: Option<PathBuf>,
    /// Who sends mails, like `Example <no-reply@example.com>`. Its domain is that of every `Message-ID`.
    #[arg(long, env = "SILLAGE_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// Who gets answers to mails.
    #[arg(long, env = "SILLAGE_MAIL_REPLY_TO", value_name = "ADDRESS")]
    pub mail_reply_to: Option<String>,
    /// Where the front end for people is: links in mails begin with it.
    #[arg(long, env = "SILLAGE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
}

impl MailArgs {
    /// What is wrong with these settings, as far as their form tells.
    pub fn check(&self) -> Vec<String> {
        let mut findings = Findings::default();
        let begins = |text: &str, schemes: &[&str]| schemes.iter().any(|scheme| text.starts_with(scheme));
        findings.unless(
            self.smtp_url.as_ref().is_none_or(|url| begins(&url.0, &["smtp://", "smtps://"])),
            "SILLAGE_SMTP_URL must start with smtp:// or smtps://",
        );
        findings.unless(
            self.smtp_url.is_none() || (self.mail_from.is_some() && self.public_url.is_some()),
            "SILLAGE_SMTP_URL needs SILLAGE_MAIL_FROM (who sends) and SILLAGE_PUBLIC_URL (where links lead)",
        );
        findings.unless(
            self.public_url.as_ref().is_none_or(|url| {
                begins(url, &["https://", "http://"]) && !url.contains(['#', '?', ' ']) && !url.ends_with("//")
            }),
            "SILLAGE_PUBLIC_URL must be like https://app.example.com, without ? and #",
        );
        findings.0
    }
}

/// Where the bytes of files are kept.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Files")]
pub struct FilesArgs {
    /// Folder for the bytes of files. Without it and without a bucket, `files` in the data folder.
    #[arg(long, env = "SILLAGE_FILES_DIR", value_name = "FOLDER", conflicts_with = "s3_bucket")]
    pub files_dir: Option<PathBuf>,
    /// Where callers reach the command API, for addresses of files in a folder. Without it they are paths alone.
    #[arg(long, env = "SILLAGE_FILES_URL", value_name = "URL")]
    pub files_url: Option<String>,
    /// Bucket of an S3-compatible service in which the bytes of files are kept instead. It must exist.
    #[arg(long, env = "SILLAGE_S3_BUCKET", value_name = "BUCKET")]
    pub s3_bucket: Option<String>,
    /// Where the service is, like `https://s3.example.com`. Without it, AWS in the region. Callers must reach it, too.
    #[arg(long, env = "SILLAGE_S3_ENDPOINT", value_name = "URL")]
    pub s3_endpoint: Option<String>,
    /// The service's region.
    #[arg(long, env = "SILLAGE_S3_REGION", value_name = "REGION", default_value = "us-east-1")]
    pub s3_region: String,
    /// Who we are at the service.
    #[arg(long, env = "SILLAGE_S3_ACCESS_KEY_ID", value_name = "ID")]
    pub s3_access_key_id: Option<String>,
    /// File with the key that proves it.
    #[arg(long, env = "SILLAGE_S3_SECRET_ACCESS_KEY_FILE", value_name = "FILE")]
    pub s3_secret_access_key_file: Option<PathBuf>,
    /// The key itself. A file is safer: others cannot see it in a list of processes.
    #[arg(
        long,
        env = "SILLAGE_S3_SECRET_ACCESS_KEY",
        value_name = "KEY",
        hide_env_values = true,
        conflicts_with = "s3_secret_access_key_file"
    )]
    pub s3_secret_access_key: Option<Secret>,
    /// The bucket is part of the service's host name, as AWS wants it, and not of the path.
    #[arg(long, env = "SILLAGE_S3_VIRTUAL_HOSTED")]
    pub s3_virtual_hosted: bool,
}

impl FilesArgs {
    /// What is wrong with these settings, as far as their form tells.
    pub fn check(&self) -> Vec<String> {
        let mut findings = Findings::default();
        let is_url = |url: &Option<String>| {
            url.as_ref().is_none_or(|url| {
                ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) && !url.contains(['#', '?', ' '])
            })
        };
        findings.unless(is_url(&self.files_url), "SILLAGE_FILES_URL must be like https://api.example.com");
        findings.unless(is_url(&self.s3_endpoint), "SILLAGE_S3_ENDPOINT must be like https://s3.example.com");
        let has_secret = self.s3_secret_access_key.is_some() || self.s3_secret_access_key_file.is_some();
        findings.unless(
            self.s3_bucket.is_none() || (self.s3_access_key_id.is_some() && has_secret),
            "SILLAGE_S3_BUCKET needs SILLAGE_S3_ACCESS_KEY_ID and SILLAGE_S3_SECRET_ACCESS_KEY_FILE (who we are there)",
        );
        findings.unless(
            self.s3_bucket.is_some() || self.s3_endpoint.is_none(),
            "SILLAGE_S3_ENDPOINT needs SILLAGE_S3_BUCKET (where files are kept there)",
        );
        findings.unless(
            self.s3_bucket.as_ref().is_none_or(|bucket| {
                (3..=63).contains(&bucket.len())
                    && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
            }),
            "SILLAGE_S3_BUCKET must have 3 to 63 lower-case letters, digits, hyphens and dots",
        );
        findings.0
    }
}

/// What is written to standard output.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// How log lines look.
    #[arg(long, env = "SILLAGE_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Which log lines, like `info,sqlx=warn`.
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// Which requests get a line.
    #[arg(long, env = "SILLAGE_LOG_REQUESTS", value_name = "WHICH", value_enum, default_value_t)]
    pub log_requests: LogRequests,
    /// From when on a request counts as slow, in milliseconds.
    #[arg(long, env = "SILLAGE_SLOW_REQUEST_MS", value_name = "MS", default_value_t = 500)]
    pub slow_request_ms: u64,
}

impl LogArgs {
    /// What is wrong with these settings.
    pub fn check(&self) -> Vec<String> {
        let mut findings = Findings::default();
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&self.log) {
            findings.0.push(format!("RUST_LOG: {error}; an example is info,sqlx=warn"));
        }
        findings.0
    }
}

/// What callers may take.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Longest request body, in bytes.
    #[arg(long, env = "SILLAGE_MAX_BODY_BYTES", value_name = "BYTES", default_value_t = 256 * 1024)]
    pub max_body_bytes: u32,
    /// Open connections per process.
    #[arg(long, env = "SILLAGE_MAX_CONNECTIONS", value_name = "N", default_value_t = 10_000)]
    pub max_connections: u32,
    /// Requests being worked on per process; further ones are answered 503 at once.
    #[arg(long, env = "SILLAGE_MAX_IN_FLIGHT", value_name = "N", default_value_t = 1024)]
    pub max_in_flight: u32,
    /// Longest time for one request, in seconds.
    #[arg(long, env = "SILLAGE_REQUEST_TIMEOUT_S", value_name = "S", default_value_t = 30)]
    pub request_timeout_s: u64,
    /// Longest silence between two requests of a connection, in seconds; longer than the load balancer's.
    #[arg(long, env = "SILLAGE_KEEP_ALIVE_S", value_name = "S", default_value_t = 60)]
    pub keep_alive_s: u64,
    /// Longest time for requests to end after a signal to stop, in seconds.
    #[arg(long, env = "SILLAGE_DRAIN_TIMEOUT_S", value_name = "S", default_value_t = 10)]
    pub drain_timeout_s: u64,
    /// Proxies of yours that every request passes; the caller's address is that many from the right in X-Forwarded-For.
    #[arg(long, env = "SILLAGE_PROXIES", value_name = "N", default_value_t = 0)]
    pub proxies: u8,
    /// Requests a minute from all users of one tenant, per process; 0 for any number.
    #[arg(long, env = "SILLAGE_RATE_PER_TENANT", value_name = "N", default_value_t = 120_000)]
    pub rate_per_tenant: u32,
    /// Requests a minute from one user, service or API key, per process; 0 for any number.
    #[arg(long, env = "SILLAGE_RATE_PER_USER", value_name = "N", default_value_t = 12_000)]
    pub rate_per_user: u32,
    /// Requests a minute from one address, per process; 0 for any number. Behind proxies, set `SILLAGE_PROXIES` first.
    #[arg(long, env = "SILLAGE_RATE_PER_ADDRESS", value_name = "N", default_value_t = 60_000)]
    pub rate_per_address: u32,
    /// Origins whose pages may call from a browser, with commas between, like `https://app.example.com`. No wildcard.
    #[arg(long, env = "SILLAGE_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// TLS ends in front of this process: browsers are told to come by https only.
    #[arg(long, env = "SILLAGE_HTTPS_ONLY")]
    pub https_only: bool,
}

impl LimitArgs {
    /// The limits of a server.
    pub fn limits(&self) -> Limits {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Limits {
            body_bytes: size(self.max_body_bytes),
            connections: size(self.max_connections),
            in_flight: size(self.max_in_flight),
            request_timeout: Duration::from_secs(self.request_timeout_s),
            keep_alive: Duration::from_secs(self.keep_alive_s),
            drain_timeout: Duration::from_secs(self.drain_timeout_s),
            ..Limits::default()
        }
    }

    /// The settings of a server that logs as `log` says.
    pub fn settings(&self, log: &LogArgs) -> Settings {
        Settings {
            limits: self.limits(),
            log_requests: log.log_requests,
            slow: Duration::from_millis(log.slow_request_ms),
            proxies: self.proxies,
            rates: Rates { tenant: self.rate_per_tenant, user: self.rate_per_user, address: self.rate_per_address },
            // What is no origin was told by `check`.
            origins: self.cors_origins.iter().filter_map(|text| origin(text).ok()).collect(),
            https_only: self.https_only,
        }
    }

    /// What is wrong with these settings.
    pub fn check(&self) -> Vec<String> {
        let mut findings = Findings::default();
        findings.within("SILLAGE_MAX_BODY_BYTES", u64::from(self.max_body_bytes), 1024, 1024 * 1024);
        findings.within("SILLAGE_MAX_CONNECTIONS", u64::from(self.max_connections), 1, 1_000_000);
        findings.within("SILLAGE_MAX_IN_FLIGHT", u64::from(self.max_in_flight), 1, 100_000);
        findings.within("SILLAGE_REQUEST_TIMEOUT_S", self.request_timeout_s, 1, 300);
        findings.within("SILLAGE_KEEP_ALIVE_S", self.keep_alive_s, 1, 3600);
        findings.within("SILLAGE_DRAIN_TIMEOUT_S", self.drain_timeout_s, 0, 300);
        findings.within("SILLAGE_PROXIES", u64::from(self.proxies), 0, 8);
        let origins = self.cors_origins.iter().filter_map(|text| origin(text).err());
        findings.0.extend(origins.map(|why| format!("SILLAGE_CORS_ORIGINS: {why}")));
        findings.0
    }
}

#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn unless(&mut self, holds: bool, finding: &str) {
        if !holds {
            self.0.push(finding.to_owned());
        }
    }

    fn within(&mut self, name: &str, value: u64, least: u64, most: u64) {
        if !(least..=most).contains(&value) {
            self.0.push(format!("{name} must be from {least} to {most}, is {value}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Parser, Debug)]
    struct Everything {
        #[command(flatten)]
        database: DatabaseArgs,
        #[command(flatten)]
        nats: NatsArgs,
        #[command(flatten)]
        listen: ListenArgs,
        #[command(flatten)]
        root_key: RootKeyArgs,
        #[command(flatten)]
        auth: AuthArgs,
        #[command(flatten)]
        mail: MailArgs,
        #[command(flatten)]
        files: FilesArgs,
        #[command(flatten)]
        log: LogArgs,
        #[command(flatten)]
        limits: LimitArgs,
    }

    impl Everything {
        fn findings(&self) -> Vec<String> {
            [
                self.database.check(),
                self.nats.check(),
                self.listen.check(),
                self.auth.check(),
                self.mail.check(),
                self.files.check(),
                self.log.check(),
                self.limits.check(),
            ]
            .concat()
        }
    }

    fn given(flags: &[&str]) -> Everything {
        Everything::try_parse_from(std::iter::once(&"sillage").chain(flags)).unwrap()
    }

    #[test]
    fn the_defaults_are_sound_and_are_those_of_the_server() {
        let everything = given(&[]);
        assert_eq!(everything.findings(), Vec::<String>::new());
        assert_eq!(everything.limits.limits(), Limits::default());
        assert_eq!(everything.limits.settings(&everything.log).slow, Settings::default().slow);
    }

    #[test]
    fn every_setting_has_a_variable_and_a_help_text() {
        Everything::command().debug_assert();
        for argument in Everything::command().get_arguments().filter(|argument| argument.get_id() != "help") {
            assert!(argument.get_env().is_some() && argument.get_help().is_some(), "{argument}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let everything = given(&["--database-url", "postgres://u:hunter2@h/d", "--nats-url", "nats://u:hunter2@h"]);
        assert!(!format!("{everything:?}").contains("hunter2"));
        assert!(!format!("{:?}", given(&["--root-key", "hunter2"])).contains("hunter2"));
        assert!(everything.database.database_url.unwrap().expose().contains("hunter2"));
    }

    #[test]
    fn each_mistake_is_a_finding() {
        for flags in [
            ["--database-url", "mysql://h/d"],
            ["--write-connections", "0"],
            ["--connection-wait-ms", "0"],
            ["--nats-url", "http://h"],
            ["--admin-listen", "127.0.0.1:8080"],
            ["--jwks-file", "/does/not/exist"],
            ["--token-issuer", ""],
            ["--token-audience", ""],
            ["--smtp-url", "smtp://h"],
            ["--public-url", "app.example.com"],
            ["--files-url", "api.example.com"],
            ["--s3-bucket", "sillage"],
            ["--s3-endpoint", "https://s3.example.com"],
            ["--log", "info,=x=y"],
            ["--max-body-bytes", "2000000"],
            ["--request-timeout-s", "0"],
            ["--cors-origins", "https://app.example.com,*"],
        ] {
            let findings = given(&flags).findings();
            assert_eq!(findings.len(), 1, "{flags:?}: {findings:?}");
        }
    }
}
