//! What people were told; webhooks, and what was sent to them.

mod deliveries;
mod description;
mod get_delivery;
mod get_feed;
mod get_own_feed;
mod get_webhook;
mod list_deliveries;
mod list_notifications;
mod list_replays;
mod list_webhooks;

pub(crate) use deliveries::DeliveryState;

use crate::routes::QueryRoutes;
use kernel::Scope;

/// Sees webhooks and what was sent to them.
const READ_WEBHOOKS: Scope = Scope::new("notifications.webhook:read");

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/notifications")
        .list::<list_notifications::ListNotifications>("")
        .raw("/own-feed", get_own_feed::answer, get_own_feed::describe)
        .detail::<get_feed::GetFeed>("/feeds/{feed_id}")
        .list::<list_webhooks::ListWebhooks>("/webhooks")
        .detail::<get_webhook::GetWebhook>("/webhooks/{webhook_id}")
        .raw("/webhooks/{webhook_id}/deliveries", list_deliveries::answer, description::list_deliveries)
        .raw("/webhook-deliveries/{delivery_id}", get_delivery::answer, description::get_delivery)
        .raw("/webhooks/{webhook_id}/replays", list_replays::answer, description::list_replays)
}
