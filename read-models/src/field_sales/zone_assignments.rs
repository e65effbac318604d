//! Who worked which zone, from when to when.

use chrono::{DateTime, Utc};
use domain::field_sales::zone_assignment::{ClosingReason, Event};
use domain::field_sales::{AssignmentId, UserId, UserType, ZoneId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `field_sales.zone_assignments`: one row per assignment, open or closed. Rows are never removed.
pub struct ZoneAssignments;

/// A period in which a user worked a zone: from `assigned_at` to before `unassigned_at`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ZoneAssignmentRow {
    /// The assignment.
    pub assignment_id: AssignmentId,
    /// The zone.
    pub zone_id: ZoneId,
    /// Who worked it.
    pub user_id: UserId,
    /// In which role.
    pub user_type: UserType,
    /// From when.
    pub assigned_at: DateTime<Utc>,
    /// Who said so.
    pub assigned_by: ActorId,
    /// Until when; nothing while it is open.
    pub unassigned_at: Option<DateTime<Utc>>,
    /// Who ended it; nothing while it is open.
    pub unassigned_by: Option<ActorId>,
    /// Why it ended; nothing while it is open.
    pub reason: Option<ClosingReason>,
}

impl ReadModel for ZoneAssignments {
    type Event = Event;
    type Key = AssignmentId;
    type Row = ZoneAssignmentRow;

    const NAME: &'static str = "field_sales.zone_assignments";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("assignment_id", ColumnKind::Uuid),
            Column::new("zone_id", ColumnKind::Uuid),
            Column::new("user_id", ColumnKind::Uuid),
            Column::new("user_type", ColumnKind::Text),
            Column::new("assigned_at", ColumnKind::Timestamp),
            Column::new("assigned_by", ColumnKind::Uuid),
            Column::optional("unassigned_at", ColumnKind::Timestamp),
            Column::optional("unassigned_by", ColumnKind::Uuid),
            Column::optional("reason", ColumnKind::Text),
        ],
        indexes: &[
            Index { columns: &["zone_id", "-assigned_at"] },
            Index { columns: &["user_id", "user_type", "-assigned_at"] },
            Index { columns: &["-assigned_at"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<AssignmentId> {
        match &event.event {
            Event::Assigned { assignment_id, .. } | Event::Closed { assignment_id, .. } => Keys::One(*assignment_id),
        }
    }

    fn apply(_: Option<ZoneAssignmentRow>, _: &Self::Key, event: &Recorded<Event>) -> Option<ZoneAssignmentRow> {
        let (open, closed) = match event.event {
            Event::Assigned { assignment_id, zone_id, user_id, user_type, assigned_at, assigned_by } => {
                ((assignment_id, zone_id, user_id, user_type, assigned_at, assigned_by), None)
            }
            Event::Closed {
                assignment_id,
                zone_id,
                user_id,
                user_type,
                assigned_at,
                assigned_by,
                unassigned_at,
                reason,
            } => {
                ((assignment_id, zone_id, user_id, user_type, assigned_at, assigned_by), Some((unassigned_at, reason)))
            }
        };
        let (assignment_id, zone_id, user_id, user_type, assigned_at, assigned_by) = open;
        Some(ZoneAssignmentRow {
            assignment_id,
            zone_id,
            user_id,
            user_type,
            assigned_at,
            assigned_by,
            unassigned_at: closed.map(|(at, _)| at),
            unassigned_by: closed.map(|_| event.actor.id),
            reason: closed.map(|(_, reason)| reason),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{Assignments, MANAGER, NORTH, REP_USER, SOUTH};
    use super::*;

    #[test]
    fn every_assignment_keeps_its_row() {
        let mut field = Assignments::new();
        field.assign(REP_USER, UserType::SalesRep, NORTH);
        field.assign(REP_USER, UserType::SalesRep, SOUTH);
        field.assign(REP_USER, UserType::SalesRep, NORTH);
        field.unassign(REP_USER, UserType::SalesRep, NORTH);
        let mut history: Vec<_> = field.story().rows::<ZoneAssignments>().into_values().collect();
        history.sort_by_key(|row| row.assigned_at);
        let seen: Vec<_> = history.iter().map(|row| (row.zone_id, row.reason)).collect();
        let (moved, taken) = (Some(ClosingReason::Reassigned), Some(ClosingReason::Unassigned));
        assert_eq!(seen, [(NORTH, moved), (SOUTH, moved), (NORTH, taken)]);
        assert!(history.windows(2).all(|pair| pair[0].unassigned_at == Some(pair[1].assigned_at)), "no gap between");
        assert!(history.iter().all(|row| row.assigned_by == MANAGER && row.unassigned_by == Some(MANAGER)));
    }

    #[test]
    fn an_open_assignment_has_no_end() {
        let mut field = Assignments::new();
        field.assign(REP_USER, UserType::SalesRep, NORTH);
        let row = field.story().rows::<ZoneAssignments>().into_values().next().unwrap();
        assert_eq!((row.unassigned_at, row.unassigned_by, row.reason), (None, None, None));
    }
}
