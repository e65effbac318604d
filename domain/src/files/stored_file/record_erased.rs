//! Its bytes are gone.

use super::{Event, FileStatus, KEEP, StoredFile};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Records that the bytes of a file that was to be erased are gone, in every form. Once.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordFileErased {}

impl Command for RecordFileErased {
    type Streams = StoredFile;
    const NAME: &'static str = "files.record_file_erased";
    const SCOPE: Scope = KEEP;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, file: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match file.existing()?.status {
            FileStatus::Erasing => Ok(Decided::from(Event::Erased {})),
            FileStatus::Requested
            | FileStatus::Uploaded
            | FileStatus::Verified
            | FileStatus::Refused
            | FileStatus::Expired
            | FileStatus::Erased => unchanged(),
        }
    }
}
