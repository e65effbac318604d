//! Of which tenants a user is a member, as the platform sees it.

use chrono::{DateTime, Utc};
use domain::identity::membership::Event;
use domain::identity::{MembershipId, RoleSet, UserId};
use kernel::{Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table, TenantId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `identity.user_memberships`: one row per user and tenant, of all tenants, in the platform's tenant.
pub struct UserMemberships;

/// A membership as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserMembershipRow {
    /// The user.
    pub user_id: UserId,
    /// The tenant that he is a member of.
    pub member_of: TenantId,
    /// The membership.
    pub member_id: MembershipId,
    /// As what.
    pub roles: RoleSet,
    /// Whether he may do anything there.
    pub active: bool,
    /// When he became a member.
    pub joined_at: DateTime<Utc>,
    /// When anything about the membership was last recorded.
    pub updated_at: DateTime<Utc>,
    /// The version of the membership's stream.
    pub version: Version,
}

impl ReadModel for UserMemberships {
    type Event = Event;
    type Key = (UserId, TenantId);
    type Row = UserMembershipRow;

    const NAME: &'static str = "identity.user_memberships";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("user_id", ColumnKind::Uuid),
            Column::new("member_of", ColumnKind::Uuid),
            Column::new("member_id", ColumnKind::Uuid),
            Column::new("roles", ColumnKind::Json),
            Column::new("active", ColumnKind::Boolean),
            Column::new("joined_at", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["member_of"] }],
    };

    fn home(_tenant_id: TenantId) -> TenantId {
        TenantId::PLATFORM
    }

    fn keys(event: &Recorded<Event>) -> Keys<(UserId, TenantId)> {
        let (Event::Granted { user_id, .. }
        | Event::RolesChanged { user_id, .. }
        | Event::SupervisorChanged { user_id, .. }
        | Event::PersonChanged { user_id, .. }
        | Event::Deactivated { user_id, .. }
        | Event::Reactivated { user_id }) = &event.event;
        Keys::One((*user_id, event.tenant_id))
    }

    fn apply(
        row: Option<UserMembershipRow>,
        key: &(UserId, TenantId),
        event: &Recorded<Event>,
    ) -> Option<UserMembershipRow> {
        let row = match &event.event {
            Event::Granted { roles, .. } => Some(UserMembershipRow {
                user_id: key.0,
                member_of: key.1,
                member_id: MembershipId(event.stream_id),
                roles: roles.clone(),
                active: true,
                joined_at: event.occurred_at,
                updated_at: event.recorded_at,
                version: event.version,
            }),
            Event::RolesChanged { roles, .. } => row.map(|row| UserMembershipRow { roles: roles.clone(), ..row }),
            Event::SupervisorChanged { .. } | Event::PersonChanged { .. } => row,
            Event::Deactivated { .. } => row.map(|row| UserMembershipRow { active: false, ..row }),
            Event::Reactivated { .. } => row.map(|row| UserMembershipRow { active: true, ..row }),
        };
        row.map(|row| UserMembershipRow { updated_at: event.recorded_at, version: event.version, ..row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::specs::{Story, TENANT};
    use kernel::{ActorId, Event as _};
    use uuid::Uuid;

    #[test]
    fn a_membership_is_known_by_user_and_tenant() {
        let story = Event::examples()
            .into_iter()
            .take(5)
            .fold(Story::<Event>::new(), |story, event| story.then(Uuid::from_u128(7), ActorId(Uuid::nil()), event));
        let rows: Vec<UserMembershipRow> = story.rows::<UserMemberships>().into_values().collect();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.member_of, row.active, row.version), (TENANT, false, Version(5)));
        assert_eq!(UserMemberships::home(TENANT), TenantId::PLATFORM);
    }
}
