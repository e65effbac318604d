//! What a ticket that came with an import remembers of it: enough to say whether it may be withdrawn with it.

use super::{Case, Event};
use crate::support::import::ImportId;
use kernel::BlindIndex;
use serde::{Deserialize, Serialize};

/// Where a ticket was imported from, and whether anybody has worked on it since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FromImport {
    pub(super) import_id: ImportId,
    pub(super) reference_index: Option<BlindIndex>,
    settled: bool,
    pub(super) touched: bool,
}

impl FromImport {
    pub(super) const fn new(import_id: ImportId, reference_index: Option<BlindIndex>) -> Self {
        Self { import_id, reference_index, settled: false, touched: false }
    }

    fn after(self, event: &Event) -> Self {
        match event {
            Event::ImportSettled { .. } => Self { settled: true, ..self },
            // Having read it is no work on it, and time passes by itself.
            Event::ReadUpTo { .. }
            | Event::Imported { .. }
            | Event::ImportUndone { .. }
            | Event::SlaWarned { .. }
            | Event::SlaBreached { .. } => self,
            Event::Opened { .. }
            | Event::CustomerReplied { .. }
            | Event::AgentReplied { .. }
            | Event::InternalNoteAdded { .. }
            | Event::Assigned { .. }
            | Event::Unassigned { .. }
            | Event::StatusChanged { .. }
            | Event::PriorityChanged { .. }
            | Event::CategoryChanged { .. }
            | Event::SubjectChanged { .. }
            | Event::Tagged { .. }
            | Event::Untagged { .. }
            | Event::CsatSubmitted { .. }
            | Event::MergedInto { .. }
            | Event::Unmerged { .. }
            | Event::Absorbed { .. }
            | Event::Released { .. }
            | Event::SlaClockStarted { .. }
            | Event::SlaClockPaused { .. }
            | Event::SlaClockResumed { .. }
            | Event::SlaTargetChanged { .. }
            | Event::TimerSet { .. }
            | Event::AttachmentLinked { .. }
            | Event::InternalAttachmentLinked { .. } => Self { touched: self.settled, ..self },
        }
    }
}

impl Case {
    /// The same, with what the event means to where it came from.
    pub(super) fn seen_by_import(self, event: &Event) -> Self {
        Self { from_import: self.from_import.map(|from| from.after(event)), ..self }
    }
}
