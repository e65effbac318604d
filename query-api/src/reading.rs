//! What every query does around its own question: authenticate, wait for the read model, time the database.

use crate::analyst::Seats;
use crate::operations::Operations;
use crate::view_counts::ViewCounts;
use crate::visible::Sight;
use axum::http::{HeaderMap, StatusCode};
use event_store::analysis::Finder;
use event_store::{Head, Log, ReadError, Tail, Vault};
use kernel::{Epoch, Position, Reach, Scope, Team};
use platform::Problem;
use platform::auth::standing::{SharedStanding, Unranked};
use platform::auth::{Identity, Verifier};
use platform::request_log::RequestLog;
use projector::WaitError;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long a query waits for its read model at most.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(3);

/// The position of the serving generation, whose name is parameter 2; as a fragment so that rows and position come from one
/// snapshot.
pub(crate) const CHECKPOINT: &str = "(select position from projection.checkpoints join projection.projections \
    using (name, generation) where name = $2 and serving)";

/// What a server of a new version meets while readers still have the read model's generation of before.
const UNDEFINED_COLUMN: &str = "42703";

/// How often the log is asked whether it is still the same.
const LOOK: Duration = Duration::from_secs(1);

/// What every query needs.
pub struct Services {
    verifier: Verifier,
    pub(crate) pool: PgPool,
    pub(crate) log: Log,
    finder: Finder,
    seats: Seats,
    pub(crate) view_counts: ViewCounts,
    following: Option<Following>,
    standing: SharedStanding,
    operations: Option<Operations>,
}

/// The live end of the log, for those who follow it.
#[derive(Clone)]
pub(crate) struct Following {
    pub(crate) tail: Tail,
    /// The log's head as it was a second ago at most, while Postgres answers; told every second.
    pub(crate) head: watch::Receiver<Head>,
    /// Cancelled when no new requests are taken: endless answers end.
    pub(crate) closing: CancellationToken,
}

impl Services {
    /// Verifies with `verifier`, reads through `pool`, whose sessions work as [`event_store::Role::Tenant`].
    pub fn new(verifier: Verifier, pool: PgPool) -> Self {
        let log = Log::new(pool.clone());
        Self {
            verifier,
            finder: Finder::new(log.clone(), log.clone()),
            log,
            view_counts: ViewCounts::new(pool.clone()),
            pool,
            seats: Seats::default(),
            following: None,
            standing: Arc::new(Unranked),
            operations: None,
        }
    }

    /// Asks `standing` who leads whom.
    #[must_use]
    pub fn with_standing(self, standing: SharedStanding) -> Self {
        Self { standing, ..self }
    }

    /// Also lets operators work on the read models.
    #[must_use]
    pub fn operated_by(self, operations: Operations) -> Self {
        Self { operations: Some(operations), ..self }
    }

    pub(crate) const fn operations(&self) -> Option<&Operations> {
        self.operations.as_ref()
    }

    /// What the reach of a query comes to for this caller, with the columns that say whose a row is.
    pub(crate) async fn sight(
        &self,
        reach: Reach,
        columns: &'static [&'static str],
        identity: &Identity,
    ) -> Result<Sight, Problem> {
        let (reach, actor) = (reach.of(&identity.scopes), identity.actor.id);
        let asks = reach.asks_for_team();
        let team = if asks { self.standing.team(identity.tenant_id, actor).await? } else { Team::none() };
        Ok(Sight::of(reach, actor, &team, columns))
    }

    /// Also follows the log, until `closing`. The tail's sessions work as [`event_store::Role::Engine`].
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn following_by(mut self, tail: Tail, closing: CancellationToken) -> Result<Self, ReadError> {
        let (sender, head) = watch::channel(tail.log().head().await?);
        let (log, until) = (tail.log().clone(), closing.clone());
        tokio::spawn(async move {
            while until.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
                if let Ok(now) = log.head().await {
                    sender.send_replace(now);
                }
            }
        });
        self.finder = Finder::new(self.log.clone(), tail.log().clone());
        self.following = Some(Following { tail, head, closing });
        Ok(self)
    }

    pub(crate) const fn finder(&self) -> &Finder {
        &self.finder
    }

    pub(crate) const fn seats(&self) -> &Seats {
        &self.seats
    }

    pub(crate) const fn following(&self) -> Option<&Following> {
        self.following.as_ref()
    }

    /// Opens personal data that is folded from the log with the keys of `vault`; without, it is shown as erased.
    #[must_use]
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { log: self.log.with_vault(vault), ..self }
    }

    /// Who asks, if they may.
    pub(crate) async fn authorize(
        &self,
        headers: &HeaderMap,
        scope: Scope,
        name: &'static str,
        log: &RequestLog,
    ) -> Result<Arc<Identity>, Problem> {
        log.operation(name);
        let identity = self.verifier.authenticate(headers).await.map_err(Problem::from)?;
        log.caller(&identity)?;
        identity.require(scope)?;
        Ok(identity)
    }

    /// Waits until the read model has folded what the caller has already seen. What the log does not have is not waited for.
    pub(crate) async fn wait(&self, model: &'static str, seen: Option<Seen>) -> Result<(), Problem> {
        let Some(Seen { position, epoch }) = seen else { return Ok(()) };
        if epoch.is_some() {
            self.check(position, epoch).await?;
        }
        let late = |error: &WaitError| {
            Problem::unavailable("The read model has not got that far yet", 1)
                .detail(format!("min_position {position} was not reached within {} s", MAX_WAIT.as_secs()))
                .remedy("Ask again after Retry-After, or without min_position for what is known now.")
                .because(error)
        };
        match projector::wait_for(&self.pool, model, position, Duration::ZERO).await {
            Ok(_) => return Ok(()),
            Err(WaitError::TimedOut { .. } | WaitError::Unknown(_)) => self.check(position, epoch).await?,
            Err(WaitError::Stopped { state, .. }) if state == "diverged" => return Err(diverged(model)),
            Err(error @ (WaitError::Stopped { .. } | WaitError::Database(_))) => return Err(late(&error)),
        }
        match projector::wait_for(&self.pool, model, position, MAX_WAIT).await {
            Ok(_) => Ok(()),
            Err(error) => Err(late(&error)),
        }
    }

    async fn check(&self, position: Position, epoch: Option<Epoch>) -> Result<(), Problem> {
        match self.log.has(epoch, position).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(beyond(position)),
            Err(error) => Err(crate::as_of::read_problem(&error)),
        }
    }
}

/// How far a caller has seen the log already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) position: Position,
    /// In which life of the log, where he says so.
    pub(crate) epoch: Option<Epoch>,
}

/// A position that the log does not have: it was handed out by a server whose last events are lost.
pub(crate) fn beyond(position: Position) -> Problem {
    Problem::new(StatusCode::CONFLICT, "log_diverged", "The position belongs to another history of the log")
        .detail(format!(
            "the log does not have position {position} as it was told: after a failover or a restore the last events before \
             it are lost, and the same positions may mean other events"
        ))
        .remedy("Read again without min_position, and send again what is missing, with the same Idempotency-Key.")
}

/// What is read was folded from a log that is not this one any more.
pub(crate) fn diverged(what: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "log_diverged", "The log goes on with another history")
        .detail(format!("{what}: after a failover or a restore an operator has to say how to go on"))
        .remedy("Ask again in a minute; without min_position for what is known now.")
}

/// Runs a database query and notes in the request's log how long it took.
pub(crate) async fn timed<T>(
    log: &RequestLog,
    query: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Problem> {
    let started = Instant::now();
    let result = query.await;
    log.query(started.elapsed());
    result.map_err(|error| database_problem(&error))
}

/// What a caller is told when Postgres cannot answer.
pub(crate) fn database_problem(error: &sqlx::Error) -> Problem {
    match error {
        sqlx::Error::Database(database) if database.code().is_some_and(|code| code == UNDEFINED_COLUMN) => {
            Problem::unavailable("What is asked about is being built anew for this version of the server", 5)
                .because(error)
        }
        sqlx::Error::Database(database) if !database.code().is_some_and(|code| code.starts_with("57")) => {
            Problem::internal(error)
        }
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => {
            Problem::internal(error)
        }
        _ => Problem::unavailable("The database is not available now", 2).because(error),
    }
}
