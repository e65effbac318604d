//! Asking for an erasure.

use super::{ERASE, ErasedKey, ErasureReason, Event, Rejection, Subject};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Asks to destroy these keys of a subject. It is recorded before the first one is destroyed, so that whoever finds it half
/// done can finish it. Keys that were named before are not named again; without any other nothing changes.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestErasure {
    /// Which keys.
    pub erased_keys: Vec<ErasedKey>,
    /// Why.
    #[serde(default)]
    pub reason: ErasureReason,
}

impl Command for RequestErasure {
    type Streams = Subject;
    const NAME: &'static str = "privacy.request_erasure";
    const SCOPE: Scope = ERASE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, subject: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let known = subject.erasure().map_or(&[][..], |erasure| &erasure.erased_keys);
        let mut erased_keys: Vec<_> = self.erased_keys.iter().copied().filter(|key| !known.contains(key)).collect();
        erased_keys.sort_unstable();
        erased_keys.dedup();
        if erased_keys.is_empty() {
            return if known.is_empty() { Err(Rejection::NothingKept) } else { unchanged() };
        }
        Ok(Decided::from(Event::ErasureRequested { erased_keys, reason: self.reason }))
    }
}
