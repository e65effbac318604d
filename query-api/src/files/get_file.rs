//! A file: whoever handed it over sees what became of it.

use crate::detail::Detail;
use domain::files::stored_file::{self, MANAGE, UPLOAD};
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::files::stored_files::{StoredFileRow, StoredFiles};
use uuid::Uuid;

pub(crate) struct GetFile;

impl Detail for GetFile {
    type Model = StoredFiles;
    const NAME: &'static str = "files.get_file";
    const SCOPE: Scope = UPLOAD;
    const REACH: Reach = Reach::Own { all: Some(MANAGE) };
    const OWNERS: &'static [&'static str] = &["uploader_id"];
    const HISTORY_SCOPE: Scope = MANAGE;

    fn streams(_row: &StoredFileRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(stored_file::Event::CATEGORY, id)]
    }

    fn version(row: &StoredFileRow) -> Option<Version> {
        Some(row.version)
    }
}
