//! An import: a file of tickets or articles from elsewhere, and what became of each of its rows. This file is the stored
//! contract.
//!
//! The file itself stays with whoever sends it. What is kept of it is its sum, its name and, row by row, what was made or why
//! nothing was: no text that stood in it.

mod begin;
mod enumerations;
mod record_rows;
mod record_undone_rows;
mod rejection;
mod roll_back;
#[cfg(test)]
mod specs;

pub use begin::BeginImport;
pub use enumerations::{ImportField, ImportKind, ImportProblem, ImportStatus, RowStatus};
pub use record_rows::RecordImportRows;
pub use record_undone_rows::RecordUndoneRows;
pub use rejection::Rejection;
pub use roll_back::RollBackImport;

use crate::files::Checksum;
use kernel::ids::derived;
use kernel::{Aggregate, CommandId, Personal, Scope, Text, typed_id};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Bringing things in from elsewhere, and taking them out again.
pub const RUN: Scope = Scope::new("support.import:run");

/// Rows that are carried out and told together. After a crash so many may have been made that were not told.
pub const ROWS_AT_ONCE: i32 = 100;

/// What the file is called by whoever sends it.
pub type ImportedFileName = Text<1, 255>;

typed_id! {
    /// An import: its stream.
    pub struct ImportId;
}

impl ImportId {
    /// The ticket or article that this row makes. It follows from the import and the row, so that a row that is carried out
    /// again makes nothing a second time.
    pub fn made_by(self, row: i32) -> Uuid {
        derived(self.0, &format!("row {row}"))
    }

    /// The command that takes this step for a row.
    pub fn step(self, row: i32, step: &str) -> CommandId {
        CommandId(derived(self.made_by(row), step))
    }

    /// The command that tells of rows, or of the import as a whole.
    pub fn telling(self, what: &str) -> CommandId {
        CommandId(derived(self.0, what))
    }
}

/// What became of a row: something was made, or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RowOutcome {
    /// The row: 1, 2, 3, … without the header.
    pub row: i32,
    /// The line of the file on which it begins.
    pub line: i32,
    /// The ticket or article that it made.
    pub made_id: Option<Uuid>,
    /// Which of its fields is wrong, where it is one.
    pub field: Option<ImportField>,
    /// Why it made nothing.
    pub problem: Option<ImportProblem>,
}

/// What became of what a row had made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoneRow {
    /// The row.
    pub row: i32,
    /// Whether it was undone; else somebody had worked on it since, and it was left.
    pub undone: bool,
}

/// What may happen to an import. Who and when are in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody sent a file.
    Begun {
        /// What is in it.
        kind: ImportKind,
        /// What it is called. It goes with the person who sent it.
        file_name: Option<Personal<ImportedFileName>>,
        /// What its bytes come to.
        sha256: Checksum,
        /// How many rows it has.
        rows: i32,
    },
    /// The next rows, and what became of them.
    RowsRecorded {
        /// In order, without gaps.
        rows: Vec<RowOutcome>,
    },
    /// That were all.
    Completed {
        /// How many made something.
        accepted: i32,
        /// How many did not.
        refused: i32,
    },
    /// From now on nothing more is made by it, and what it has made is undone.
    RollbackBegun {},
    /// What became of what these rows had made. Rows that had made nothing are not named.
    RowsUndone {
        /// In order.
        rows: Vec<UndoneRow>,
        /// Up to which row that is done.
        up_to: i32,
    },
    /// All of it was undone, but for what was left.
    RolledBack {
        /// How many were undone.
        undone: i32,
        /// How many were left, since somebody had worked on them.
        left: i32,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "support.import";

    fn examples() -> Vec<Self> {
        let sender = Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0030);
        let made = Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0031);
        let file_name = ImportedFileName::parse("tickets-2025.csv").ok().map(|name| Personal::new(sender, name));
        let accepted = RowOutcome { row: 1, line: 2, made_id: Some(made), field: None, problem: None };
        let refused = RowOutcome {
            row: 2,
            line: 3,
            made_id: None,
            field: Some(ImportField::Customer),
            problem: Some(ImportProblem::NoSuchCustomer),
        };
        vec![
            Self::Begun {
                kind: ImportKind::Tickets,
                file_name,
                sha256: Checksum::parse(&"0f".repeat(32)).expect("an example is valid"),
                rows: 2,
            },
            Self::RowsRecorded { rows: vec![accepted, refused] },
            Self::Completed { accepted: 1, refused: 1 },
            Self::RollbackBegun {},
            Self::RowsUndone { rows: vec![UndoneRow { row: 1, undone: true }], up_to: 2 },
            Self::RolledBack { undone: 1, left: 0 },
        ]
    }
}

/// The state of an import's stream: nothing before it is begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    progress: Option<Progress>,
}

/// How far an import has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is in the file.
    pub kind: ImportKind,
    /// What its bytes come to.
    pub sha256: Checksum,
    /// How many rows it has.
    pub rows: i32,
    /// Where it stands.
    pub status: ImportStatus,
    /// Up to which row something was made, or not.
    pub done: i32,
    /// How many made something.
    pub accepted: i32,
    /// How many did not.
    pub refused: i32,
    /// Up to which row what was made was undone, or left.
    pub undone_up_to: i32,
    /// How many were undone.
    pub undone: i32,
    /// How many were left.
    pub left: i32,
}

impl Progress {
    /// The last row that may have made something: after a crash more were made than were told.
    pub fn last_made(&self) -> i32 {
        self.rows.min(self.done.saturating_add(ROWS_AT_ONCE))
    }
}

impl Aggregate for Import {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let progress = match (self.progress, event) {
            (_, Event::Begun { kind, sha256, rows, .. }) => Some(Progress {
                kind: *kind,
                sha256: sha256.clone(),
                rows: *rows,
                status: ImportStatus::Running,
                done: 0,
                accepted: 0,
                refused: 0,
                undone_up_to: 0,
                undone: 0,
                left: 0,
            }),
            (progress, Event::RowsRecorded { rows }) => progress.map(|it| {
                let accepted = count(rows, |row| row.made_id.is_some());
                Progress {
                    done: rows.last().map_or(it.done, |row| row.row),
                    accepted: it.accepted + accepted,
                    refused: it.refused + count(rows, |_| true) - accepted,
                    ..it
                }
            }),
            (progress, Event::Completed { .. }) => {
                progress.map(|it| Progress { status: ImportStatus::Completed, ..it })
            }
            (progress, Event::RollbackBegun {}) => {
                progress.map(|it| Progress { status: ImportStatus::RollingBack, ..it })
            }
            (progress, Event::RowsUndone { rows, up_to }) => progress.map(|it| {
                let undone = count(rows, |row| row.undone);
                let left = it.left + count(rows, |row| !row.undone);
                Progress { undone_up_to: *up_to, undone: it.undone + undone, left, ..it }
            }),
            (progress, Event::RolledBack { .. }) => {
                progress.map(|it| Progress { status: ImportStatus::RolledBack, ..it })
            }
        };
        Self { progress }
    }
}

impl Import {
    /// How far it has come, once it is begun.
    pub const fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// Whether it still makes things.
    pub fn is_running(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.status == ImportStatus::Running)
    }

    fn begun(&self) -> Result<&Progress, Rejection> {
        self.progress.as_ref().ok_or(Rejection::NotFound)
    }
}

/// Rows are counted in what the log has for them: no file has more.
fn count<T>(rows: &[T], which: impl Fn(&T) -> bool) -> i32 {
    i32::try_from(rows.iter().filter(|row| which(row)).count()).unwrap_or(i32::MAX)
}
