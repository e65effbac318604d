//! Changing where a webhook is called, and for what.

use super::{Event, EventTypes, MANAGE, Webhook, WebhookLabel, WebhookUrl, known};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says anew where a webhook is called and for which events, whole: what is left out is gone. The same again changes nothing.
/// What waits to be sent goes to the new address.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWebhook {
    /// Where to call.
    pub url: WebhookUrl,
    /// What it is called. Name nobody in it.
    #[serde(default)]
    pub label: Option<WebhookLabel>,
    /// For which events.
    pub event_types: EventTypes,
}

impl Command for ChangeWebhook {
    type Streams = Webhook;
    const NAME: &'static str = "notifications.change_webhook";
    const SCOPE: Scope = MANAGE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, webhook: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let facts = webhook.existing()?;
        if (&facts.url, &facts.label, &facts.event_types) == (&self.url, &self.label, &self.event_types) {
            return unchanged();
        }
        known(&self.event_types)?;
        let (url, label, event_types) = (self.url.clone(), self.label.clone(), self.event_types.clone());
        Ok(Decided::from(Event::Changed { url, label, event_types }))
    }
}
