//! The files that one has handed over.

use crate::list::{Filter, List};
use domain::files::FilePurpose;
use domain::files::stored_file::{FileStatus, MANAGE, UPLOAD};
use kernel::{Reach, Scope};
use read_models::files::StoredFiles;

pub(crate) struct ListFiles;

impl List for ListFiles {
    type Model = StoredFiles;
    const NAME: &'static str = "files.list_files";
    const SCOPE: Scope = UPLOAD;
    const REACH: Reach = Reach::Own { all: Some(MANAGE) };
    const OWNERS: &'static [&'static str] = &["uploader_id"];
    const FILTERS: &'static [Filter] = &[
        Filter::labelled::<FileStatus>("status"),
        Filter::labelled::<FilePurpose>("purpose"),
        Filter::id("uploader_id"),
    ];
    const SORTS: &'static [&'static str] = &["-created_at", "created_at"];
}
