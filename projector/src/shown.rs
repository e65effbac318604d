//! What tables show in clear, compared with what the sealed texts beside it open to.

use crate::naive::CompareError;
use crate::row::Arrays;
use chrono::{DateTime, Utc};
use event_store::Log;
use event_store::verify::Divergence;
use kernel::{ColumnKind, Position, Sealed, Table, TenantId};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};
use std::fmt::Debug;

/// The clear texts of a table, to be compared with what the sealed ones beside them open to.
pub(crate) struct Shown {
    table: Table,
    /// When the table was as it is read.
    since: DateTime<Utc>,
    waiting: Arrays,
    /// Key and clear text of each sealed text that waits, in the order of [`Arrays::sealed`] of one row.
    found: Vec<Found>,
}

struct Found {
    tenant_id: TenantId,
    key: String,
    at: Position,
    column: &'static str,
    sealed: Sealed,
    clear: Option<String>,
}

impl Shown {
    pub(crate) fn new(table: &Table, since: DateTime<Utc>) -> Self {
        Self { table: *table, since, waiting: Arrays::of_rows(table), found: Vec::new() }
    }

    /// Takes what a row shows, which was last touched by the event at `at`.
    pub(crate) fn push<K: Debug, R: Serialize>(
        &mut self,
        (tenant_id, key, at): (TenantId, &K, Position),
        row: &R,
        stored: &PgRow,
    ) -> Result<(), CompareError> {
        if !self.waiting.is_personal() {
            return Ok(());
        }
        self.waiting.clear();
        self.waiting.push_row(tenant_id, row, 0)?;
        let mut sealed = self.waiting.sealed()?.into_iter();
        for column in self.table.columns.iter().filter(|column| column.kind == ColumnKind::Personal) {
            let clear: Option<String> = stored.try_get(column.name)?;
            if stored.try_get_raw(&*column.stored_name())?.is_null() {
                continue;
            }
            if let Some((tenant_id, sealed)) = sealed.next() {
                self.found.push(Found { tenant_id, key: format!("{key:?}"), at, column: column.name, sealed, clear });
            }
        }
        Ok(())
    }

    /// Compares once so many wait. Texts themselves are in no answer.
    pub(crate) async fn check(
        &mut self,
        name: &str,
        log: &Log,
        at_least: usize,
    ) -> Result<Option<Divergence>, CompareError> {
        if self.found.len() < at_least {
            return Ok(None);
        }
        let vault = log.vault().ok_or(CompareError::NoVault)?;
        let found = std::mem::take(&mut self.found);
        let sealed: Vec<_> = found.iter().map(|found| (found.tenant_id, found.sealed.clone())).collect();
        for (found, text) in found.into_iter().zip(vault.open_all(&sealed).await?) {
            let Found { tenant_id, key, at, column, sealed, clear } = found;
            let wrong = match (text, clear) {
                (Some(text), Some(clear)) => (*text != *clear).then_some(("what is sealed", "another text")),
                (Some(_), None) => Some(("a text", "none")),
                (None, None) => None,
                // Erased while this was read, or about to be taken out.
                (None, Some(_)) if vault.is_being_erased(tenant_id, sealed.subject(), self.since).await? => None,
                (None, Some(_)) => Some(("nothing: it was erased", "a text")),
            };
            if let Some((expected, found)) = wrong {
                return Ok(Some(Divergence {
                    part: name.to_owned(),
                    position: Some(at),
                    subject: format!("tenant {tenant_id}, key {key}"),
                    field: column.to_owned(),
                    expected: expected.to_owned(),
                    found: found.to_owned(),
                }));
            }
        }
        Ok(None)
    }
}
