//! Trying a webhook out.

use super::{Event, MANAGE, Webhook};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Sends the webhook the event of this very request, `notifications.webhook.test_requested`: whatever its event types are, and
/// also while it is disabled. The deliveries show what came of it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestWebhook {}

impl Command for TestWebhook {
    type Streams = Webhook;
    const NAME: &'static str = "notifications.test_webhook";
    const SCOPE: Scope = MANAGE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, webhook: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        webhook.existing()?;
        Ok(Decided::from(Event::TestRequested {}))
    }
}
