//! Which zone everybody works now.

use chrono::{DateTime, Utc};
use domain::field_sales::zone_assignment::Event;
use domain::field_sales::{AssignmentId, UserId, UserType, ZoneId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `field_sales.current_zones`: one row per user and user type with an open assignment. Who holds no zone has no row.
pub struct CurrentZones;

/// The zone that a user works now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CurrentZoneRow {
    /// Who works it.
    pub user_id: UserId,
    /// In which role.
    pub user_type: UserType,
    /// The zone.
    pub zone_id: ZoneId,
    /// The assignment, as in the history.
    pub assignment_id: AssignmentId,
    /// From when.
    pub assigned_at: DateTime<Utc>,
    /// Who said so.
    pub assigned_by: ActorId,
}

impl ReadModel for CurrentZones {
    type Event = Event;
    type Key = (UserId, UserType);
    type Row = CurrentZoneRow;

    const NAME: &'static str = "field_sales.current_zones";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("user_id", ColumnKind::Uuid),
            Column::new("user_type", ColumnKind::Text),
            Column::new("zone_id", ColumnKind::Uuid),
            Column::new("assignment_id", ColumnKind::Uuid),
            Column::new("assigned_at", ColumnKind::Timestamp),
            Column::new("assigned_by", ColumnKind::Uuid),
        ],
        indexes: &[Index { columns: &["zone_id", "-assigned_at"] }, Index { columns: &["-assigned_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<(UserId, UserType)> {
        match &event.event {
            Event::Assigned { user_id, user_type, .. } | Event::Closed { user_id, user_type, .. } => {
                Keys::One((*user_id, *user_type))
            }
        }
    }

    fn apply(_: Option<CurrentZoneRow>, _: &Self::Key, event: &Recorded<Event>) -> Option<CurrentZoneRow> {
        match event.event {
            Event::Assigned { assignment_id, zone_id, user_id, user_type, assigned_at, assigned_by } => {
                Some(CurrentZoneRow { user_id, user_type, zone_id, assignment_id, assigned_at, assigned_by })
            }
            Event::Closed { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{Assignments, MANAGER_USER, NORTH, REP_USER, SOUTH};
    use super::*;

    const REP: (UserId, UserType) = (REP_USER, UserType::SalesRep);

    #[test]
    fn everybody_has_one_current_zone_at_most() {
        let mut field = Assignments::new();
        field.assign(REP_USER, UserType::SalesRep, NORTH);
        field.assign(MANAGER_USER, UserType::Manager, NORTH);
        field.assign(REP_USER, UserType::SalesRep, SOUTH);
        let rows = field.story().rows::<CurrentZones>();
        assert_eq!(rows.len(), 2, "two users may share a zone, one user has one");
        assert_eq!(rows[&REP].zone_id, SOUTH);
        assert_eq!(rows[&(MANAGER_USER, UserType::Manager)].zone_id, NORTH);
    }

    #[test]
    fn who_lost_the_zone_has_no_row() {
        let mut field = Assignments::new();
        field.assign(REP_USER, UserType::SalesRep, NORTH);
        field.unassign(REP_USER, UserType::SalesRep, NORTH);
        assert_eq!(field.story().row::<CurrentZones>(&REP), None);
    }

    #[test]
    fn one_user_in_two_roles_has_two_rows() {
        let mut field = Assignments::new();
        field.assign(REP_USER, UserType::SalesRep, NORTH);
        field.assign(REP_USER, UserType::Manager, SOUTH);
        assert_eq!(field.story().rows::<CurrentZones>().len(), 2);
    }
}
