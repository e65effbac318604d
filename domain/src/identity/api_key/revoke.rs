//! Taking an API key back.

use super::{ApiKey, Event, Rejection};
use crate::identity::MANAGE_API_KEYS;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Takes an API key back: it is refused within five seconds. One that was taken back stays so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeApiKey {}

impl Command for RevokeApiKey {
    type Streams = ApiKey;
    const NAME: &'static str = "identity.revoke_api_key";
    const SCOPE: Scope = MANAGE_API_KEYS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, api_key: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        if api_key.key.as_ref().ok_or(Rejection::NotFound)?.revoked {
            return unchanged();
        }
        Ok(Decided::from(Event::Revoked {}))
    }
}
