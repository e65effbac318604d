//! The webhooks of the tenant, without their secrets.

use super::READ_WEBHOOKS;
use crate::list::{Filter, List};
use domain::notifications::webhook::WebhookStatus;
use kernel::{Reach, Scope};
use read_models::notifications::Webhooks;

pub(crate) struct ListWebhooks;

impl List for ListWebhooks {
    type Model = Webhooks;
    const NAME: &'static str = "notifications.list_webhooks";
    const SCOPE: Scope = READ_WEBHOOKS;
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[Filter::labelled::<WebhookStatus>("status")];
    const SORTS: &'static [&'static str] = &["-registered_at", "registered_at"];
    const LIMIT: i64 = 50;
}
