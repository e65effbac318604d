//! The webhooks of a tenant, without their secrets.

use chrono::{DateTime, Utc};
use domain::notifications::webhook::{
    Event, EventTypes, WebhookId, WebhookLabel, WebhookStatus, WebhookStop, WebhookUrl,
};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `notifications.webhooks`: one row per webhook that is not removed.
pub struct Webhooks;

/// A webhook as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookRow {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Where it is called.
    pub url: WebhookUrl,
    /// What it is called by those who look after it.
    pub label: Option<WebhookLabel>,
    /// For which events.
    pub event_types: EventTypes,
    /// Where it stands.
    pub status: WebhookStatus,
    /// Why it is disabled.
    pub stopped_by: Option<WebhookStop>,
    /// Since when it stands there.
    pub status_since: DateTime<Utc>,
    /// Until when calls are also signed with the secret of before; in the past or absent: with one secret.
    pub previous_secret_until: Option<DateTime<Utc>>,
    /// Who registered it.
    pub registered_by: ActorId,
    /// When.
    pub registered_at: DateTime<Utc>,
    /// The version of the webhook's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Webhooks {
    type Event = Event;
    type Key = WebhookId;
    type Row = WebhookRow;

    const NAME: &'static str = "notifications.webhooks";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("webhook_id", ColumnKind::Uuid),
            Column::new("url", ColumnKind::Text),
            Column::optional("label", ColumnKind::Text),
            Column::new("event_types", ColumnKind::Json),
            Column::new("status", ColumnKind::Text),
            Column::optional("stopped_by", ColumnKind::Text),
            Column::new("status_since", ColumnKind::Timestamp),
            Column::optional("previous_secret_until", ColumnKind::Timestamp),
            Column::new("registered_by", ColumnKind::Uuid),
            Column::new("registered_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["-registered_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<WebhookId> {
        Keys::One(WebhookId(event.stream_id))
    }

    fn apply(row: Option<WebhookRow>, key: &WebhookId, event: &Recorded<Event>) -> Option<WebhookRow> {
        let version = event.version;
        match &event.event {
            Event::Registered { url, label, event_types, secret_id: _ } => Some(WebhookRow {
                webhook_id: *key,
                url: url.clone(),
                label: label.clone(),
                event_types: event_types.clone(),
                status: WebhookStatus::Enabled,
                stopped_by: None,
                status_since: event.occurred_at,
                previous_secret_until: None,
                registered_by: event.actor.id,
                registered_at: event.occurred_at,
                version,
            }),
            Event::Changed { url, label, event_types } => row.map(|row| WebhookRow {
                url: url.clone(),
                label: label.clone(),
                event_types: event_types.clone(),
                version,
                ..row
            }),
            Event::Enabled {} => row.map(|row| WebhookRow {
                status: WebhookStatus::Enabled,
                stopped_by: None,
                status_since: event.occurred_at,
                version,
                ..row
            }),
            Event::Disabled { cause } => row.map(|row| WebhookRow {
                status: WebhookStatus::Disabled,
                stopped_by: Some(*cause),
                status_since: event.occurred_at,
                version,
                ..row
            }),
            Event::SecretRotated { previous_until, .. } => {
                row.map(|row| WebhookRow { previous_secret_until: Some(*previous_until), version, ..row })
            }
            Event::TestRequested {} | Event::RedeliveryRequested { .. } | Event::ReplayRequested { .. } => {
                row.map(|row| WebhookRow { version, ..row })
            }
            Event::Removed {} => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Event as _;
    use kernel::specs::Story;
    use uuid::Uuid;

    #[test]
    fn a_webhook_is_shown_as_it_stands_until_it_is_removed() {
        let id = WebhookId(Uuid::from_u128(7));
        let told = |count: usize| {
            let events = Event::examples().into_iter().take(count);
            let story = events.fold(Story::<Event>::new(), |story, event| story.then(id, ActorId(id.0), event));
            story.row::<Webhooks>(&id)
        };
        let at = |count| told(count).unwrap();
        assert_eq!((at(1).status, at(1).label.is_some()), (WebhookStatus::Enabled, true));
        assert_eq!((at(2).event_types.patterns(), at(2).label), (&["*".to_owned()][..], None));
        assert_eq!((at(4).status, at(4).stopped_by), (WebhookStatus::Disabled, Some(WebhookStop::Failing)));
        assert!(at(5).previous_secret_until.is_some() && at(5).version == Version(5));
        assert_eq!(told(6), None);
        assert_eq!(told(9), None, "and nothing brings it back");
    }
}
