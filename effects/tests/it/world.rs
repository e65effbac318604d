//! A database with everything that sends mails, and people who register.

use chrono::{DateTime, Utc};
use domain::identity::user::{RegisterUser, RequestPasswordReset};
use domain::identity::{EmailAddress, Locale, PersonName};
use domain::processes::MailAboutAccounts;
use effects::email::{EmailEffect, Links, Sender, Smtp, Transport};
use effects::{Options, Runner, Worker, outbox, reactor};
use event_store::append::AppenderOptions;
use event_store::{Appender, Decisions, Idempotency, InternalCommand, Log, Origin, Role, States, Tail, schema};
use kernel::{ActorId, Command, CommandId, Context, CorrelationId, Team, TenantId};
use platform::auth::LinkKey;
use sqlx::PgPool;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A database, and the ways into its log.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) url: String,
    /// Works as the engine.
    pub(crate) pool: PgPool,
    pub(crate) log: Log,
    pub(crate) decisions: Decisions,
}

impl World {
    pub(crate) async fn new() -> Self {
        let (url, owner) = test_support::database().await;
        owner.close().await;
        Self::on(url).await
    }

    pub(crate) async fn on(url: String) -> Self {
        platform::telemetry::install_crypto();
        let pool = schema::connect(&url, "effects", Role::Engine, 10).await.unwrap();
        let options = AppenderOptions { partition_size: 100_000, ..AppenderOptions::default() };
        let appender = Appender::start(&url, pool.clone(), &options).unwrap();
        let log = Log::new(pool.clone());
        let vault = test_support::vault(&pool).await;
        let decisions = Decisions::new(appender, States::new(log.clone(), 10_000), log.clone(), vault);
        Self { url, pool, log, decisions }
    }

    /// Carries out a command in the platform's tenant.
    pub(crate) async fn carry_out<C: Command>(&self, command: &C, target: Uuid) -> Uuid {
        let internal = InternalCommand::new(TenantId::PLATFORM, target, CommandId(Uuid::now_v7()));
        let answer = self.decisions.carry_out_internal(command, &internal).await;
        answer.map_err(|refused| format!("{refused:?}")).unwrap().stream_id
    }

    /// Carries out in the platform's tenant what somebody asked for at that moment, who may do `more` than the command asks for.
    pub(crate) async fn act<C: Command>(
        &self,
        who: ActorId,
        more: &[&str],
        now: DateTime<Utc>,
        target: Uuid,
        command: &C,
    ) -> Uuid {
        let command_id = CommandId(Uuid::now_v7());
        let context = Context {
            tenant_id: TenantId::PLATFORM,
            actor: kernel::Actor::user(who),
            scopes: [C::SCOPE.as_str()].into_iter().chain(more.iter().copied()).collect(),
            command_id,
            target,
            now: DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap(),
            blind: self.decisions.blind_indexer(),
            team: Team::none(),
        };
        let origin = Origin {
            idempotency: Idempotency { key: command_id.0, request_hash: Uuid::nil() },
            correlation_id: CorrelationId(command_id.0),
            causation_id: None,
            trace: None,
            fresh: None,
            expected: None,
        };
        let answer = self.decisions.carry_out(command, &context, &origin).await;
        answer.map_err(|refused| format!("{refused:?}")).unwrap().stream_id
    }

    /// Somebody registers, and is to be mailed a link.
    pub(crate) async fn register(&self, email: &str, given_name: &str, locale: Locale) -> Uuid {
        let command = RegisterUser {
            email: EmailAddress::parse(email).unwrap().into(),
            given_name: PersonName::parse(given_name).unwrap().into(),
            family_name: PersonName::parse("Lovelace").unwrap().into(),
            phone: None,
            locale,
            email_proven: false,
        };
        self.carry_out(&command, Uuid::now_v7()).await
    }

    /// Somebody forgot the password.
    pub(crate) async fn forget_password(&self, user: Uuid) {
        self.carry_out(&RequestPasswordReset {}, user).await;
    }

    /// Everything that sends mails, in tasks of this process.
    pub(crate) async fn start<T: Transport>(&self, transport: T, options: Options) -> Running {
        let stop = CancellationToken::new();
        let tail = Tail::start(self.log.clone(), None, stop.clone()).await.unwrap();
        let reactors = vec![reactor::<MailAboutAccounts>(self.decisions.clone()), outbox::<EmailEffect<T>>()];
        let runner = Runner::new(tail, self.pool.clone(), reactors);
        let bell = runner.bell();
        let states = self.decisions.states().clone();
        let effect = EmailEffect::new(transport, sender(), links(), states, self.decisions.vault().clone());
        let worker = Worker::new(effect, self.decisions.clone(), self.pool.clone(), bell, options);
        let runner_stop = stop.clone();
        let tasks = vec![
            tokio::spawn(async move { runner.run(runner_stop).await.unwrap() }),
            tokio::spawn(worker.run(stop.clone())),
        ];
        Running { stop, tasks }
    }

    /// Makes the checkpoints: what happens from here on is mailed.
    pub(crate) async fn declare(&self) {
        let running = self.start(NoTransport, quick()).await;
        until("the checkpoints are there", async || self.count("select count(*) from effects.followers").await == 2)
            .await;
        running.stop().await;
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// Waits until nothing is left to do.
    pub(crate) async fn settled(&self, jobs: i64) {
        until("every job is done or dead", async || {
            self.count("select count(*) from effects.jobs where state in ('done', 'dead')").await == jobs
        })
        .await;
    }

    /// How many events of mails there are, by type.
    pub(crate) async fn events(&self, of_type: &str) -> i64 {
        let count =
            sqlx::query_scalar("select count(*) from log.events where category = 'notifications.email' and type = $1");
        count.bind(of_type).fetch_one(&self.pool).await.unwrap()
    }
}

/// What runs.
pub(crate) struct Running {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    pub(crate) const fn new(stop: CancellationToken, tasks: Vec<JoinHandle<()>>) -> Self {
        Self { stop, tasks }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// Drops everything at whatever await it stands.
    pub(crate) async fn abort(self) {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
        self.stop.cancel();
    }
}

/// Nothing is ever sent.
pub(crate) struct NoTransport;

impl Transport for NoTransport {
    async fn send(&self, _: TenantId, _: Uuid, _: &effects::email::Outgoing) -> Result<(), effects::email::SendError> {
        Err(effects::email::SendError::Away("nothing is sent".into()))
    }
}

/// A worker that does not wait long.
pub(crate) fn quick() -> Options {
    Options {
        lease: Duration::from_secs(3),
        budget: Duration::from_secs(2),
        first_pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(200),
        most_attempts: 100,
        ..Options::default()
    }
}

pub(crate) fn smtp(url: &str) -> Smtp {
    Smtp::new(url, None).unwrap()
}

pub(crate) fn sender() -> Sender {
    Sender::parse("Sillage <no-reply@sillage.test>", Some("help@sillage.test")).unwrap()
}

pub(crate) fn link_key() -> LinkKey {
    LinkKey::new(&[7; 32])
}

pub(crate) fn links() -> Links {
    Links::new("https://app.sillage.test", link_key())
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !check().await {
        assert!(began.elapsed() < Duration::from_mins(2), "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
