//! The members of a tenant.

use chrono::{DateTime, Utc};
use domain::identity::membership::{Event, KnownPerson};
use domain::identity::{EmailAddress, MembershipId, PersonName, RoleSet, UserId};
use kernel::{Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `identity.members`: one row per user who is or was a member of the tenant.
pub struct Members;

/// A member as he stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MemberRow {
    /// The membership; what commands about it name.
    pub member_id: MembershipId,
    /// The user; what other things call him by.
    pub user_id: UserId,
    /// Given name.
    pub given_name: Personal<PersonName>,
    /// Family name.
    pub family_name: Personal<PersonName>,
    /// The address.
    pub email: Personal<EmailAddress>,
    /// As what.
    pub roles: RoleSet,
    /// Who leads him: the user id of another member.
    pub supervisor_id: Option<UserId>,
    /// Whether he may do anything here.
    pub active: bool,
    /// When he became a member.
    pub joined_at: DateTime<Utc>,
    /// When anything about the membership was last recorded.
    pub updated_at: DateTime<Utc>,
    /// The version of the membership's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Members {
    type Event = Event;
    type Key = MembershipId;
    type Row = MemberRow;

    const NAME: &'static str = "identity.members";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("member_id", ColumnKind::Uuid),
            Column::new("user_id", ColumnKind::Uuid),
            Column::new("given_name", ColumnKind::Personal),
            Column::new("family_name", ColumnKind::Personal),
            Column::new("email", ColumnKind::Personal),
            Column::new("roles", ColumnKind::Json),
            Column::optional("supervisor_id", ColumnKind::Uuid),
            Column::new("active", ColumnKind::Boolean),
            Column::new("joined_at", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[
            Index { columns: &["user_id"] },
            Index { columns: &["supervisor_id"] },
            Index { columns: &["joined_at"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<MembershipId> {
        Keys::One(MembershipId(event.stream_id))
    }

    fn apply(row: Option<MemberRow>, key: &MembershipId, event: &Recorded<Event>) -> Option<MemberRow> {
        let row = match &event.event {
            Event::Granted { user_id, person, roles, supervisor_id, invitation_id: _ } => Some(MemberRow {
                member_id: *key,
                user_id: *user_id,
                given_name: person.given_name.clone(),
                family_name: person.family_name.clone(),
                email: person.email.clone(),
                roles: roles.clone(),
                supervisor_id: *supervisor_id,
                active: true,
                joined_at: event.occurred_at,
                updated_at: event.recorded_at,
                version: event.version,
            }),
            Event::RolesChanged { roles, .. } => row.map(|row| MemberRow { roles: roles.clone(), ..row }),
            Event::SupervisorChanged { supervisor_id, .. } => {
                row.map(|row| MemberRow { supervisor_id: *supervisor_id, ..row })
            }
            Event::PersonChanged { person, .. } => row.map(|row| row.called(person)),
            Event::Deactivated { .. } => row.map(|row| MemberRow { active: false, ..row }),
            Event::Reactivated { .. } => row.map(|row| MemberRow { active: true, ..row }),
        };
        row.map(|row| MemberRow { updated_at: event.recorded_at, version: event.version, ..row })
    }
}

impl MemberRow {
    fn called(self, person: &KnownPerson) -> Self {
        let KnownPerson { given_name, family_name, email } = person.clone();
        Self { given_name, family_name, email, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::identity::Role;
    use kernel::specs::Story;
    use kernel::{ActorId, Event as _};
    use uuid::Uuid;

    #[test]
    fn a_member_shows_what_happened_last() {
        let id = MembershipId(Uuid::from_u128(7));
        let told = |count: usize| {
            let events = Event::examples().into_iter().take(count);
            let story = events.fold(Story::<Event>::new(), |story, event| story.then(id, ActorId(id.0), event));
            story.row::<Members>(&id).unwrap()
        };
        assert_eq!(told(1).roles.as_slice(), [Role::SalesRep]);
        assert_eq!(told(2).roles.as_slice(), [Role::SalesManager]);
        assert_ne!(told(2).supervisor_id, told(3).supervisor_id);
        assert_eq!(told(4).family_name.fresh().unwrap().as_str(), "Lovelace");
        assert!(!told(5).active && told(6).active);
    }
}
