//! Sillage over HTTP, put together from the same parts and with the same settings as `sillage up`.

use crate::Failure;
use crate::identity::{AUDIENCE, ISSUER};
use axum::Router;
use event_store::append::AppenderOptions;
use event_store::jetstream::MirrorOptions;
use event_store::{Appender, Decisions, Log, Relay, Role, RootKey, RootKeys, States, Tail, Vault, schema};
use identity_api::trust::TrustFollower;
use platform::auth::{KeySet, LiveTrust, Verifier};
use platform::http::{Rates, Settings};
use platform::telemetry::{self, LogFormat};
use projector::{Options, Projector};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// States of aggregates that are kept in memory, as in `sillage up`.
const STATES: usize = 100_000;
/// What wraps the keys of its personal data.
pub(crate) const ROOT_KEY: &str = "dGhpcyByb290IGtleSBpcyBmb3IgYmVuY2htYXJrcyE=";

/// Requests a minute that are counted and that nobody comes to.
const NEVER_REACHED: u32 = u32::MAX;

/// Which parts run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Where the log is.
    pub(crate) database_url: String,
    /// Whose tokens are accepted.
    pub(crate) jwks: serde_json::Value,
    /// The mirror, with a relay that fills it; none: no relay, and the tail polls.
    pub(crate) nats_url: Option<String>,
    /// Whether read models are folded and queries answered too.
    pub(crate) reads: bool,
    /// How tokens are trusted.
    pub(crate) auth: Auth,
}

/// How tokens are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Auth {
    /// A key that never changes, nothing is ever taken back, nobody is counted: how it was before people signed in.
    Interim,
    /// Keys that come and go, revocations read every second and looked up for each request, callers counted.
    Full,
}

/// Serves until told to stop.
pub(crate) async fn serve(
    setup: &Setup,
    listener: TcpListener,
    shutdown: CancellationToken,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    telemetry::install_crypto();
    telemetry::start_logs(LogFormat::Json, "info")?;
    let _metrics = telemetry::start_metrics(shutdown.clone())?;
    let keys = KeySet::parse(&setup.jwks.to_string())?;
    let trust = match setup.auth {
        Auth::Interim => Arc::new(LiveTrust::fixed(keys)),
        Auth::Full => live_trust(setup, keys, &shutdown).await?,
    };
    let verifier = || Verifier::live(Arc::clone(&trust), ISSUER, AUDIENCE);

    let log = Log::new(schema::connect(&setup.database_url, "sillage-write", Role::Tenant, 8).await?);
    let engine = schema::connect(&setup.database_url, "sillage-engine", Role::Engine, 2).await?;
    let appender = Appender::start(&setup.database_url, engine.clone(), &AppenderOptions::default())?;
    if let Some(nats_url) = &setup.nats_url {
        let relay = Relay::new(Log::new(engine), MirrorOptions::new(nats_url), appender.committed());
        tokio::spawn(relay.run(shutdown.clone()));
    }
    let states = States::new(log.clone(), STATES);
    let keys = schema::connect(&setup.database_url, "sillage-keys", Role::Engine, 2).await?;
    let vault = Vault::open(keys, RootKeys::new(RootKey::parse(ROOT_KEY)?, None)).await?;
    let decisions = Decisions::new(appender, states, log, vault.clone());
    let commands = command_api::Services::new(verifier(), decisions)?;
    let mut router = command_api::router(Arc::new(commands));
    if setup.reads {
        router = router.merge(reads(setup, verifier(), vault, &shutdown).await?);
    }
    ready();
    let mut settings = Settings::default();
    if setup.auth == Auth::Full {
        settings.rates = Rates { tenant: NEVER_REACHED, user: NEVER_REACHED, address: NEVER_REACHED };
    }
    platform::http::serve(listener, router, settings, shutdown).await;
    Ok(())
}

/// What a process of `sillage up` knows of keys and revocations, renewed every second.
async fn live_trust(setup: &Setup, keys: KeySet, shutdown: &CancellationToken) -> Result<Arc<LiveTrust>, Failure> {
    let trust = Arc::new(LiveTrust::live(keys));
    let pool = schema::connect(&setup.database_url, "sillage-trust", Role::Tenant, 2).await?;
    let mut follower = TrustFollower::new(pool, Arc::clone(&trust));
    follower.renew().await?;
    tokio::spawn(follower.run(shutdown.clone()));
    Ok(trust)
}

/// Folds all read models, and gives the routes that read them.
async fn reads(
    setup: &Setup,
    verifier: Verifier,
    vault: Vault,
    shutdown: &CancellationToken,
) -> Result<Router, Failure> {
    let log = Log::new(schema::connect(&setup.database_url, "sillage-project", Role::Owner, 8).await?);
    let log = log.with_vault(vault.clone());
    let tail = Tail::start(log, setup.nats_url.clone(), shutdown.clone()).await?;
    tokio::spawn(Projector::new(tail, cli::projections(), Options::default()).run(shutdown.clone()));
    let pool = schema::connect(&setup.database_url, "sillage-read", Role::Tenant, 16).await?;
    Ok(query_api::router(Arc::new(query_api::Services::new(verifier, pool).with_vault(vault))))
}
