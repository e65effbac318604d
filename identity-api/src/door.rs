//! What the sign-in door works with, and the few things that all its endpoints do.

use crate::access_log::AccessLog;
use crate::call::Call;
use crate::factors::Factors;
use crate::families::{Families, Lifetimes};
use crate::keys::{KeyError, KeyStore, Keyring};
use crate::password::{Hasher, HashingError, HashingOptions};
use crate::place::Places;
use crate::problems::Refusal;
use crate::seal::Seal;
use crate::throttle::Throttle;
use chrono::{DateTime, Utc};
use domain::identity::{EMAIL_RESERVATION, EmailAddress, UserId};
use event_store::decisions::RefusedOf;
use event_store::{Answer, Decisions, Idempotency, Log, Origin};
use kernel::{
    Actor, Aggregate, BlindIndexer, Command, CommandId, Context, CorrelationId, Scopes, Team, TenantId, TraceParent,
};
use platform::Problem;
use platform::auth::{Identity, LinkKey, LogPlace, Verifier};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How the door behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The `iss` of the tokens that it issues.
    pub issuer: String,
    /// Their `aud`.
    pub audience: String,
    /// What authenticator apps show beside the account.
    pub product: String,
    /// How long things last.
    pub lifetimes: Lifetimes,
    /// How passwords are hashed.
    pub hashing: HashingOptions,
    /// How long an answer takes at least that must not tell whether there is an account.
    pub even: Duration,
    /// Origins of front ends elsewhere, like `https://app.example`, whose requests may carry the cookie.
    pub origins: Vec<String>,
}

impl Options {
    /// The usual ones, for tokens of this issuer and audience.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            product: "Sillage".to_owned(),
            lifetimes: Lifetimes::default(),
            hashing: HashingOptions::default(),
            even: Duration::from_millis(300),
            origins: Vec::new(),
        }
    }
}

/// What follows from the root key.
#[derive(Clone)]
pub struct Keys {
    /// Opens the links of mails.
    pub links: LinkKey,
    /// Hashes networks.
    pub places: Places,
    /// Seals what must be read again.
    pub seal: Arc<Seal>,
    /// Finds addresses.
    pub blind: BlindIndexer,
}

/// Why the door cannot open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There are no signing keys.
    #[error("opening the sign-in door")]
    Keys(#[from] KeyError),
    /// Passwords cannot be hashed with these options.
    #[error("opening the sign-in door")]
    Hashing(#[from] HashingError),
}

impl OpenError {
    /// Whether trying again can help.
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Keys(KeyError::Unavailable(_)))
    }
}

/// The sign-in door.
pub struct Door {
    pub(crate) pool: PgPool,
    pub(crate) decisions: Decisions,
    pub(crate) options: Options,
    pub(crate) links: LinkKey,
    pub(crate) places: Places,
    pub(crate) blind: BlindIndexer,
    pub(crate) hasher: Hasher,
    pub(crate) throttle: Throttle,
    pub(crate) families: Families,
    pub(crate) factors: Factors,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) access_log: AccessLog,
    pub(crate) verifier: Arc<Verifier>,
}

impl Door {
    /// Opens it. `pool` works as the engine; `verifier` goes by the trust of the process, so that what is taken back here
    /// is refused here at once.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(
        pool: PgPool,
        decisions: Decisions,
        keys: Keys,
        verifier: Arc<Verifier>,
        options: Options,
    ) -> Result<Self, OpenError> {
        let keyring = Arc::new(Keyring::open(KeyStore::new(pool.clone(), Arc::clone(&keys.seal))).await?);
        Ok(Self {
            hasher: Hasher::new(options.hashing)?,
            throttle: Throttle::new(pool.clone(), keys.places.clone()),
            families: Families::new(pool.clone(), options.lifetimes),
            factors: Factors::new(pool.clone(), keys.seal, options.product.clone()),
            access_log: AccessLog::new(pool.clone()),
            verifier,
            pool,
            decisions,
            keyring,
            links: keys.links,
            places: keys.places,
            blind: keys.blind,
            options,
        })
    }

    /// Who calls.
    pub(crate) async fn caller(&self, call: &Call) -> Result<Arc<Identity>, Refusal> {
        let identity = self.verifier.authenticate(&call.headers).await.map_err(Problem::from)?;
        call.log.caller(&identity)?;
        Ok(identity)
    }

    /// The server's time, as exact as Postgres keeps it.
    pub(crate) fn now() -> DateTime<Utc> {
        DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap_or_default()
    }

    /// Carries a command out on a stream that exists.
    pub(crate) async fn carry_out<C: Command>(
        &self,
        call: &Call,
        command: &C,
        tenant_id: TenantId,
        actor: Actor,
        target: Uuid,
    ) -> Result<Answer, RefusedOf<C>> {
        let act = Act { tenant_id, actor, scopes: Scopes::default(), target, fresh: false, key: Uuid::now_v7() };
        self.act(call, command, act).await
    }

    /// Carries a command out.
    pub(crate) async fn act<C: Command>(&self, call: &Call, command: &C, act: Act) -> Result<Answer, RefusedOf<C>> {
        let trace = Some(call.log.trace_parent());
        self.carry(command, act, Story { correlation_id: call.log.correlation_id(), trace }).await
    }

    /// Carries a command out that belongs to this story.
    pub(crate) async fn carry<C: Command>(&self, command: &C, act: Act, story: Story) -> Result<Answer, RefusedOf<C>> {
        let context = Context {
            tenant_id: act.tenant_id,
            actor: act.actor,
            scopes: act.scopes,
            command_id: CommandId(act.key),
            target: act.target,
            now: Self::now(),
            blind: self.blind.clone(),
            team: Team::none(),
        };
        let origin = Origin {
            idempotency: Idempotency { key: act.key, request_hash: Uuid::nil() },
            correlation_id: story.correlation_id,
            causation_id: None,
            trace: story.trace,
            fresh: act.fresh.then_some(act.target),
            expected: None,
        };
        self.decisions.carry_out(command, &context, &origin).await
    }

    /// A state as it is now, not as this process remembers it: others write the same streams, and what somebody may do
    /// hangs on it.
    pub(crate) async fn load<A: Aggregate>(&self, tenant_id: TenantId, id: Uuid) -> Result<Arc<A>, Refusal> {
        Ok(self.decisions.states().current(tenant_id, id).await?)
    }

    /// The end of the log. What is loaded from now on says what was so there, or later.
    pub(crate) async fn log_place(&self) -> Result<LogPlace, Refusal> {
        let head = Log::new(self.pool.clone()).head().await.map_err(|error| crate::problems::unavailable(&error))?;
        Ok((head.epoch, head.position))
    }

    /// Whose account an address belongs to.
    pub(crate) async fn user_of(&self, email: &EmailAddress) -> Result<Option<UserId>, Refusal> {
        let index = self.blind.index(EMAIL_RESERVATION, email.as_str());
        let found: Option<Uuid> = sqlx::query_scalar(
            "select stream_id from log.reservations where tenant_id = $1 and scope = $2 and key = $3",
        )
        .bind(TenantId::PLATFORM.0)
        .bind(EMAIL_RESERVATION)
        .bind(index.to_string())
        .fetch_optional(&self.pool)
        .await?;
        Ok(found.map(UserId))
    }

    /// By what tries at an address are counted: its user, or what takes his place where there is none.
    pub(crate) fn account_of(&self, email: &EmailAddress, user: Option<UserId>) -> Uuid {
        user.map_or_else(|| self.blind.index("identity.nobody", email.as_str()).0, |user| user.0)
    }

    /// Answers not before the time that such an answer always takes, so that the time does not tell what was done.
    pub(crate) async fn evenly<T>(&self, work: impl Future<Output = T>) -> T {
        let until = tokio::time::Instant::now() + self.options.even;
        let done = work.await;
        tokio::time::sleep_until(until).await;
        done
    }

    /// Looks after what the door keeps: follows the keys, and forgets what is of no use any more.
    pub async fn keep_house(self: Arc<Self>, stop: tokio_util::sync::CancellationToken) {
        const PAUSE: Duration = Duration::from_secs(1);
        const TIDY_EVERY: u32 = 300;
        let mut rounds = 0_u32;
        while stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_some() {
            rounds = rounds.wrapping_add(1);
            // A failure is told by the readiness of Postgres; the next round tries again.
            if let Err(error @ (KeyError::Sealed { .. } | KeyError::Signer(_))) = self.keyring.renew().await {
                tracing::error!(%error, "a signing key cannot be read: tokens are signed with those of before");
            }
            if rounds % TIDY_EVERY == 1 {
                let grace = crate::families::interval(self.options.lifetimes.grace);
                let _ = sqlx::query("select secrets.tidy($1)").bind(grace).execute(&self.pool).await;
            }
        }
    }
}

/// What a command is part of.
pub(crate) struct Story {
    pub(crate) correlation_id: CorrelationId,
    pub(crate) trace: Option<TraceParent>,
}

/// A command to be carried out, and as whom.
pub(crate) struct Act {
    pub(crate) tenant_id: TenantId,
    pub(crate) actor: Actor,
    /// What the actor may do beyond the command itself.
    pub(crate) scopes: Scopes,
    pub(crate) target: Uuid,
    /// Whether nobody can know the target yet.
    pub(crate) fresh: bool,
    /// By what a repeat is known.
    pub(crate) key: Uuid,
}
