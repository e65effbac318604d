//! Certifying an erasure.

use super::{ERASE, Event, Rejection, Subject};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that what was asked for was done: the keys are destroyed, and no clear text is left in tables. Once per erasure.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CertifyErasure {
    /// Clear texts that were taken out of tables.
    pub texts_removed: i64,
}

impl Command for CertifyErasure {
    type Streams = Subject;
    const NAME: &'static str = "privacy.certify_erasure";
    const SCOPE: Scope = ERASE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, subject: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let erasure = subject.erasure().ok_or(Rejection::NotRequested)?;
        if erasure.completed {
            return unchanged();
        }
        let keys_destroyed = i32::try_from(erasure.erased_keys.len()).unwrap_or(i32::MAX);
        Ok(Decided::from(Event::ErasureCompleted { keys_destroyed, texts_removed: self.texts_removed }))
    }
}
