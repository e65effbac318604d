//! Removing a file of somebody who is erased.

use super::{Event, FileErasure, FileStatus, KEEP, StoredFile};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Deletes a file because of whom it is about. Sillage asks for this itself. What is gone already changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveFile {
    /// Why.
    pub reason: FileErasure,
}

impl Command for RemoveFile {
    type Streams = StoredFile;
    const NAME: &'static str = "files.remove_file";
    const SCOPE: Scope = KEEP;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, file: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match file.existing()?.status {
            FileStatus::Requested | FileStatus::Uploaded | FileStatus::Verified => {
                Ok(Decided::from(Event::ErasureRequested { reason: self.reason }))
            }
            FileStatus::Refused | FileStatus::Expired | FileStatus::Erasing | FileStatus::Erased => unchanged(),
        }
    }
}
