//! Telling what became of what rows had made.

use super::{Event, Import, ImportStatus, RUN, Rejection, UndoneRow, count};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Tells what was undone and what was left, up to a row; with the last one the import is rolled back. Nobody asks for it:
/// whoever undoes rows does.
///
/// What was told changes nothing. Refused where something is left out in between, or nothing is being rolled back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordUndoneRows {
    /// The rows that had made something, in order.
    pub rows: Vec<UndoneRow>,
    /// The row after which it begins.
    pub after: i32,
    /// Up to which row this is all.
    pub up_to: i32,
}

impl Command for RecordUndoneRows {
    type Streams = Import;
    const NAME: &'static str = "support.record_undone_rows";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, import: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let begun = import.begun()?;
        match begun.status {
            ImportStatus::RollingBack => {}
            ImportStatus::RolledBack => return unchanged(),
            ImportStatus::Running | ImportStatus::Completed => return Err(Rejection::NotTheNextRows),
        }
        if self.up_to <= begun.undone_up_to {
            return unchanged();
        }
        let is_next = |row: &UndoneRow| self.after < row.row && row.row <= self.up_to;
        if self.after != begun.undone_up_to || self.up_to > begun.last_made() || !self.rows.iter().all(is_next) {
            return Err(Rejection::NotTheNextRows);
        }
        let (undone, left) = (count(&self.rows, |row| row.undone), count(&self.rows, |row| !row.undone));
        let told = Event::RowsUndone { rows: self.rows.clone(), up_to: self.up_to };
        let over = Event::RolledBack { undone: begun.undone + undone, left: begun.left + left };
        let over = (self.up_to == begun.last_made()).then_some(over);
        Ok(Decided::new([told].into_iter().chain(over).collect()))
    }
}
