//! `sillage up`: everything in one process, from an empty folder to a demo tenant, and back to rest.

use crate::arguments::{MonthWish, Up};
use crate::attach::{cannot_start, locked};
use crate::banner::Banner;
use crate::demo::{self, Demo, Place, USERS};
use crate::failure::Failure;
use crate::files::FileSettings;
use crate::keys::LocalKey;
use crate::listen::or_free;
use crate::mail::MailSettings;
use crate::node::{Listeners, Node, NodeOptions, url_of};
use crate::process::Trust;
use crate::root_key;
use crate::run_file::RunFile;
use crate::separate::refuse;
use crate::supervise::supervise;
use crate::terminal::Progress;
use crate::tokens::{Audience, Ttl, issue};
use local_servers::{FolderLock, LockError, NatsServer, PostgresServer, Servers};
use platform::auth::KeySet;
use platform::telemetry::LogFormat;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the read models may take to be ready before the examples are printed anyway.
const READY_PATIENCE: Duration = Duration::from_secs(30);
/// How long a demo token is good. Every start prints new ones.
const TOKEN_TTL: Ttl = Ttl::days(7);

/// Runs until a signal.
///
/// # Errors
/// A setting is wrong, the folder or a port is taken, or a server cannot be had.
pub(crate) async fn run(up: &Up) -> Result<(), Failure> {
    refuse(&up.findings())?;
    let lock = lock(&up.folder.data_dir).await?;
    platform::telemetry::start_logs(up.log.log_format, &up.log.log)
        .map_err(|error| Failure::usage("logs cannot be set up").because(error))?;
    let stop = platform::shutdown::on_signal()
        .map_err(|error| Failure::failed("signals cannot be received").because(error))?;
    let progress = Progress::new(up.quiet);
    RunFile::remove(&up.folder.data_dir);
    let listeners = listeners(up, &stop, &progress).await?;

    let Some(servers) = stop.run_until_cancelled(Box::pin(servers(up, &progress))).await else { return Ok(()) };
    let servers = servers?;
    let outcome = Box::pin(with_servers(up, servers, listeners, &stop, &progress)).await;
    RunFile::remove(&up.folder.data_dir);
    drop(lock);
    outcome
}

/// Holds the folder; a predecessor that was just killed is given a moment to be gone.
async fn lock(folder: &Path) -> Result<FolderLock, Failure> {
    let mut tries = 0;
    let lock = loop {
        match FolderLock::acquire(folder, "sillage up") {
            Err(LockError::Held { .. }) if tries < 10 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => break other.map_err(|error| locked(&error))?,
        }
    };
    // Keys, tokens and data are nothing for a repository.
    let ignore = folder.join(".gitignore");
    if !ignore.exists() {
        std::fs::write(&ignore, "*\n")
            .map_err(|error| Failure::failed(format!("{} cannot be written", ignore.display())).because(error))?;
    }
    Ok(lock)
}

async fn listeners(up: &Up, stop: &CancellationToken, progress: &Progress) -> Result<Listeners, Failure> {
    let usual = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let commands = or_free("the command API", up.command_listen, usual(8080), "--command-listen", progress).await?;
    let queries = or_free("the query API", up.query_listen, usual(8081), "--query-listen", progress).await?;
    let admin = or_free("the operators' door", up.admin_listen, usual(9090), "--admin-listen", progress).await?;
    let metrics = platform::telemetry::start_metrics(stop.clone())
        .map_err(|error| Failure::failed("metrics cannot be set up").because(error))?;
    Ok(Listeners { commands, queries, admin: Some((admin, metrics)) })
}

/// The given servers, or private ones. Without NATS everything works, so its absence is told and not fatal.
async fn servers(up: &Up, progress: &Progress) -> Result<Servers, Failure> {
    let given = |url: &Option<platform::config::Secret>| url.as_ref().map(|url| url.expose().to_owned());
    let mut wanted = local_servers::Options::new(&up.folder.data_dir, up.folder.programs());
    wanted.database_url = given(&up.database.database_url);
    wanted.nats_url = given(&up.nats.nats_url);
    let say = |progress: Progress| move |line: &str| progress.say(line);
    let mut only_nats = wanted.clone();
    only_nats.database_url = Some(String::new());
    only_nats.with_nats = !up.no_nats;
    let mut only_postgres = wanted;
    only_postgres.with_nats = false;
    let (postgres, nats) = tokio::join!(
        local_servers::start(only_postgres, say(progress.clone())),
        local_servers::start(only_nats, say(progress.clone())),
    );
    let postgres = postgres.map_err(cannot_start)?;
    let (nats_url, nats) = match nats {
        Ok(servers) => (servers.nats_url, servers.nats),
        Err(error) => {
            let reason = Failure::failed("NATS cannot be had").because(error).to_string();
            tracing::warn!(reason, "going on without NATS: readers poll Postgres");
            (None, None)
        }
    };
    Ok(Servers { nats_url, nats, ..postgres })
}

async fn with_servers(
    up: &Up,
    servers: Servers,
    listeners: Listeners,
    stop: &CancellationToken,
    progress: &Progress,
) -> Result<(), Failure> {
    let key = LocalKey::open_or_create(&up.folder.data_dir)?;
    let admin = listeners.admin.as_ref().map(|(listener, _)| url_of(listener)).transpose()?;
    let mail = MailSettings::of(&up.mail, &format!("{}/dev", admin.unwrap_or_default()))?;
    let options = NodeOptions {
        database_url: servers.database_url.clone(),
        nats_url: servers.nats_url.clone(),
        trust: trust(up, &key)?,
        root_keys: root_key::find_or_make(&up.root_key, &up.folder)?,
        listeners,
        settings: up.limits.settings(&up.log),
        connections: (&up.database).into(),
        allow_unsafe_postgres: up.start.allow_unsafe_postgres,
        patience: up.start.patience(),
        verify_events_per_second: up.verify.verify_events_per_second,
        switch: up.changed.switch.into(),
        mail: Some(mail),
        files: Some(FileSettings::of(&up.files, &up.folder.data_dir)?),
        outbound: up.webhooks.guard()?,
        progress: progress.clone(),
    };
    progress.say("starting the APIs and the projector");
    let node = match stop.run_until_cancelled(Box::pin(Node::start(options))).await {
        Some(Ok(node)) => node,
        Some(Err(failure)) => {
            stop_servers(servers).await;
            return Err(failure);
        }
        None => return stop_servers(servers).await.map_or(Ok(()), Err),
    };
    let announced = stop.run_until_cancelled(announce(up, &node, &key, &servers, progress)).await;
    let servers = match announced {
        Some(Ok(())) => {
            let looked_after = tokio::spawn(supervise(servers, node.postgres_is_well(), stop.clone()));
            stop.cancelled().await;
            looked_after.await.ok()
        }
        _ => Some(servers),
    };
    progress.say("stopping");
    node.stop().await;
    let stopped = match servers {
        Some(servers) => stop_servers(servers).await,
        None => None,
    };
    progress.say("stopped");
    match (announced, stopped) {
        (Some(Err(failure)), _) | (_, Some(failure)) => Err(failure),
        _ => Ok(()),
    }
}

async fn stop_servers(servers: Servers) -> Option<Failure> {
    let stopped = servers.stop().await;
    stopped.err().map(|error| Failure::failed("a private server did not stop cleanly").because(error))
}

/// Tokens of the given key set, or of the local key.
fn trust(up: &Up, key: &LocalKey) -> Result<Trust, Failure> {
    let keys = match &up.auth.jwks_file {
        Some(file) => {
            KeySet::load(file).map_err(|error| Failure::usage("SILLAGE_JWKS_FILE cannot be used").because(error))?
        }
        None => key.key_set()?,
    };
    Ok(Trust { keys, issuer: up.auth.token_issuer.clone(), audience: up.auth.token_audience.clone() })
}

/// Loads the demo tenant, waits until it can be read, and tells where everything is.
async fn announce(up: &Up, node: &Node, key: &LocalKey, servers: &Servers, progress: &Progress) -> Result<(), Failure> {
    let demo = if up.no_demo { None } else { self::demo(up, node, key, progress).await };
    if let Err(failure) = node.until_ready(READY_PATIENCE).await {
        tracing::warn!("{failure}");
    }
    let audience = Audience { issuer: up.auth.token_issuer.clone(), audience: up.auth.token_audience.clone() };
    let mut tokens = BTreeMap::new();
    // Tokens of the local key are of no use where a key set was given.
    if demo.is_some() && up.auth.jwks_file.is_none() {
        for (name, person) in [("agent", demo::AGENT), ("customer", demo::CUSTOMER)] {
            tokens.insert(name.to_owned(), issue(key, &audience, &person.grant(TOKEN_TTL))?);
        }
    }
    let run = RunFile {
        pid: std::process::id(),
        command_url: node.urls().commands.clone(),
        query_url: node.urls().queries.clone(),
        admin_url: node.urls().admin.clone(),
        database_url: servers.postgres.as_ref().map(|_| servers.database_url.clone()),
        nats_url: servers.nats.as_ref().map(NatsServer::url),
        postgres_pid: servers.postgres.as_ref().map(PostgresServer::pid),
        nats_pid: servers.nats.as_ref().map(NatsServer::pid),
        tenant_id: demo.as_ref().map(|_| demo::TENANT.0),
        users: if demo.is_some() { USERS.iter().map(|user| user.credentials()).collect() } else { Vec::new() },
        password: demo.as_ref().map(|demo| demo.password.clone()),
        tokens,
        demo: demo.as_ref().map(|demo| demo.ids.by_name()).unwrap_or_default(),
    };
    run.write(&up.folder.data_dir)?;
    if up.log.log_format == LogFormat::Json || up.quiet {
        tracing::info!(commands = run.command_url, queries = run.query_url, admin = run.admin_url, "ready");
    } else {
        let has_mailbox = node.mailbox().is_some() && up.admin_listen.is_none_or(|address| address.ip().is_loopback());
        let (folder, seconds) = (&up.folder.data_dir, progress.seconds());
        let banner = Banner { run: &run, demo: demo.as_ref().map(|demo| &demo.ids), folder, seconds, has_mailbox };
        crate::terminal::print(&banner.to_string());
    }
    Ok(())
}

/// The demo tenant. That it cannot be loaded is told and not fatal.
async fn demo(up: &Up, node: &Node, key: &LocalKey, progress: &Progress) -> Option<Demo> {
    let is_private = up.database.database_url.is_none();
    let is_loopback = up.command_listen.is_none_or(|address| address.ip().is_loopback());
    let quiet = up.quiet || up.log.log_format == LogFormat::Json;
    let MonthWish { wanted, seed, tickets, until } = up.month;
    let month = wanted.then_some(demo::Wish { seed, tickets, until, quiet });
    let place = Place { folder: &up.folder.data_dir, is_private, is_loopback, month };
    match demo::load(node, key, &place).await {
        Ok(Some(demo)) => Some(demo),
        Ok(None) => {
            progress.say("this log has events of its own: no demo tenant is loaded");
            None
        }
        Err(failure) => {
            tracing::warn!("{failure}");
            None
        }
    }
}
