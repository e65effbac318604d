//! Sending a stretch of history once more.

use super::{Event, MANAGE, Rejection, ReplayId, Webhook};
use chrono::{DateTime, Utc};
use kernel::{Command, Context, Decided, Decision, Position, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Sends the webhook what it is to be told of once more, from a position of the log or a time up to now, under the same
/// `webhook-id`s: whoever drops what he knows already gets what he has missed. What happened before it was registered is sent,
/// too. Its progress is among the webhook's replays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayWebhook {
    /// From this position on.
    #[serde(default)]
    pub from_position: Option<Position>,
    /// Or from what was recorded at this time or later.
    #[serde(default)]
    pub from_time: Option<DateTime<Utc>>,
}

impl Command for ReplayWebhook {
    type Streams = Webhook;
    const NAME: &'static str = "notifications.replay_webhook";
    const SCOPE: Scope = MANAGE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, webhook: View<'_, Self>, cx: &Context) -> Decision<Self> {
        webhook.enabled()?;
        if self.from_position.is_some() == self.from_time.is_some() {
            return Err(Rejection::NoBeginning);
        }
        let replay_id = ReplayId(cx.derived_id("webhook replay"));
        let (from_position, from_time) = (self.from_position, self.from_time);
        Ok(Decided::from(Event::ReplayRequested { replay_id, from_position, from_time }))
    }
}
