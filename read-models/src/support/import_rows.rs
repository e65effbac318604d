//! What became of every row of every import.

use domain::support::import::{Event, ImportField, ImportId, ImportProblem, RowStatus};
use kernel::{Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `support.import_rows`: one row per row of an imported file that has an outcome. Nothing that stood in it is kept here.
pub struct ImportRows;

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportRowRow {
    /// The import.
    pub import_id: ImportId,
    /// The row: 1, 2, 3, … without the header.
    pub row: i32,
    /// The line of the file on which it begins; 0 where it made something and the import ended before it was told.
    pub line: i32,
    /// What became of it.
    pub status: RowStatus,
    /// The ticket or article that it made.
    pub made_id: Option<Uuid>,
    /// Which of its fields is wrong, where it is one.
    pub field: Option<ImportField>,
    /// Why it made nothing. Its labels say what to do about it.
    pub problem: Option<ImportProblem>,
}

impl ReadModel for ImportRows {
    type Event = Event;
    type Key = (ImportId, i32);
    type Row = ImportRowRow;

    const NAME: &'static str = "support.import_rows";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("import_id", ColumnKind::Uuid),
            Column::new("row", ColumnKind::Integer),
            Column::new("line", ColumnKind::Integer),
            Column::new("status", ColumnKind::Text),
            Column::optional("made_id", ColumnKind::Uuid),
            Column::optional("field", ColumnKind::Text),
            Column::optional("problem", ColumnKind::Text),
        ],
        indexes: &[Index { columns: &["import_id", "status", "row"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<(ImportId, i32)> {
        let import_id = ImportId(event.stream_id);
        match &event.event {
            Event::RowsRecorded { rows } => Keys::Many(rows.iter().map(|row| (import_id, row.row)).collect()),
            Event::RowsUndone { rows, .. } => Keys::Many(rows.iter().map(|row| (import_id, row.row)).collect()),
            Event::Begun { .. } | Event::Completed { .. } | Event::RollbackBegun {} | Event::RolledBack { .. } => {
                Keys::None
            }
        }
    }

    fn apply(row: Option<ImportRowRow>, key: &(ImportId, i32), event: &Recorded<Event>) -> Option<ImportRowRow> {
        let (import_id, number) = *key;
        match &event.event {
            Event::RowsRecorded { rows } => {
                let told = rows.iter().find(|told| told.row == number)?;
                let status = if told.made_id.is_some() { RowStatus::Accepted } else { RowStatus::Refused };
                let (made_id, field, problem) = (told.made_id, told.field, told.problem);
                Some(ImportRowRow { import_id, row: number, line: told.line, status, made_id, field, problem })
            }
            Event::RowsUndone { rows, .. } => {
                let told = rows.iter().find(|told| told.row == number)?;
                let status = if told.undone { RowStatus::Undone } else { RowStatus::Left };
                // What was made by a crashed import and was never told is told by its end.
                let made_id = Some(import_id.made_by(number));
                let never_told =
                    ImportRowRow { import_id, row: number, line: 0, status, made_id, field: None, problem: None };
                Some(ImportRowRow { status, ..row.unwrap_or(never_told) })
            }
            Event::Begun { .. } | Event::Completed { .. } | Event::RollbackBegun {} | Event::RolledBack { .. } => row,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::specs::Story;
    use kernel::{ActorId, Event as _};

    #[test]
    fn every_row_has_one_outcome_which_a_rollback_changes() {
        let (import, olivia) = (ImportId(Uuid::from_u128(0x1111)), ActorId(Uuid::from_u128(0x0111)));
        let after = |events: usize| {
            let events = Event::examples().into_iter().take(events);
            let story = events.fold(Story::<Event>::new(), |story, event| story.then(import, olivia, event));
            let row = |number: i32| story.row::<ImportRows>(&(import, number)).map(|row| (row.status, row.problem));
            (row(1), row(2))
        };
        let refused = Some((RowStatus::Refused, Some(ImportProblem::NoSuchCustomer)));
        assert_eq!(after(1), (None, None));
        assert_eq!(after(3), (Some((RowStatus::Accepted, None)), refused));
        assert_eq!(after(6), (Some((RowStatus::Undone, None)), refused));
    }
}
