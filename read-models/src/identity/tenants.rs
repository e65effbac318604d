//! The tenants, as the platform sees them.

use chrono::{DateTime, Utc};
use domain::identity::tenant::{Event, Plan, Slug, TenantName};
use domain::identity::{Locale, Reason, TimeZone};
use kernel::{Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, TenantId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `identity.tenants`: one row per tenant, in the platform's tenant.
pub struct Tenants;

/// A tenant as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantRow {
    /// The tenant.
    pub id: TenantId,
    /// How it is called in addresses.
    pub slug: Slug,
    /// How it is called by people.
    pub name: TenantName,
    /// What it pays for.
    pub plan: Plan,
    /// In which language it is spoken to.
    pub locale: Locale,
    /// In which zone its days begin.
    pub time_zone: TimeZone,
    /// Whether its commands are refused.
    pub suspended: bool,
    /// Since when.
    pub suspended_at: Option<DateTime<Utc>>,
    /// Why.
    pub suspension_reason: Option<Personal<Reason>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When anything about it was last recorded.
    pub updated_at: DateTime<Utc>,
    /// The version of the tenant's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Tenants {
    type Event = Event;
    type Key = TenantId;
    type Row = TenantRow;

    const NAME: &'static str = "identity.tenants";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("id", ColumnKind::Uuid),
            Column::new("slug", ColumnKind::Text),
            Column::new("name", ColumnKind::Text),
            Column::new("plan", ColumnKind::Text),
            Column::new("locale", ColumnKind::Text),
            Column::new("time_zone", ColumnKind::Text),
            Column::new("suspended", ColumnKind::Boolean),
            Column::optional("suspended_at", ColumnKind::Timestamp),
            Column::optional("suspension_reason", ColumnKind::Personal),
            Column::new("created_at", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["slug"] }, Index { columns: &["-created_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<TenantId> {
        Keys::One(TenantId(event.stream_id))
    }

    fn apply(row: Option<TenantRow>, key: &TenantId, event: &Recorded<Event>) -> Option<TenantRow> {
        let row = match &event.event {
            Event::Created { slug, name, plan, locale, time_zone } => Some(TenantRow {
                id: *key,
                slug: slug.clone(),
                name: name.clone(),
                plan: *plan,
                locale: *locale,
                time_zone: *time_zone,
                suspended: false,
                suspended_at: None,
                suspension_reason: None,
                created_at: event.occurred_at,
                updated_at: event.recorded_at,
                version: event.version,
            }),
            Event::Changed { name, plan, locale, time_zone } => row.map(|row| TenantRow {
                name: name.clone(),
                plan: *plan,
                locale: *locale,
                time_zone: *time_zone,
                ..row
            }),
            Event::Suspended { reason } => row.map(|row| TenantRow {
                suspended: true,
                suspended_at: Some(event.occurred_at),
                suspension_reason: Some(reason.clone()),
                ..row
            }),
            // What follows is told by the invitation.
            Event::AdministratorNamed { .. } => row,
            Event::Resumed {} => {
                row.map(|row| TenantRow { suspended: false, suspended_at: None, suspension_reason: None, ..row })
            }
        };
        row.map(|row| TenantRow { updated_at: event.recorded_at, version: event.version, ..row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::specs::Story;
    use kernel::{ActorId, Event as _};
    use uuid::Uuid;

    #[test]
    fn a_tenant_shows_what_happened_last() {
        let id = TenantId(Uuid::from_u128(7));
        let told = |count: usize| {
            let events = Event::examples().into_iter().take(count);
            let story = events.fold(Story::<Event>::new(), |story, event| story.then(id, ActorId(id.0), event));
            story.row::<Tenants>(&id).unwrap()
        };
        assert_eq!((told(1).name.as_str(), told(1).plan, told(1).suspended), ("Encre Noire", Plan::Starter, false));
        let suspended = told(3);
        assert_eq!((suspended.name.as_str(), suspended.locale), ("Encre Noire Paris", Locale::En));
        assert!(suspended.suspended && suspended.suspended_at.is_some() && suspended.suspension_reason.is_some());
        let resumed = told(4);
        assert!(!resumed.suspended && resumed.suspended_at.is_none() && resumed.version == Version(4));
    }
}
