//! Erasing a file.

use super::{Event, FileErasure, FileStatus, Rejection, StoredFile, UPLOAD};
use crate::files::stored_file::MANAGE;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Deletes a file that one has handed over or that is about oneself, in every form. It cannot be had from now on, and its bytes
/// are gone within seconds, when its status is `erased`. What it was linked to tells that there was one.
///
/// Erased before, refused or never uploaded changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseFile {}

impl Command for EraseFile {
    type Streams = StoredFile;
    const NAME: &'static str = "files.erase_file";
    const SCOPE: Scope = UPLOAD;
    const REACH: Reach = Reach::Own { all: Some(MANAGE) };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, file: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let facts = file.existing()?;
        // What is kept from a person is not to be found by him either.
        let about_him = !facts.restricted && cx.reaches(Self::REACH, facts.person_id);
        if !about_him && !cx.reaches(Self::REACH, facts.uploader_id) {
            return Err(Rejection::NotFound);
        }
        match facts.status {
            FileStatus::Requested | FileStatus::Uploaded | FileStatus::Verified => {
                Ok(Decided::from(Event::ErasureRequested { reason: FileErasure::Asked }))
            }
            FileStatus::Refused | FileStatus::Expired | FileStatus::Erasing | FileStatus::Erased => unchanged(),
        }
    }
}
