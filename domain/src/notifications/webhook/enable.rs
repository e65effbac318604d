//! Calling a webhook again.

use super::{Event, MANAGE, Webhook, WebhookStatus};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Calls a webhook again from now on. What happened while it was disabled is sent by a replay. One that is enabled stays so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnableWebhook {}

impl Command for EnableWebhook {
    type Streams = Webhook;
    const NAME: &'static str = "notifications.enable_webhook";
    const SCOPE: Scope = MANAGE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, webhook: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match webhook.existing()?.status {
            WebhookStatus::Enabled => unchanged(),
            WebhookStatus::Disabled => Ok(Decided::from(Event::Enabled {})),
        }
    }
}
