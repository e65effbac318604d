//! Clear text in tables: put there when rows are written, taken out when its subject is erased.
//!
//! A table has personal data twice: sealed, as the log and every row in memory have it, and in clear, for search and for
//! readers. Whoever writes clear text first takes a lock on the table that other writers do not notice, and then asks which
//! keys were destroyed; whoever erases destroys the key first and then waits for that lock. So a transaction either knows of
//! the erasure or is waited for, and no clear text is left behind.

use crate::ddl::Statements;
use crate::poison::PoisonCause;
use crate::projection::FoldError;
use crate::row::Arrays;
use event_store::{Vault, VaultError};
use sqlx::{AssertSqlSafe, PgConnection, Row, query, raw_sql};

/// Writes rows inside the connection's open transaction, personal data in clear beside its sealed form.
pub(crate) async fn upsert(
    connection: &mut PgConnection,
    statements: &Statements,
    rows: &mut Arrays,
    vault: Option<&Vault>,
) -> Result<(), FoldError> {
    if rows.is_empty() {
        return Ok(());
    }
    guard(connection, statements, vault).await?;
    open(rows, vault).await?;
    rows.bind(query(AssertSqlSafe(statements.upsert.clone()))).execute(connection).await?;
    Ok(())
}

/// Keeps erasures from the table until the transaction ends, and hears of all that were before.
pub(crate) async fn guard(
    connection: &mut PgConnection,
    statements: &Statements,
    vault: Option<&Vault>,
) -> Result<(), FoldError> {
    let Some(guard) = &statements.guard else { return Ok(()) };
    let vault = vault.ok_or(FoldError::NoVault)?;
    let head: i64 = raw_sql(AssertSqlSafe(guard.clone())).fetch_one(connection).await?.try_get(0)?;
    if head != vault.seen() {
        vault.refresh().await?;
    }
    Ok(())
}

/// Puts the clear texts beside the sealed ones; after [`guard`], in the same transaction.
pub(crate) async fn open(rows: &mut Arrays, vault: Option<&Vault>) -> Result<(), FoldError> {
    if !rows.is_personal() {
        return Ok(());
    }
    let vault = vault.ok_or(FoldError::NoVault)?;
    let texts = vault.open_all(&rows.sealed().map_err(FoldError::Clear)?).await?;
    rows.fill(texts).map_err(FoldError::Clear)
}

impl From<VaultError> for FoldError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Unavailable(error) => Self::Database(error),
            other => Self::Vault(other),
        }
    }
}

/// Why rows could not be written.
pub(crate) fn cause(error: FoldError) -> PoisonCause {
    match error {
        FoldError::Poison(poison) => poison.cause,
        FoldError::Database(error) => PoisonCause::Refused(error),
        FoldError::Load(error) => PoisonCause::Table(error),
        FoldError::Clear(error) => PoisonCause::Row(error),
        FoldError::Vault(error) => PoisonCause::Sealed(error),
        FoldError::NoVault => PoisonCause::Refused(sqlx::Error::Configuration(error.into())),
    }
}
