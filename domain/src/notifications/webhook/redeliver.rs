//! Sending something once more.

use super::{DeliveryId, Event, MANAGE, Webhook};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Sends a delivery once more, at once and under the same `webhook-id`, whatever came of it before. One that is not kept any more
/// is sent by a replay.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeliverWebhook {
    /// What to send.
    pub delivery_id: DeliveryId,
}

impl Command for RedeliverWebhook {
    type Streams = Webhook;
    const NAME: &'static str = "notifications.redeliver_webhook";
    const SCOPE: Scope = MANAGE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, webhook: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        webhook.enabled()?;
        Ok(Decided::from(Event::RedeliveryRequested { delivery_id: self.delivery_id }))
    }
}
