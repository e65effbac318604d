//! Each process by itself: for machines where they are scaled and restarted one by one.

use crate::arguments::{CommandApi, Common, EffectsProcess, ProjectorProcess, QueryApi, RelayProcess};
use crate::attach;
use crate::failure::{Exit, Failure};
use crate::files::{self, FileSettings};
use crate::keys::LocalKey;
use crate::listen::exactly;
use crate::mail::{self, MailSettings};
use crate::node::url_of;
use crate::postgres::Database;
use crate::process::{Process, Shared, Trust};
use crate::root_key;
use crate::terminal::Progress;
use crate::webhooks::WebhookArgs;
use event_store::Role;
use platform::auth::KeySet;
use platform::config::{AuthArgs, FilesArgs};
use platform::outbound::Guard;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) async fn command_api(arguments: &CommandApi) -> Result<(), Failure> {
    let files = files::findings(&arguments.files);
    let findings = [arguments.listen.check(), arguments.auth.check(), files, arguments.webhooks.findings()].concat();
    let begun =
        Begun::begin(&arguments.common, findings, arguments.listen.admin_listen, &[Role::Engine, Role::Tenant]).await?;
    let begun = begun.with_root_key(&arguments.common)?.with_files(&arguments.files, &arguments.common)?;
    let begun = begun.with_webhooks(&arguments.webhooks)?;
    let listener = exactly("the command API", arguments.listen.listen, "--listen").await?;
    let trust = trust(&arguments.auth, &arguments.common)?;
    let url = url_of(&listener)?;
    begun.run(false, &url, async |process| process.command_api(listener, &trust).await).await
}

pub(crate) async fn query_api(arguments: &QueryApi) -> Result<(), Failure> {
    let findings = [arguments.listen.check(), arguments.auth.check()].concat();
    let begun = Begun::begin(&arguments.common, findings, arguments.listen.admin_listen, &[Role::Tenant]).await?;
    // Keys are for the engine; a door whose login may not work as one shows what tables show.
    let begun = match begun.shared.database.check_roles(&[Role::Engine]).await {
        Ok(()) => begun.with_root_key(&arguments.common)?,
        Err(_) => begun,
    };
    let listener = exactly("the query API", arguments.listen.listen, "--listen").await?;
    let trust = trust(&arguments.auth, &arguments.common)?;
    let url = url_of(&listener)?;
    begun
        .run(true, &url, async |process| process.query_api(listener, &trust, arguments.command_url.as_deref()).await)
        .await
}

pub(crate) async fn projector(arguments: &ProjectorProcess) -> Result<(), Failure> {
    let begun = Begun::begin(&arguments.common, Vec::new(), arguments.admin_listen, &[Role::Engine]).await?;
    let begun = begun.with_root_key(&arguments.common)?;
    let verify = arguments.verify.verify_events_per_second;
    let switch = arguments.changed.switch.into();
    begun
        .run(true, "the projector", async |process| {
            process.project(switch).await?;
            process.verify(verify).await?;
            Ok(())
        })
        .await
}

pub(crate) async fn relay(arguments: &RelayProcess) -> Result<(), Failure> {
    let begun = Begun::begin(&arguments.common, Vec::new(), arguments.admin_listen, &[Role::Engine]).await?;
    let Some(nats_url) = begun.shared.nats_url.clone() else {
        return Err(Failure::new(Exit::NoServers, "there is no NATS to relay to").remedy("Set NATS_URL."));
    };
    begun
        .run(false, "the relay", async |process| {
            process.relay(&nats_url);
            Ok(())
        })
        .await
}

pub(crate) async fn effects(arguments: &EffectsProcess) -> Result<(), Failure> {
    let mut findings =
        [mail::findings(&arguments.mail), files::findings(&arguments.files), arguments.webhooks.findings()].concat();
    if arguments.mail.smtp_url.is_none() {
        findings.push("SILLAGE_SMTP_URL is missing: only `sillage up` has a development mailbox".to_owned());
    }
    let begun = Begun::begin(&arguments.common, findings, arguments.admin_listen, &[Role::Engine]).await?;
    let settings = MailSettings::of(&arguments.mail, "")?;
    let begun = begun.with_root_key(&arguments.common)?.with_files(&arguments.files, &arguments.common)?;
    let begun = begun.with_webhooks(&arguments.webhooks)?;
    begun.run(false, "effects", async |process| process.effects(&settings, None).await).await
}

/// A process whose surroundings are known and whose own part has not been started.
struct Begun {
    shared: Shared,
    admin: TcpListener,
    stop: CancellationToken,
}

impl Begun {
    async fn begin(common: &Common, more: Vec<String>, admin: SocketAddr, roles: &[Role]) -> Result<Self, Failure> {
        refuse(&[common.findings(), more].concat())?;
        platform::telemetry::start_logs(common.log.log_format, &common.log.log)
            .map_err(|error| Failure::usage("logs cannot be set up").because(error))?;
        let stop = platform::shutdown::on_signal()
            .map_err(|error| Failure::failed("signals cannot be received").because(error))?;
        let admin = exactly("the operators' door", admin, "--admin-listen").await?;
        let given = common.database.database_url.as_ref().map(platform::config::Secret::expose);
        let attached = attach::to_running(given, &common.folder.data_dir)?;
        let nats_url = common.nats.nats_url.as_ref().map(|url| url.expose().to_owned()).or(attached.nats_url);
        let progress = Progress::new(false);
        let opening = async {
            let patience = common.start.patience();
            let allow_unsafe = common.start.allow_unsafe_postgres;
            let database = Database::open(&attached.database_url, patience, allow_unsafe, &progress).await?;
            database.await_schema(patience, &progress).await?;
            database.check_roles(roles).await?;
            Ok::<_, Failure>(database)
        };
        let database = match stop.run_until_cancelled(opening).await {
            Some(database) => database?,
            None => return Err(Failure::failed("stopped before it was ready")),
        };
        let settings = common.limits.settings(&common.log);
        let connections = (&common.database).into();
        let outbound = Guard::default();
        let shared = Shared { database, connections, settings, nats_url, root_keys: None, files: None, outbound };
        Ok(Self { shared, admin, stop })
    }

    /// For a process that works with personal data.
    fn with_root_key(mut self, common: &Common) -> Result<Self, Failure> {
        self.shared.root_keys = Some(root_key::find(&common.root_key, &common.folder)?);
        Ok(self)
    }

    /// For a process that works with files.
    fn with_files(mut self, files: &FilesArgs, common: &Common) -> Result<Self, Failure> {
        self.shared.files = Some(FileSettings::of(files, &common.folder.data_dir)?);
        Ok(self)
    }

    /// For a process that takes or calls the addresses of others.
    fn with_webhooks(mut self, webhooks: &WebhookArgs) -> Result<Self, Failure> {
        self.shared.outbound = webhooks.guard()?;
        Ok(self)
    }

    /// Starts the process's part and runs it until a signal, or until it cannot go on.
    async fn run(
        self,
        projections: bool,
        place: &str,
        start: impl AsyncFnOnce(&mut Process) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let metrics = platform::telemetry::start_metrics(self.stop.clone())
            .map_err(|error| Failure::failed("metrics cannot be set up").because(error))?;
        let admin_url = url_of(&self.admin)?;
        let mut process = Process::new(self.shared);
        process.admin(self.admin, metrics, None);
        start(&mut process).await?;
        process.watch(projections);
        tracing::info!(place, admin = admin_url, "ready: {place}");
        let failed = tokio::select! {
            () = self.stop.cancelled() => None,
            reason = process.failure() => Some(reason),
        };
        process.stop().await;
        failed.map_or(Ok(()), |reason| Err(Failure::failed(reason)))
    }
}

/// Whose tokens a separate API accepts besides those of the sign-in door: those of the file, or of the development key
/// where the folder has one.
fn trust(auth: &AuthArgs, common: &Common) -> Result<Trust, Failure> {
    let development = LocalKey::path_in(&common.folder.data_dir);
    let keys = if let Some(file) = &auth.jwks_file {
        KeySet::load(file).map_err(|error| Failure::usage("SILLAGE_JWKS_FILE cannot be used").because(error))?
    } else if !development.exists() {
        KeySet::none()
    } else {
        let key = LocalKey::open(development)?;
        tracing::warn!(
            key = %key.path().display(),
            "SILLAGE_JWKS_FILE is not set: tokens of the local development key are accepted"
        );
        key.key_set()?
    };
    Ok(Trust { keys, issuer: auth.token_issuer.clone(), audience: auth.token_audience.clone() })
}

/// All findings about settings, as one refusal.
pub(crate) fn refuse(findings: &[String]) -> Result<(), Failure> {
    if findings.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(findings.join("; "))
        .remedy("`sillage config check` prints every setting and where it comes from."))
}
