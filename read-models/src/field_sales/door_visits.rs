//! Every knock on every door.

use chrono::{DateTime, NaiveDate, Utc};
use domain::field_sales::building::DoorNumber;
use domain::field_sales::door::{ClockTime, Comment, DoorStatus, Event};
use domain::field_sales::{BuildingId, ContractId, DoorId, UserId, ZoneId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `field_sales.door_visits`: one row per visit. Rows are never changed.
pub struct DoorVisits;

/// A visit to a door.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DoorVisitRow {
    /// The door.
    pub door_id: DoorId,
    /// Place in the door's stream: the order in which its visits were recorded.
    pub version: Version,
    /// The building.
    pub building_id: BuildingId,
    /// The number on the door.
    pub door_number: DoorNumber,
    /// The floor it is on.
    pub floor: i32,
    /// The status before.
    pub previous_status: DoorStatus,
    /// What came of the visit.
    pub outcome: DoorStatus,
    /// What the visitor noted.
    pub comment: Option<Personal<Comment>>,
    /// The day to come back, with the outcome `appointment_taken`.
    pub appointment_date: Option<NaiveDate>,
    /// The time at the door to come back, with the outcome `appointment_taken`.
    pub appointment_time: Option<ClockTime>,
    /// The contracts that the visit signed.
    pub number_of_contracts: i32,
    /// The contract that it signed, where it is kept as one.
    pub contract_id: Option<ContractId>,
    /// Whether it meant that somebody has to come back without an appointment.
    pub counts_as_return_visit: bool,
    /// Who knocked.
    pub visited_by: ActorId,
    /// When, by the device's clock.
    pub visited_at: DateTime<Utc>,
    /// When the server heard of it.
    pub recorded_at: DateTime<Utc>,
    /// The zone that the building belonged to then.
    pub zone_id: Option<ZoneId>,
    /// Who worked the building then.
    pub sales_rep_id: Option<UserId>,
    /// Who led the one who worked it then.
    pub manager_id: Option<UserId>,
}

impl ReadModel for DoorVisits {
    type Event = Event;
    type Key = (DoorId, Version);
    type Row = DoorVisitRow;

    const NAME: &'static str = "field_sales.door_visits";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("door_id", ColumnKind::Uuid),
            Column::new("version", ColumnKind::Integer),
            Column::new("building_id", ColumnKind::Uuid),
            Column::new("door_number", ColumnKind::Text),
            Column::new("floor", ColumnKind::Integer),
            Column::new("previous_status", ColumnKind::Text),
            Column::new("outcome", ColumnKind::Text),
            Column::optional("comment", ColumnKind::Personal),
            Column::optional("appointment_date", ColumnKind::Date),
            Column::optional("appointment_time", ColumnKind::Text),
            Column::new("number_of_contracts", ColumnKind::Integer),
            Column::optional("contract_id", ColumnKind::Uuid),
            Column::new("counts_as_return_visit", ColumnKind::Boolean),
            Column::new("visited_by", ColumnKind::Uuid),
            Column::new("visited_at", ColumnKind::Timestamp),
            Column::new("recorded_at", ColumnKind::Timestamp),
            Column::optional("zone_id", ColumnKind::Uuid),
            Column::optional("sales_rep_id", ColumnKind::Uuid),
            Column::optional("manager_id", ColumnKind::Uuid),
        ],
        indexes: &[
            Index { columns: &["-visited_at"] },
            Index { columns: &["building_id", "-visited_at"] },
            Index { columns: &["visited_by", "-visited_at"] },
            Index { columns: &["zone_id", "-visited_at"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<(DoorId, Version)> {
        match &event.event {
            Event::VisitRecorded { .. } => Keys::One((DoorId(event.stream_id), event.version)),
        }
    }

    fn apply(_: Option<DoorVisitRow>, key: &(DoorId, Version), event: &Recorded<Event>) -> Option<DoorVisitRow> {
        match event.event.clone() {
            Event::VisitRecorded {
                building_id,
                door_number,
                floor,
                zone_id,
                sales_rep_id,
                manager_id,
                visited_by,
                visited_at,
                previous_status,
                outcome,
                counts_as_return_visit,
                number_of_contracts,
                contract_id,
                appointment,
                comment,
            } => Some(DoorVisitRow {
                door_id: key.0,
                version: key.1,
                building_id,
                door_number,
                floor,
                previous_status,
                outcome,
                comment,
                appointment_date: appointment.map(|it| it.date),
                appointment_time: appointment.map(|it| it.time),
                number_of_contracts,
                contract_id,
                counts_as_return_visit,
                visited_by,
                visited_at,
                recorded_at: event.recorded_at,
                zone_id,
                sales_rep_id,
                manager_id,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{House, NORTH, REP, door};
    use super::*;

    #[test]
    fn every_visit_has_its_row_with_its_author() {
        let mut house = House::new(1, 1);
        house.visit("101", DoorStatus::Absent, 0, 30).unwrap();
        house.visit("101", DoorStatus::AppointmentTaken, 0, 0).unwrap();
        house.sign("101", 2);
        let rows = house.visits().rows::<DoorVisits>();
        assert_eq!(rows.len(), 3);
        let visit = |version| &rows[&(door("101"), Version(version))];
        assert_eq!((visit(1).previous_status, visit(1).outcome), (DoorStatus::NotVisited, DoorStatus::Absent));
        assert!(visit(1).counts_as_return_visit && visit(1).visited_at < visit(1).recorded_at);
        assert_eq!((visit(2).previous_status, visit(2).outcome), (DoorStatus::Absent, DoorStatus::AppointmentTaken));
        assert!(visit(2).appointment_date.is_some() && visit(2).comment.is_some());
        assert_eq!((visit(3).number_of_contracts, visit(3).contract_id.is_some()), (2, true));
        assert!(rows.values().all(|row| row.visited_by == REP && row.zone_id == Some(NORTH)));
    }
}
