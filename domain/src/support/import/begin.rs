//! Beginning an import.

use super::{Event, Import, ImportKind, ImportStatus, ImportedFileName, RUN, Rejection};
use crate::files::Checksum;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says which file is imported, before any of its rows is.
///
/// The same file once more changes nothing: it goes on where it stands. Refused with `support.import_other_file` where the
/// import is of another file, and with `support.import_rolled_back` once it is rolled back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginImport {
    /// What is in it.
    pub kind: ImportKind,
    /// What it is called.
    pub file_name: Option<Private<ImportedFileName>>,
    /// What its bytes come to.
    pub sha256: Checksum,
    /// How many rows it has.
    pub rows: i32,
}

impl Command for BeginImport {
    type Streams = Import;
    const NAME: &'static str = "support.begin_import";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, import: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if let Some(begun) = import.progress() {
            if begun.sha256 != self.sha256 || begun.kind != self.kind {
                return Err(Rejection::OtherFile);
            }
            return match begun.status {
                ImportStatus::Running | ImportStatus::Completed => unchanged(),
                ImportStatus::RollingBack | ImportStatus::RolledBack => Err(Rejection::RolledBack),
            };
        }
        Ok(Decided::from(Event::Begun {
            kind: self.kind,
            file_name: self.file_name.as_ref().map(|name| name.about(cx.actor_id())),
            sha256: self.sha256.clone(),
            rows: self.rows,
        }))
    }
}
