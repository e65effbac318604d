//! The unit of work: the rows of a batch and the checkpoints, in one transaction.

use crate::aside::Aside;
use crate::control::{self, Generation, Owned, Place};
use crate::poison::{Poison, PoisonCause};
use crate::projection::{Decoded, FoldError, Projection, Written};
use crate::roster::Orders;
use crate::tenure::comparing::Comparing;
use event_store::Vault;
use kernel::{LogId, Position};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, raw_sql};
use std::sync::Arc;
use tokio::sync::watch;

/// What every session that folds is set to.
///
/// - `synchronous_commit = off`: rows and checkpoint are one transaction and can be folded again, so a crash of Postgres
///   may take the last of them back, all together. The log itself is never written here.
/// - The statements join a handful of keys with a table by its primary key. A plan made while the table was small must
///   not become a scan of it when it has grown: only index plans, made once.
/// - A paused process must not sit on row locks that its successor needs: the server ends its transaction.
const SESSION: &str = "set synchronous_commit = off; set jit = off; set plan_cache_mode = force_generic_plan; \
     set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set statement_timeout = '60s'; \
     set lock_timeout = '5s'; set idle_in_transaction_session_timeout = '5s'";

/// A projection that this process owns.
pub(crate) struct Member {
    pub(crate) projection: Box<dyn Projection>,
    pub(crate) generation: Generation,
    /// The index that the keeper knows it by.
    pub(crate) slot: usize,
    /// What operators want of it.
    pub(crate) orders: watch::Receiver<Orders>,
    pub(crate) log_id: LogId,
    pub(crate) at: Place,
    pub(crate) owner_epoch: i64,
    /// What is not folded.
    pub(crate) aside: Arc<Aside>,
    /// The comparison with what readers see, which comes before a switch.
    pub(crate) comparing: Comparing,
    /// Whether it has reached the end of the log since it was taken over.
    pub(crate) live: bool,
}

impl Member {
    /// Drops what is in memory: the transaction failed.
    fn forget(&mut self) {
        self.projection.forget(self.at.position == Position::ZERO);
    }
}

/// Why a batch was not written. In each case nothing of it was.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// The projection with this index cannot fold it.
    Poison(usize, Poison),
    /// Postgres would not do what the projection with this index asked, this time.
    Busy(usize, sqlx::Error),
    /// A checkpoint has moved, has another owner, or names an event that is not in the log.
    Fenced,
    /// Postgres is away or going away. The transaction may have been committed: only the checkpoints can tell.
    Away(sqlx::Error),
}

/// Writes batches through one connection of its own.
pub(crate) struct Writer {
    options: PgConnectOptions,
    vault: Option<Vault>,
    connection: Option<PgConnection>,
}

/// The members and what became of their batch: what each wrote.
pub(crate) type Outcome = (Vec<Member>, Result<Vec<Written>, WriteError>);

impl Writer {
    pub(crate) const fn new(options: PgConnectOptions, vault: Option<Vault>) -> Self {
        Self { options, vault, connection: None }
    }

    /// Folds events in memory, to be written with [`Writer::write`] later. Answers how many rows wait.
    ///
    /// Only for members that are alone: nothing of the group may wait.
    pub(crate) async fn absorb(
        &mut self,
        member: &mut Member,
        events: Decoded,
        to: Place,
    ) -> Result<usize, WriteError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(open(&self.options).await.map_err(WriteError::Away)?),
        };
        let absorbed = member.projection.absorb(events, connection).await;
        absorbed.map_err(|error| {
            member.forget();
            self.connection = None;
            blame(0, to, error)
        })
    }

    /// Folds one more batch per member, writes all that waits and moves all checkpoints from their common place to `to`: all
    /// or nothing.
    ///
    /// Runs in a task of its own: if the caller goes away, the transaction still ends, one way or the other, and no
    /// connection is left inside it.
    ///
    /// # Panics
    /// If the engine itself panics: what read models do is caught before.
    pub(crate) async fn write(&mut self, mut members: Vec<Member>, decoded: Vec<Decoded>, to: Place) -> Outcome {
        let connection = self.connection.take();
        let (options, vault) = (self.options.clone(), self.vault.clone());
        let unit = tokio::spawn(async move {
            let mut connection = match connection {
                Some(connection) => connection,
                None => match open(&options).await {
                    Ok(connection) => connection,
                    Err(error) => {
                        members.iter_mut().for_each(Member::forget);
                        return (members, None, Err(WriteError::Away(error)));
                    }
                },
            };
            match transact(&mut connection, vault.as_ref(), &mut members, decoded, to).await {
                Ok(written) => {
                    for member in &mut members {
                        member.at = to;
                        member.projection.keep();
                    }
                    (members, Some(connection), Ok(written))
                }
                Err(error) => {
                    members.iter_mut().for_each(Member::forget);
                    // The server rolls back when the connection goes; nobody else ever gets to use it.
                    (members, None, Err(error))
                }
            }
        });
        match unit.await {
            Ok((members, connection, result)) => {
                self.connection = connection;
                (members, result)
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down, and the caller with it.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

async fn open(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    raw_sql(SESSION).execute(&mut connection).await?;
    Ok(connection)
}

/// Loads and folds before the transaction begins: nobody else writes these rows, and if somebody does, this transaction is
/// refused in the end. Locks are held for as long as it takes to write.
async fn transact(
    connection: &mut PgConnection,
    vault: Option<&Vault>,
    members: &mut [Member],
    decoded: Vec<Decoded>,
    to: Place,
) -> Result<Vec<Written>, WriteError> {
    let Some(from) = members.first().map(|member| member.at) else { return Ok(Vec::new()) };
    let mut owned = Owned::default();
    let mut written = Vec::with_capacity(members.len());
    for (index, (member, events)) in members.iter_mut().zip(decoded).enumerate() {
        owned.push(&member.generation, member.owner_epoch);
        if events.len > 0 {
            member.projection.absorb(events, connection).await.map_err(|error| blame(index, to, error))?;
        }
        written.push(member.projection.encode().map_err(|poison| WriteError::Poison(index, poison))?);
    }
    let advanced = if written.iter().all(Written::is_nothing) && owned.parts.is_empty() {
        // A single statement is a transaction. Should it move some checkpoints and not others, those were right to move.
        control::advance(connection, &owned, from, to).await.map_err(WriteError::Away)?
    } else {
        raw_sql("begin").execute(&mut *connection).await.map_err(WriteError::Away)?;
        for (index, member) in members.iter_mut().enumerate() {
            member.projection.write(connection, vault).await.map_err(|error| blame(index, to, error))?;
        }
        let advanced = control::advance(connection, &owned, from, to).await.map_err(WriteError::Away)?;
        if advanced {
            raw_sql("commit").execute(connection).await.map_err(WriteError::Away)?;
        }
        advanced
    };
    if advanced { Ok(written) } else { Err(WriteError::Fenced) }
}

/// Tells a batch that cannot be written from a moment at which Postgres cannot write it.
fn blame(index: usize, to: Place, error: FoldError) -> WriteError {
    let poison = |cause| Poison { position: to.position, event_id: to.event_id, cause };
    match error {
        FoldError::Poison(found) => WriteError::Poison(index, found),
        FoldError::Load(error) => WriteError::Poison(index, poison(PoisonCause::Table(error))),
        FoldError::Clear(error) => WriteError::Poison(index, poison(PoisonCause::Row(error))),
        FoldError::Vault(error) => WriteError::Poison(index, poison(PoisonCause::Sealed(error))),
        FoldError::NoVault => WriteError::Away(sqlx::Error::Configuration(error.into())),
        FoldError::Database(sqlx::Error::Database(error)) => {
            let code = error.code().unwrap_or_default().into_owned();
            let error = sqlx::Error::Database(error);
            match code.get(..2) {
                // Cardinality, data, integrity, syntax or rights (the table was changed by hand), limits (an index entry
                // that is too long).
                Some("21" | "22" | "23" | "42" | "54") => {
                    WriteError::Poison(index, poison(PoisonCause::Refused(error)))
                }
                // Deadlock, lock not available, statement timeout.
                Some("40" | "55") => WriteError::Busy(index, error),
                _ if code == "57014" => WriteError::Busy(index, error),
                _ => WriteError::Away(error),
            }
        }
        FoldError::Database(error @ (sqlx::Error::Encode(_) | sqlx::Error::ColumnDecode { .. })) => {
            WriteError::Poison(index, poison(PoisonCause::Refused(error)))
        }
        FoldError::Database(error) => WriteError::Away(error),
    }
}
