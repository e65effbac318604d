//! The running parts of one process, and how they stop: callers first, then what serves them.

mod effects;
mod files;
mod tasks;

use crate::directory::Directory;
use crate::failure::Failure;
use crate::files::FileSettings;
use crate::log_command::standing;
use crate::models::projections;
use crate::postgres::{Connections, Database};
use crate::proving::{Proving, Told};
use crate::root_key::sign_in_keys;
use crate::telling::tell_acts;
use crate::watcher::Watcher;
use ::effects::email::Mailbox;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use event_store::analysis::Indexer;
use event_store::jetstream::MirrorOptions;
use event_store::{
    Appender, Decisions, Log, ReadError, Relay, Role, RootKeys, States, Tail, Vault, append::AppenderOptions,
};
use file_store::Store;
use identity_api::Door;
use identity_api::api_keys::ApiKeys;
use identity_api::trust::TrustFollower;
use kernel::Position;
use platform::admin::{self, Check, Needed, Readiness};
use platform::auth::standing::SharedStanding;
use platform::auth::{KeySet, LiveTrust, Verifier};
use platform::http::{Rates, Settings};
use platform::openapi::Page;
use platform::outbound::Guard;
use platform::telemetry::Metrics;
use projector::SwitchMode;
use query_api::operations::{LookAtLog, Operations};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// States of aggregates that a process keeps in memory.
const STATES: usize = 100_000;
/// For keys and revocations every second, and for API keys that are not known.
const TRUST_CONNECTIONS: u32 = 4;
/// How often the log and the sign-in door are tried again at the start while Postgres does not answer in time.
const OPENING_TRIES: u32 = 10;
/// API keys that a process keeps in memory.
const API_KEYS: usize = 10_000;
/// For the relay, and for partitions that are made ahead of need.
const ENGINE_CONNECTIONS: u32 = 2;
/// For those who follow the log over HTTP.
const FOLLOW_CONNECTIONS: u32 = 4;
/// For looking up who is suspended and who leads whom.
const DIRECTORY_CONNECTIONS: u32 = 2;
/// For keys: nearly all of them are in memory.
const VAULT_CONNECTIONS: u32 = 2;
const NO_ROOT_KEY: &str = "Set SILLAGE_ROOT_KEY_FILE to the key of this installation.";
/// Read models of which the last act is kept in memory.
const ACT_STATES: usize = 100;
/// How long the projector and the relay may take to finish what is in hand.
const WORKERS_STOP: Duration = Duration::from_secs(5);

type Live = (Arc<LiveTrust>, Arc<ApiKeys>);

/// What every part of a process shares.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Where the log is.
    pub database: Database,
    /// How many connections.
    pub connections: Connections,
    /// How HTTP is served.
    pub settings: Settings,
    /// Where NATS is, if it is anywhere.
    pub nats_url: Option<String>,
    /// What opens personal data, for the parts that need it.
    pub root_keys: Option<RootKeys>,
    /// Where the bytes of files are, for the parts that hand them out or work on them.
    pub files: Option<FileSettings>,
    /// Which addresses of others may be called.
    pub outbound: Guard,
}

/// Whose tokens the APIs of a process accept.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The keys that may sign.
    pub keys: KeySet,
    /// The `iss` that a token must have.
    pub issuer: String,
    /// The `aud` that a token must have.
    pub audience: String,
}

/// The parts that run. Dropping it cancels nothing; call [`Process::stop`].
pub struct Process {
    shared: Shared,
    readiness: Readiness,
    running: Check,
    /// Cancelled first: no new requests.
    serving: CancellationToken,
    /// Cancelled when the last request is answered.
    working: CancellationToken,
    servers: JoinSet<()>,
    workers: JoinSet<()>,
    pools: Vec<(&'static str, PgPool)>,
    /// What all verifiers of this process know; there once the first is made.
    live: Option<Live>,
    vault: Option<Vault>,
    store: Option<Store>,
    failed: watch::Sender<Option<String>>,
    postgres_is_well: watch::Sender<bool>,
    directory: Option<Arc<Directory>>,
    /// The sign-in door, once there is a command API.
    door: Option<Arc<Door>>,
    /// What the command API serves, once there is one: the console goes through it as well.
    commands: Option<Router>,
}

impl Process {
    /// Nothing runs yet.
    pub fn new(shared: Shared) -> Self {
        let readiness = Readiness::new();
        let running = readiness.check("running", Needed::Required);
        Self {
            shared,
            readiness,
            running,
            serving: CancellationToken::new(),
            working: CancellationToken::new(),
            servers: JoinSet::new(),
            workers: JoinSet::new(),
            pools: Vec::new(),
            live: None,
            vault: None,
            store: None,
            failed: watch::Sender::new(None),
            postgres_is_well: watch::Sender::new(true),
            directory: None,
            door: None,
            commands: None,
        }
    }

    /// The checks behind `/readyz`.
    pub const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// The sign-in door, where there is a command API.
    pub fn door(&self) -> Option<&Door> {
        self.door.as_deref()
    }

    /// Whether Postgres answered when it was last asked.
    pub fn postgres_is_well(&self) -> watch::Receiver<bool> {
        self.postgres_is_well.subscribe()
    }

    /// Resolves, with the reason, when a part has ended that cannot be started again.
    pub async fn failure(&self) -> String {
        let mut failed = self.failed.subscribe();
        let reason = failed.wait_for(Option::is_some).await.map(|reason| reason.clone().unwrap_or_default());
        reason.unwrap_or_default()
    }

    fn pool(&mut self, name: &'static str, role: Role, connections: u32) -> PgPool {
        let wait = self.shared.connections.wait;
        let pool = self.shared.database.pool(&format!("sillage-{name}"), role, connections, wait);
        self.pools.push((name, pool.clone()));
        pool
    }

    /// What knows who is suspended and who leads whom: one for all doors of the process.
    fn standing(&mut self) -> SharedStanding {
        if let Some(directory) = &self.directory {
            return Arc::clone(directory) as SharedStanding;
        }
        let directory = Directory::new(self.pool("directory", Role::Engine, DIRECTORY_CONNECTIONS));
        self.workers.spawn(Arc::clone(&directory).keep_looking(self.working.clone()));
        self.directory = Some(Arc::clone(&directory));
        directory
    }

    /// The vault of this process, opened when it is first needed.
    ///
    /// # Errors
    /// There is no root key or it is another one, or Postgres does not answer.
    pub async fn vault(&mut self) -> Result<Vault, Failure> {
        if let Some(vault) = &self.vault {
            return Ok(vault.clone());
        }
        let root_keys = self.shared.root_keys.clone();
        let root_keys = root_keys.ok_or_else(|| Failure::usage("there is no root key").remedy(NO_ROOT_KEY))?;
        let pool = self.pool("keys", Role::Engine, VAULT_CONNECTIONS);
        let vault = Vault::open(pool, root_keys)
            .await
            .map_err(|error| Failure::failed("the keys of personal data cannot be used").because(error))?;
        self.vault = Some(vault.clone());
        Ok(vault)
    }

    /// The write door on `listener`, and beside it a relay that hears of every commit at once.
    ///
    /// # Errors
    /// The database URL is malformed, the description cannot be written, or there is no vault.
    pub async fn command_api(&mut self, listener: TcpListener, trust: &Trust) -> Result<(), Failure> {
        let log = Log::new(self.pool("write", Role::Tenant, self.shared.connections.write));
        let engine = self.pool("engine", Role::Engine, ENGINE_CONNECTIONS);
        let appender = appender(&self.shared.database.url, engine.clone())?;
        if let Some(nats_url) = self.shared.nats_url.clone() {
            self.relay_of(Log::new(engine.clone()), &nats_url, appender.committed());
        }
        let vault = self.vault().await?;
        let verifier = self.verifier(trust, &log).await;
        let store = self.store().await?;
        let uploads = store.as_ref().and_then(files::gate);
        let commands = command_services(verifier, &appender, &log, vault.clone())?
            .with_standing(self.standing())
            .with_files(store)
            .with_outbound(self.shared.outbound.clone())
            .with_names(Log::new(engine));
        let commands = command_api::router(Arc::new(commands));
        let verifier = Arc::new(self.verifier(trust, &log).await);
        let decisions = Decisions::new(appender, States::new(log.clone(), STATES), log, vault.clone());
        let sign_in = self.sign_in(decisions, verifier, trust, &vault).await?;
        let pages = [
            Page { title: "Commands", path: "/openapi.json", document: command_api::openapi() },
            Page { title: "Sign-in", path: "/openapi-sign-in.json", document: identity_api::openapi() },
        ];
        let mut settings = self.shared.settings.clone();
        let mut served = commands.merge(sign_in);
        settings.limits.uploads[0] = Some(files::IMPORTS);
        if let Some((gate, limits)) = uploads {
            settings.limits.uploads[1] = Some(limits);
            served = served.merge(gate);
        }
        self.commands = Some(served.clone());
        self.api(listener, served, &pages, settings)
    }

    /// The read door on `listener`, and the console beside it: over the command API of this process, else over the one at
    /// an address, else not at all.
    ///
    /// # Errors
    /// Postgres does not answer, the description cannot be written, or there is no vault.
    pub async fn query_api(
        &mut self,
        listener: TcpListener,
        trust: &Trust,
        commands_at: Option<&str>,
    ) -> Result<(), Failure> {
        let pool = self.pool("read", Role::Tenant, self.shared.connections.read);
        let verifier = self.verifier(trust, &Log::new(pool.clone())).await;
        let mut services = query_api::Services::new(verifier, pool).with_standing(self.standing());
        // To follow the log is to read it as it comes, and to read keys, is for the engine. A door whose login
        // may not is a safer one, and does without.
        match self.shared.database.check_roles(&[Role::Engine]).await {
            Ok(()) => {
                let vault = self.vault().await?;
                // Where the login also owns the tables, operators may work on them from here; elsewhere Postgres would
                // refuse it.
                if self.shared.database.owns_read_models().await {
                    services = services.operated_by(self.operations(vault.clone()));
                }
                services = self.following(services.with_vault(vault)).await?;
            }
            Err(reason) => tracing::info!(%reason, "events are shown on request and sealed, and are not followed live"),
        }
        let page = Page { title: "Queries", path: "/openapi.json", document: query_api::openapi() };
        let queries = query_api::router(Arc::new(services));
        let served = match self.commands.clone().map(console::Door::Here).or_else(|| commands_at.map(console::Door::at))
        {
            Some(commands) => {
                let behind = console::Door::Here(queries.clone());
                queries.merge(console::Console::new(commands, behind, self.serving.clone()).router())
            }
            None => queries,
        };
        self.api(listener, served, &[page], self.shared.settings.clone())
    }

    /// What operators work with over HTTP: the same as on the command line.
    fn operations(&mut self, vault: Vault) -> Operations {
        let owner = self.pool("operate", Role::Owner, ENGINE_CONNECTIONS);
        let log = Log::new(self.pool("operate-log", Role::Engine, ENGINE_CONNECTIONS)).with_vault(vault);
        let (looked_at, nats_url) = (log.clone(), self.shared.nats_url.clone());
        let standing: LookAtLog = Arc::new(move || {
            let (log, nats_url) = (looked_at.clone(), nats_url.clone());
            Box::pin(async move { standing(&log, nats_url.as_deref()).await })
        });
        Operations::new(owner, log, projections, standing)
    }

    async fn following(&mut self, services: query_api::Services) -> Result<query_api::Services, Failure> {
        let log = Log::new(self.pool("follow", Role::Engine, FOLLOW_CONNECTIONS));
        let unreadable = |error| Failure::failed("the log cannot be followed").because(error);
        let tail = self.tail(log).await?;
        services.following_by(tail, self.serving.clone()).await.map_err(unreadable)
    }

    /// Follows the log. A Postgres that does not answer in time while everything starts is asked again.
    async fn tail(&self, log: Log) -> Result<Tail, Failure> {
        let mut tries = 0;
        loop {
            match Tail::start(log.clone(), self.shared.nats_url.clone(), self.working.clone()).await {
                Ok(tail) => return Ok(tail),
                Err(ReadError::Database(sqlx::Error::PoolTimedOut)) if tries < OPENING_TRIES => tries += 1,
                Err(error) => return Err(Failure::failed("the log cannot be followed").because(error)),
            }
        }
    }

    /// A verifier for one API. All of a process go by the same knowledge, and find the same API keys.
    async fn verifier(&mut self, trust: &Trust, log: &Log) -> Verifier {
        let (live, keys) = self.live_trust(trust, log).await;
        Verifier::live(live, &trust.issuer, &trust.audience).with_opaque(keys)
    }

    /// What the verifiers of this process know, renewed every second from now on.
    async fn live_trust(&mut self, trust: &Trust, log: &Log) -> Live {
        if let Some((live, keys)) = &self.live {
            return (Arc::clone(live), Arc::clone(keys));
        }
        let live = Arc::new(LiveTrust::live(trust.keys.clone()));
        let pool = self.pool("trust", Role::Tenant, TRUST_CONNECTIONS);
        let keys = Arc::new(ApiKeys::new(pool.clone(), States::new(log.clone(), API_KEYS)));
        let mut follower = TrustFollower::new(pool, Arc::clone(&live));
        // The first requests should find it known; where this fails the follower goes on trying.
        if let Err(error) = follower.renew().await {
            tracing::warn!(%error, "keys and revocations are not known yet");
        }
        self.workers.spawn(follower.run(self.working.clone()));
        self.live = Some((Arc::clone(&live), Arc::clone(&keys)));
        (live, keys)
    }

    /// The sign-in door, and what follows the log for it.
    async fn sign_in(
        &mut self,
        decisions: Decisions,
        verifier: Arc<Verifier>,
        trust: &Trust,
        vault: &Vault,
    ) -> Result<Router, Failure> {
        let pool = self.pool("sign-in", Role::Engine, self.shared.connections.write);
        let mut options = identity_api::Options::new(&trust.issuer, &trust.audience);
        // Pages that may call may also carry the cookie.
        let origins = self.shared.settings.origins.iter();
        options.origins = origins.filter_map(|origin| origin.to_str().ok().map(str::to_owned)).collect();
        // A Postgres that has just answered may be busy for a moment; another root key stays another root key.
        let mut tries = 0;
        let door = loop {
            let (decisions, options, verifier) = (decisions.clone(), options.clone(), verifier.clone());
            match Door::open(pool.clone(), decisions, sign_in_keys(vault)?, verifier, options).await {
                Ok(door) => break Arc::new(door),
                Err(error) if error.passes() && tries < OPENING_TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => {
                    let remedy = "All processes need the root key that the installation began with: see \
                                  SILLAGE_ROOT_KEY_FILE.";
                    return Err(Failure::failed("the sign-in door cannot open").because(error).remedy(remedy));
                }
            }
        };
        let tail = self.tail(Log::new(pool)).await?;
        let check = self.readiness.check("sign_in", Needed::Optional);
        let told = move |so: Result<(), String>| match so {
            Ok(()) => check.ok(),
            Err(reason) => check.failing(reason),
        };
        self.workers.spawn(Arc::clone(&door).follow(tail, self.working.clone(), told));
        self.workers.spawn(Arc::clone(&door).keep_house(self.working.clone()));
        self.door = Some(Arc::clone(&door));
        identity_api::router(door).map_err(|error| Failure::usage("SILLAGE_CORS_ORIGINS cannot be used").because(error))
    }

    fn api(
        &mut self,
        listener: TcpListener,
        router: Router,
        pages: &[Page],
        settings: Settings,
    ) -> Result<(), Failure> {
        let description = platform::openapi::router(pages)
            .map_err(|error| Failure::failed("the API's description cannot be written").because(error))?;
        let start = Router::new().route("/", get(|| async { Redirect::temporary("/docs/") }));
        let router = router.merge(description).merge(start);
        let serving = self.serving.clone();
        self.servers.spawn(async move {
            let drained = platform::http::serve(listener, router, settings, serving).await;
            if drained.cut_off > 0 {
                tracing::warn!(connections = drained.cut_off, "connections were cut off at the end of the drain");
            }
        });
        Ok(())
    }

    /// The operators' door, open until the very end; with the development mailbox, where there is one.
    pub fn admin(&mut self, listener: TcpListener, metrics: Metrics, mailbox: Option<&Mailbox>) {
        let router = admin::router(self.readiness.clone(), metrics);
        let router = mailbox.map_or(router.clone(), |mailbox| router.merge(mailbox.router()));
        // Scrapers and probes are not counted, and no page of any origin has business here.
        let settings = Settings { rates: Rates::default(), origins: Arc::new([]), ..self.shared.settings.clone() };
        let (settings, working) = (settings, self.working.clone());
        self.workers.spawn(async move {
            platform::http::serve(listener, router, settings, working).await;
        });
    }

    /// A relay that looks at the log twice a second, for processes that append elsewhere.
    pub fn relay(&mut self, nats_url: &str) {
        let log = Log::new(self.pool("relay", Role::Engine, ENGINE_CONNECTIONS));
        let (bell, doorbell) = watch::channel(Position::ZERO);
        // The relay takes a bell without a ringer for one that always rings.
        let working = self.working.clone();
        self.workers.spawn(async move {
            working.cancelled().await;
            drop(bell);
        });
        self.relay_of(log, nats_url, doorbell);
    }

    fn relay_of(&mut self, log: Log, nats_url: &str, doorbell: watch::Receiver<Position>) {
        let check = self.readiness.check("relay", Needed::Optional);
        let relay = Relay::new(log, MirrorOptions::new(nats_url), doorbell);
        let mut state = relay.state();
        let (working, failed) = (self.working.clone(), self.failed.clone());
        let told = check.clone();
        self.workers.spawn(async move {
            loop {
                tasks::tell_relay(&told, &state.borrow_and_update());
                if state.changed().await.is_err() {
                    return;
                }
            }
        });
        self.workers.spawn(async move {
            if let Err(error) = relay.run(working).await {
                let reason = Failure::failed("the relay has ended").because(error).to_string();
                tracing::error!(reason, "the relay has ended; readers poll Postgres");
                check.failing(reason.clone());
                failed.send_replace(Some(reason));
            }
        });
    }

    /// Folds all read models of this build; `switch` says what becomes of those whose version changed with it.
    ///
    /// # Errors
    /// Postgres does not answer, or there is no vault.
    pub async fn project(&mut self, switch: SwitchMode) -> Result<(), Failure> {
        // It makes tables, so the login's own rights; what it folds it writes as the engine.
        let vault = self.vault().await?;
        let log = Log::new(self.pool("project", Role::Owner, self.shared.connections.write)).with_vault(vault.clone());
        // What operators do is told in the log by whoever folds.
        let engine = self.pool("acts", Role::Engine, ENGINE_CONNECTIONS);
        let told = Log::new(engine.clone());
        let decisions = Decisions::new(
            appender(&self.shared.database.url, engine.clone())?,
            States::new(told.clone(), ACT_STATES),
            told,
            vault.clone(),
        );
        self.workers.spawn(tell_acts(engine, decisions, self.working.clone()));
        let indexer = Indexer::new(Log::new(self.pool("index", Role::Engine, 1)));
        self.workers.spawn(indexer.run(self.working.clone()));
        let tail = self.tail(log).await?;
        let check = self.readiness.check("projector", Needed::Required);
        check.ok();
        self.workers.spawn(tasks::project(tail, switch, check, self.failed.clone(), self.working.clone()));
        Ok(())
    }

    /// Proves log, mirror and read models over and over, beside everything else.
    pub(crate) async fn verify(&mut self, events_per_second: u32) -> Result<(), Failure> {
        if events_per_second == 0 {
            return Ok(());
        }
        let check = self.readiness.check("verify", Needed::Optional);
        check.ok();
        let log = Log::new(self.pool("verify", Role::Engine, 3)).with_vault(self.vault().await?);
        let nats_url = self.shared.nats_url.clone();
        let proving = Proving { log, nats_url, events_per_second, told: Told::Check(check) };
        self.workers.spawn(proving.run(self.working.clone()));
        Ok(())
    }

    /// The development mailbox of the database.
    pub fn mailbox(&mut self) -> Mailbox {
        Mailbox::new(self.pool("mailbox", Role::Engine, ENGINE_CONNECTIONS))
    }

    /// Everything has been started: looks after Postgres, the pools and (where asked) the projections from now on.
    pub fn watch(&mut self, projections: bool) {
        let watcher = Watcher::new(
            self.shared.database.probe().clone(),
            self.pools.clone(),
            &self.readiness,
            projections,
            self.postgres_is_well.clone(),
        );
        let working = self.working.clone();
        self.workers.spawn(async move {
            working.run_until_cancelled(watcher.run()).await;
        });
        self.running.ok();
    }

    /// Lets requests end, then lets the projector and the relay finish what is in hand.
    pub async fn stop(mut self) {
        // A new check fails until it is told otherwise, and says nothing: that a process stops is no warning.
        self.readiness.check("running", Needed::Required);
        self.serving.cancel();
        while self.servers.join_next().await.is_some() {}
        self.working.cancel();
        let ended = tokio::time::timeout(WORKERS_STOP, async { while self.workers.join_next().await.is_some() {} });
        if ended.await.is_err() {
            tracing::warn!("a part of the process did not end in time");
        }
        for (_, pool) in &self.pools {
            // Dropped connections are closed by the server; a farewell must not hold up the end.
            let _ = tokio::time::timeout(Duration::from_millis(500), pool.close()).await;
        }
        let _ = tokio::time::timeout(Duration::from_millis(500), self.shared.database.probe().close()).await;
    }
}

/// An appender that writes to the database behind `url`.
pub(crate) fn appender(url: &str, pool: PgPool) -> Result<Appender, Failure> {
    Appender::start(url, pool, &AppenderOptions::default())
        .map_err(|error| Failure::failed("the appender cannot start").because(error))
}

/// What the command API works with.
pub(crate) fn command_services(
    verifier: Verifier,
    appender: &Appender,
    log: &Log,
    vault: Vault,
) -> Result<command_api::Services, Failure> {
    let states = States::new(log.clone(), STATES);
    let decisions = Decisions::new(appender.clone(), states, log.clone(), vault);
    command_api::Services::new(verifier, decisions)
        .map_err(|error| Failure::failed("the command API cannot start").because(error))
}
