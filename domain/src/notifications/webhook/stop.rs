//! A webhook that cannot be called any more.

use super::{Event, RECORD, Rejection, Webhook, WebhookStatus, WebhookStop};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Disables a webhook because of what came of calling it. One that is disabled or gone stays so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopWebhook {
    /// Why.
    pub cause: WebhookStop,
}

impl Command for StopWebhook {
    type Streams = Webhook;
    const NAME: &'static str = "notifications.stop_webhook";
    const SCOPE: Scope = RECORD;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, webhook: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match webhook.facts() {
            Some(facts) if facts.status == WebhookStatus::Enabled && !facts.is_removed => {
                Ok(Decided::from(Event::Disabled { cause: self.cause }))
            }
            Some(_) => unchanged(),
            None => Err(Rejection::NotFound),
        }
    }
}
