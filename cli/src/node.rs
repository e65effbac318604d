//! Everything in one process: both APIs, the relay, the projector, the operators' door.

use crate::failure::Failure;
use crate::files::FileSettings;
use crate::mail::MailSettings;
use crate::postgres::{Connections, Database};
use crate::process::{Process, Shared, Trust};
use crate::terminal::Progress;
use effects::email::Mailbox;
use event_store::{RootKeys, Vault};
use identity_api::Door;
use platform::admin::{Readiness, Report};
use platform::http::Settings;
use platform::outbound::Guard;
use platform::telemetry::Metrics;
use projector::SwitchMode;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Where a node listens.
pub struct Listeners {
    /// For commands.
    pub commands: TcpListener,
    /// For queries.
    pub queries: TcpListener,
    /// For operators, with what is measured; tests and benchmarks do without.
    pub admin: Option<(TcpListener, Metrics)>,
}

impl Listeners {
    /// Free loopback ports, without the operators' door.
    ///
    /// # Errors
    /// The system has no free port.
    pub async fn free() -> std::io::Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Self { commands: TcpListener::bind(any).await?, queries: TcpListener::bind(any).await?, admin: None })
    }
}

/// What a node works with.
pub struct NodeOptions {
    /// Postgres; the schema is brought up to date.
    pub database_url: String,
    /// NATS; without it readers poll.
    pub nats_url: Option<String>,
    /// Whose tokens are accepted.
    pub trust: Trust,
    /// What opens personal data; the same for all processes of an installation.
    pub root_keys: RootKeys,
    /// Where it listens.
    pub listeners: Listeners,
    /// How HTTP is served.
    pub settings: Settings,
    /// How many connections.
    pub connections: Connections,
    /// Also runs on a Postgres that may lose what it acknowledges; for throw-away data.
    pub allow_unsafe_postgres: bool,
    /// How long Postgres may take to answer for the first time.
    pub patience: Duration,
    /// Events per second that are verified in the background; 0 is none.
    pub verify_events_per_second: u32,
    /// What happens when a read model whose version changed has been built anew.
    pub switch: SwitchMode,
    /// How mails leave; none are sent without it.
    pub mail: Option<MailSettings>,
    /// Where the bytes of files are kept; none are taken without it.
    pub files: Option<FileSettings>,
    /// Which addresses of others may be called.
    pub outbound: Guard,
    /// Who hears what is going on.
    pub progress: Progress,
}

impl NodeOptions {
    /// A node with the usual settings that says nothing while it starts.
    pub fn new(database_url: impl Into<String>, trust: Trust, root_keys: RootKeys, listeners: Listeners) -> Self {
        Self {
            database_url: database_url.into(),
            nats_url: None,
            trust,
            root_keys,
            listeners,
            settings: Settings::default(),
            connections: Connections::default(),
            allow_unsafe_postgres: false,
            patience: Duration::from_mins(1),
            verify_events_per_second: 0,
            switch: SwitchMode::Auto,
            mail: None,
            files: None,
            outbound: Guard::default(),
            progress: Progress::new(true),
        }
    }
}

/// Where a node is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    /// The command API, without a slash at the end.
    pub commands: String,
    /// The query API.
    pub queries: String,
    /// The operators' door.
    pub admin: Option<String>,
}

/// A running node. Stop it with [`Node::stop`]; dropping it leaves its parts running until the runtime ends.
pub struct Node {
    process: Process,
    urls: Urls,
    database: Database,
    mailbox: Option<Mailbox>,
    vault: Vault,
}

impl Node {
    /// Waits for Postgres, migrates, starts all parts. Ready to serve when it returns; the read models may still be
    /// catching up, which [`Node::readiness`] tells.
    ///
    /// # Errors
    /// Postgres cannot be had, or the schema cannot be brought up to date.
    pub async fn start(options: NodeOptions) -> Result<Self, Failure> {
        let NodeOptions { database_url, nats_url, trust, root_keys, listeners, settings, connections, .. } = options;
        let progress = &options.progress;
        let database = Database::open(&database_url, options.patience, options.allow_unsafe_postgres, progress).await?;
        database.migrate().await?;
        let urls = Urls {
            commands: url_of(&listeners.commands)?,
            queries: url_of(&listeners.queries)?,
            admin: listeners.admin.as_ref().map(|(listener, _)| url_of(listener)).transpose()?,
        };
        let root_keys = Some(root_keys);
        let (files, outbound) = (options.files.clone(), options.outbound.clone());
        let shared = Shared { database: database.clone(), connections, settings, nats_url, root_keys, files, outbound };
        let mut process = Process::new(shared);
        let is_development = options.mail.as_ref().is_some_and(|mail| mail.server.is_none());
        let mailbox = is_development.then(|| process.mailbox());
        if let Some((listener, metrics)) = listeners.admin {
            // It shows everybody's mails to anybody who asks.
            let here = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
            process.admin(listener, metrics, mailbox.as_ref().filter(|_| here));
        }
        process.command_api(listeners.commands, &trust).await?;
        process.project(options.switch).await?;
        process.query_api(listeners.queries, &trust, None).await?;
        process.verify(options.verify_events_per_second).await?;
        if let Some(mail) = options.mail {
            process.effects(&mail, mailbox.clone()).await?;
        }
        process.watch(true);
        let vault = process.vault().await?;
        Ok(Self { process, urls, database, mailbox, vault })
    }

    /// Where it is reached.
    pub const fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The database it works with.
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The sign-in door.
    pub fn door(&self) -> Option<&Door> {
        self.process.door()
    }

    /// The development mailbox, where mails are kept instead of being sent.
    pub const fn mailbox(&self) -> Option<&Mailbox> {
        self.mailbox.as_ref()
    }

    /// The keys of personal data.
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// What `/readyz` answers.
    pub fn readiness(&self) -> Report {
        self.process.readiness().report()
    }

    /// Whether Postgres answered when it was last asked.
    pub fn postgres_is_well(&self) -> watch::Receiver<bool> {
        self.process.postgres_is_well()
    }

    /// The registry of checks, for whoever starts further parts.
    pub fn checks(&self) -> Readiness {
        self.process.readiness().clone()
    }

    /// Waits until every required check is well.
    ///
    /// # Errors
    /// One is not within `at_most`; names it.
    pub async fn until_ready(&self, at_most: Duration) -> Result<(), Failure> {
        let waiting = async {
            while !self.readiness().ready {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(at_most, waiting).await.is_ok() {
            return Ok(());
        }
        let checks = self.readiness().checks;
        let failing = checks.iter().find_map(|(name, check)| Some((name, check.reason.as_ref()?)));
        let (name, reason) = failing.map_or(("nothing", "not known"), |(name, reason)| (name, reason));
        Err(Failure::failed(format!("not ready after {} s: {name}: {reason}", at_most.as_secs())))
    }

    /// Stops accepting, lets requests end, lets the projector finish its batch.
    pub async fn stop(self) {
        self.process.stop().await;
    }
}

/// `http://127.0.0.1:8080`
pub(crate) fn url_of(listener: &TcpListener) -> Result<String, Failure> {
    let address = listener.local_addr().map_err(|error| Failure::failed("a listener has no address").because(error))?;
    // Whoever listens everywhere is reached here.
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { host(address) };
    Ok(format!("http://{host}:{}", address.port()))
}

fn host(address: SocketAddr) -> String {
    if address.is_ipv6() { format!("[{}]", address.ip()) } else { address.ip().to_string() }
}
