//! Not calling a webhook any more.

use super::{Event, MANAGE, Webhook, WebhookStatus, WebhookStop};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Does not call a webhook any more, until it is enabled. What waits to be sent is let go. One that is disabled stays so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisableWebhook {}

impl Command for DisableWebhook {
    type Streams = Webhook;
    const NAME: &'static str = "notifications.disable_webhook";
    const SCOPE: Scope = MANAGE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, webhook: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match webhook.existing()?.status {
            WebhookStatus::Disabled => unchanged(),
            WebhookStatus::Enabled => Ok(Decided::from(Event::Disabled { cause: WebhookStop::ByHand })),
        }
    }
}
