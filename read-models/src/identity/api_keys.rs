//! The API keys of a tenant, without their secrets.

use chrono::{DateTime, Utc};
use domain::identity::ApiKeyId;
use domain::identity::api_key::{Event, KeyName, KeyScopes};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `identity.api_keys`: one row per key.
pub struct ApiKeys;

/// A key as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyRow {
    /// The key; also the actor of what is done with it.
    pub api_key_id: ApiKeyId,
    /// What it is for.
    pub name: KeyName,
    /// What it permits.
    pub scopes: KeyScopes,
    /// Who issued it.
    pub issued_by: ActorId,
    /// When.
    pub issued_at: DateTime<Utc>,
    /// Until when; for ever where absent.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether it was taken back.
    pub revoked: bool,
    /// When.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The version of the key's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for ApiKeys {
    type Event = Event;
    type Key = ApiKeyId;
    type Row = ApiKeyRow;

    const NAME: &'static str = "identity.api_keys";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("api_key_id", ColumnKind::Uuid),
            Column::new("name", ColumnKind::Text),
            Column::new("scopes", ColumnKind::Json),
            Column::new("issued_by", ColumnKind::Uuid),
            Column::new("issued_at", ColumnKind::Timestamp),
            Column::optional("expires_at", ColumnKind::Timestamp),
            Column::new("revoked", ColumnKind::Boolean),
            Column::optional("revoked_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["-issued_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<ApiKeyId> {
        Keys::One(ApiKeyId(event.stream_id))
    }

    fn apply(row: Option<ApiKeyRow>, key: &ApiKeyId, event: &Recorded<Event>) -> Option<ApiKeyRow> {
        match &event.event {
            Event::Issued { name, scopes, expires_at } => Some(ApiKeyRow {
                api_key_id: *key,
                name: name.clone(),
                scopes: scopes.clone(),
                issued_by: event.actor.id,
                issued_at: event.occurred_at,
                expires_at: *expires_at,
                revoked: false,
                revoked_at: None,
                version: event.version,
            }),
            Event::Revoked {} => row.map(|row| ApiKeyRow {
                revoked: true,
                revoked_at: Some(event.occurred_at),
                version: event.version,
                ..row
            }),
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
    fn a_key_shows_what_it_permits_until_it_is_revoked() {
        let id = ApiKeyId(Uuid::from_u128(7));
        let told = |count: usize| {
            let events = Event::examples().into_iter().take(count);
            let story = events.fold(Story::<Event>::new(), |story, event| story.then(id, ActorId(id.0), event));
            story.row::<ApiKeys>(&id).unwrap()
        };
        assert_eq!((told(1).scopes.names().len(), told(1).revoked), (2, false));
        assert!(told(2).revoked && told(2).revoked_at.is_some());
    }
}
