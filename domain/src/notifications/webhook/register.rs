//! Registering a webhook.

use super::{Event, EventTypes, MANAGE, Rejection, Webhook, WebhookLabel, WebhookSecretId, WebhookUrl, known};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Registers an address that is called, as the Standard Webhooks specification says, when an event of these types happens in
/// the tenant. Its secret is in the answer and shown never again.
///
/// The body is the event as a `CloudEvent` 1.0, personal data masked. The address must be HTTPS and lead to the open Internet
/// (`webhook_target_forbidden`); a pattern that no event fits is refused (`notifications.webhook_unknown_event_type`). Events
/// about webhooks themselves are never sent.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterWebhook {
    /// Where to call: `https://hooks.example.com/sillage`.
    pub url: WebhookUrl,
    /// What it is called. Name nobody in it.
    #[serde(default)]
    pub label: Option<WebhookLabel>,
    /// For which events: `support.ticket.opened`, `support.ticket.*`, `support.*`, `*`.
    pub event_types: EventTypes,
}

impl Command for RegisterWebhook {
    type Streams = Webhook;
    const NAME: &'static str = "notifications.register_webhook";
    const SCOPE: Scope = MANAGE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, webhook: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if webhook.facts.is_some() {
            return Err(Rejection::AlreadyRegistered);
        }
        known(&self.event_types)?;
        Ok(Decided::from(Event::Registered {
            url: self.url.clone(),
            label: self.label.clone(),
            event_types: self.event_types.clone(),
            secret_id: WebhookSecretId(cx.derived_id("webhook secret")),
        }))
    }
}
