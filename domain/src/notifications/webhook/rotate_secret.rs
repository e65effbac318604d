//! Signing calls with another secret.

use super::{Event, MANAGE, ROTATION, Webhook, WebhookSecretId};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Signs calls with a new secret, which is in the answer and shown never again. For 24 hours calls carry both signatures, the one
/// with the secret of before as well, so that receivers can change over meanwhile.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateWebhookSecret {}

impl Command for RotateWebhookSecret {
    type Streams = Webhook;
    const NAME: &'static str = "notifications.rotate_webhook_secret";
    const SCOPE: Scope = MANAGE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, webhook: View<'_, Self>, cx: &Context) -> Decision<Self> {
        webhook.existing()?;
        let secret_id = WebhookSecretId(cx.derived_id("webhook secret"));
        Ok(Decided::from(Event::SecretRotated { secret_id, previous_until: cx.now + ROTATION }))
    }
}
