//! A webhook of the tenant, without its secret.

use super::READ_WEBHOOKS;
use crate::detail::Detail;
use domain::notifications::webhook;
use kernel::{Event as _, Reach, Scope, Version};
use read_models::notifications::webhooks::{WebhookRow, Webhooks};
use uuid::Uuid;

pub(crate) struct GetWebhook;

impl Detail for GetWebhook {
    type Model = Webhooks;
    const NAME: &'static str = "notifications.get_webhook";
    const SCOPE: Scope = READ_WEBHOOKS;
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = READ_WEBHOOKS;

    fn streams(_row: &WebhookRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(webhook::Event::CATEGORY, id)]
    }

    fn version(row: &WebhookRow) -> Option<Version> {
        Some(row.version)
    }
}
