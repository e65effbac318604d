//! What every query does around its own question: authenticate, wait for the read model, time the database.

use axum::http::HeaderMap;
use event_store::Log;
use kernel::{Position, Scope};
use platform::Problem;
use platform::auth::{Identity, Verifier};
use platform::request_log::RequestLog;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a query waits for its read model at most.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(3);

/// The position of the serving generation, whose name is parameter 2; as a fragment so that rows and position come from one
/// snapshot.
pub(crate) const CHECKPOINT: &str = "(select position from projection.checkpoints join projection.projections \
    using (name, generation) where name = $2 and serving)";

/// What every query needs.
pub struct Services {
    verifier: Verifier,
    pub(crate) pool: PgPool,
    pub(crate) log: Log,
}

impl Services {
    /// Verifies with `verifier`, reads through `pool`, whose sessions work as [`event_store::Role::Tenant`].
    pub fn new(verifier: Verifier, pool: PgPool) -> Self {
        Self { verifier, log: Log::new(pool.clone()), pool }
    }

    /// Who asks, if they may.
    pub(crate) fn authorize(
        &self,
        headers: &HeaderMap,
        scope: Scope,
        name: &'static str,
        log: &RequestLog,
    ) -> Result<Arc<Identity>, Problem> {
        log.operation(name);
        let identity = self.verifier.authenticate(headers).map_err(Problem::from)?;
        log.caller(&identity);
        identity.require(scope)?;
        Ok(identity)
    }

    /// Waits until the read model has folded what the caller has already seen.
    pub(crate) async fn wait(&self, model: &'static str, min_position: Option<Position>) -> Result<(), Problem> {
        let Some(position) = min_position else { return Ok(()) };
        match projector::wait_for(&self.pool, model, position, MAX_WAIT).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Problem::unavailable("The read model has not got that far yet", 1)
                .detail(format!("min_position {position} was not reached within {} s", MAX_WAIT.as_secs()))
                .remedy("Ask again after Retry-After, or without min_position for what is known now.")
                .because(&error)),
        }
    }
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
        sqlx::Error::Database(database) if !database.code().is_some_and(|code| code.starts_with("57")) => {
            Problem::internal(error)
        }
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => {
            Problem::internal(error)
        }
        _ => Problem::unavailable("The database is not available now", 2).because(error),
    }
}
