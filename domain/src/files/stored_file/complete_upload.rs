//! Saying that the bytes are there.

use super::{Event, FileStatus, Rejection, StoredFile, UPLOAD};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that the bytes of the file have been uploaded. It is looked into then; read the file until its status is `verified` or
/// `refused`, which is usually a matter of a second.
///
/// Said before changes nothing. Refused when it is too late (`files.stored_file_expired`).
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteUpload {}

impl Command for CompleteUpload {
    type Streams = StoredFile;
    const NAME: &'static str = "files.complete_upload";
    const SCOPE: Scope = UPLOAD;
    const REACH: Reach = Reach::Own { all: None };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, file: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let facts = file.existing()?;
        if !cx.reaches(Self::REACH, facts.uploader_id) {
            return Err(Rejection::NotFound);
        }
        match facts.status {
            FileStatus::Requested => Ok(Decided::from(Event::Uploaded {})),
            FileStatus::Uploaded | FileStatus::Verified | FileStatus::Refused => unchanged(),
            FileStatus::Expired | FileStatus::Erasing | FileStatus::Erased => Err(facts.not_available()),
        }
    }
}
