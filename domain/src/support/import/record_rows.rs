//! Telling what became of rows.

use super::{Event, Import, ImportStatus, ROWS_AT_ONCE, RUN, Rejection, RowOutcome, count};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Tells what became of the next rows; with the last ones the import is completed. Nobody asks for it: whoever carries rows
/// out does.
///
/// Rows that were told change nothing. Refused where they are not the next ones, or the import is rolled back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordImportRows {
    /// In order, without gaps; at most [`ROWS_AT_ONCE`].
    pub rows: Vec<RowOutcome>,
}

impl Command for RecordImportRows {
    type Streams = Import;
    const NAME: &'static str = "support.record_import_rows";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, import: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let begun = import.begun()?;
        match begun.status {
            ImportStatus::Running => {}
            ImportStatus::Completed => return unchanged(),
            ImportStatus::RollingBack | ImportStatus::RolledBack => return Err(Rejection::RolledBack),
        }
        // Two who import the same file tell the same rows; what is known is not told again.
        let rows: Vec<RowOutcome> = self.rows.iter().filter(|row| row.row > begun.done).cloned().collect();
        let Some(last) = rows.last().map(|row| row.row) else { return unchanged() };
        let are_next = (begun.done + 1..=begun.rows).zip(&rows).filter(|(next, row)| *next == row.row).count();
        if are_next != rows.len() || count(&rows, |_| true) > ROWS_AT_ONCE {
            return Err(Rejection::NotTheNextRows);
        }
        let accepted = begun.accepted + count(&rows, |row| row.made_id.is_some());
        let completed = (last == begun.rows).then_some(Event::Completed { accepted, refused: begun.rows - accepted });
        Ok(Decided::new([Event::RowsRecorded { rows }].into_iter().chain(completed).collect()))
    }
}
