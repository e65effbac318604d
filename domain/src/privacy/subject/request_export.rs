//! Giving somebody what is kept about him.

use super::{EXPORT, Event, Rejection, Subject};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, SubjectId, TenantId, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that everything that is kept about somebody is read, to be given to that person (GDPR, articles 15 and 20). Said before
/// it is read; each time anew.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestExport {
    /// What the subject is called where it is kept, the subject's own id among them.
    pub known_as: Vec<SubjectId>,
    /// What this tenant keeps; everything everywhere where none is named.
    pub kept_by: Option<TenantId>,
}

impl Command for RequestExport {
    type Streams = Subject;
    const NAME: &'static str = "privacy.request_export";
    const SCOPE: Scope = EXPORT;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, _subject: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let mut known_as = self.known_as.clone();
        known_as.sort_unstable();
        known_as.dedup();
        if known_as.is_empty() {
            return Err(Rejection::NothingKept);
        }
        Ok(Decided::from(Event::ExportRequested { known_as, kept_by: self.kept_by }))
    }
}
