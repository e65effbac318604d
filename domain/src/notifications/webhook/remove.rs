//! Removing a webhook.

use super::{Event, MANAGE, Rejection, Webhook};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Removes a webhook: it is never called again, and its address is shown no more. One that is gone stays gone.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveWebhook {}

impl Command for RemoveWebhook {
    type Streams = Webhook;
    const NAME: &'static str = "notifications.remove_webhook";
    const SCOPE: Scope = MANAGE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, webhook: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match webhook.facts() {
            Some(facts) if facts.is_removed => unchanged(),
            Some(_) => Ok(Decided::from(Event::Removed {})),
            None => Err(Rejection::NotFound),
        }
    }
}
