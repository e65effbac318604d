//! Handing a file back to whoever handed it over.

use super::{FileVariant, Rejection, StoredFile, UPLOAD};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Answers where a file that one has handed over can be downloaded: `grant` is a request to be sent as it is, within five
/// minutes. Who got it and when is recorded.
///
/// What is linked to something is had there as well, by those who may see that. Refused until the file is verified
/// (`files.stored_file_not_verified`).
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueFileUrl {
    /// In which form.
    #[serde(default)]
    pub variant: FileVariant,
}

impl Command for IssueFileUrl {
    type Streams = StoredFile;
    const NAME: &'static str = "files.issue_file_url";
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
        facts.url_issued(self.variant, cx.now).map(Decided::from)
    }
}
