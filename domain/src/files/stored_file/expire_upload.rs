//! The time for an upload is over.

use super::{Event, FileStatus, KEEP, StoredFile};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Ends a file that nobody has uploaded in time. Sillage asks for this itself. One that has come changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpireUpload {}

impl Command for ExpireUpload {
    type Streams = StoredFile;
    const NAME: &'static str = "files.expire_upload";
    const SCOPE: Scope = KEEP;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, file: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match file.existing()?.status {
            FileStatus::Requested => Ok(Decided::from(Event::Expired {})),
            FileStatus::Uploaded
            | FileStatus::Verified
            | FileStatus::Refused
            | FileStatus::Expired
            | FileStatus::Erasing
            | FileStatus::Erased => unchanged(),
        }
    }
}
