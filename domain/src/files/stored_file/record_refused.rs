//! It is not taken.

use super::{Event, FileRefusal, FileStatus, KEEP, StoredFile};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Records that a file was looked into and not taken. What was recorded or erased meanwhile stays so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordFileRefused {
    /// Why.
    pub reason: FileRefusal,
}

impl Command for RecordFileRefused {
    type Streams = StoredFile;
    const NAME: &'static str = "files.record_file_refused";
    const SCOPE: Scope = KEEP;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, file: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match file.existing()?.status {
            FileStatus::Uploaded => Ok(Decided::from(Event::Refused { reason: self.reason })),
            FileStatus::Requested
            | FileStatus::Verified
            | FileStatus::Refused
            | FileStatus::Expired
            | FileStatus::Erasing
            | FileStatus::Erased => unchanged(),
        }
    }
}
