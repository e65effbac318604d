//! The doors, as their last visits left them.

use super::BuildingOrDoor;
use chrono::{DateTime, NaiveDate, Utc};
use domain::field_sales::building::{self, DoorNumber};
use domain::field_sales::door::{self, ClockTime, Comment, DoorStatus};
use domain::field_sales::{BuildingId, DoorId, UserId, ZoneId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `field_sales.doors`: one row per door, from the moment its building is entered.
pub struct Doors;

/// A door and how it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DoorRow {
    /// The door.
    pub door_id: DoorId,
    /// The building.
    pub building_id: BuildingId,
    /// The number on the door; unique in the building.
    pub number: DoorNumber,
    /// The floor it is on.
    pub floor: i32,
    /// How it stands.
    pub status: DoorStatus,
    /// How many visits meant that somebody has to come back.
    pub return_visits: i32,
    /// How many contracts were signed here; 0 until the first one.
    pub number_of_contracts: i32,
    /// The day to come back, while the status is `appointment_taken`.
    pub appointment_date: Option<NaiveDate>,
    /// The time at the door to come back, while the status is `appointment_taken`.
    pub appointment_time: Option<ClockTime>,
    /// What a visitor noted last; a visit without a comment leaves it.
    pub last_comment: Option<Personal<Comment>>,
    /// When somebody last knocked, by the devices' clocks.
    pub last_visited_at: Option<DateTime<Utc>>,
    /// Who made the visit of that time.
    pub last_visited_by: Option<ActorId>,
    /// The zone of the building, at the last visit or when the building was entered.
    pub zone_id: Option<ZoneId>,
    /// Who worked the building then.
    pub sales_rep_id: Option<UserId>,
    /// Who led the one who worked it then.
    pub manager_id: Option<UserId>,
    /// The version of the door's stream, for `If-Match`: 0 until the first visit.
    pub version: Version,
}

impl ReadModel for Doors {
    type Event = BuildingOrDoor;
    type Key = DoorId;
    type Row = DoorRow;

    const NAME: &'static str = "field_sales.doors";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("door_id", ColumnKind::Uuid),
            Column::new("building_id", ColumnKind::Uuid),
            Column::new("number", ColumnKind::Text),
            Column::new("floor", ColumnKind::Integer),
            Column::new("status", ColumnKind::Text),
            Column::new("return_visits", ColumnKind::Integer),
            Column::new("number_of_contracts", ColumnKind::Integer),
            Column::optional("appointment_date", ColumnKind::Date),
            Column::optional("appointment_time", ColumnKind::Text),
            Column::optional("last_comment", ColumnKind::Personal),
            Column::optional("last_visited_at", ColumnKind::Timestamp),
            Column::optional("last_visited_by", ColumnKind::Uuid),
            Column::optional("zone_id", ColumnKind::Uuid),
            Column::optional("sales_rep_id", ColumnKind::Uuid),
            Column::optional("manager_id", ColumnKind::Uuid),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[
            Index { columns: &["building_id", "floor", "number"] },
            Index { columns: &["building_id", "status"] },
            Index { columns: &["zone_id", "status"] },
            Index { columns: &["sales_rep_id", "appointment_date", "appointment_time"] },
            Index { columns: &["appointment_date", "appointment_time"] },
        ],
    };

    fn keys(event: &Recorded<BuildingOrDoor>) -> Keys<DoorId> {
        match &event.event {
            BuildingOrDoor::Building(building::Event::Created { .. }) => Keys::None,
            BuildingOrDoor::Building(building::Event::DoorsGenerated { doors, .. }) => {
                Keys::Many(doors.iter().map(|door| door.door_id).collect())
            }
            BuildingOrDoor::Door(door::Event::VisitRecorded { .. }) => Keys::One(DoorId(event.stream_id)),
        }
    }

    fn apply(row: Option<DoorRow>, key: &DoorId, event: &Recorded<BuildingOrDoor>) -> Option<DoorRow> {
        match &event.event {
            BuildingOrDoor::Building(building::Event::Created { .. }) => row,
            BuildingOrDoor::Building(building::Event::DoorsGenerated {
                building_id,
                sales_rep_id,
                manager_id,
                zone_id,
                doors,
            }) => doors.iter().find(|door| door.door_id == *key).map(|door| DoorRow {
                door_id: door.door_id,
                building_id: *building_id,
                number: door.number.clone(),
                floor: door.floor,
                status: DoorStatus::NotVisited,
                return_visits: 0,
                number_of_contracts: 0,
                appointment_date: None,
                appointment_time: None,
                last_comment: None,
                last_visited_at: None,
                last_visited_by: None,
                zone_id: *zone_id,
                sales_rep_id: *sales_rep_id,
                manager_id: *manager_id,
                version: Version::ZERO,
            }),
            BuildingOrDoor::Door(visit) => Some(visited(row?, visit, event.version)),
        }
    }
}

fn visited(mut row: DoorRow, visit: &door::Event, version: Version) -> DoorRow {
    match visit {
        door::Event::VisitRecorded {
            outcome,
            counts_as_return_visit,
            number_of_contracts,
            appointment,
            comment,
            visited_at,
            visited_by,
            zone_id,
            sales_rep_id,
            manager_id,
            ..
        } => {
            row.status = *outcome;
            row.return_visits += i32::from(*counts_as_return_visit);
            row.number_of_contracts += number_of_contracts;
            row.appointment_date = appointment.map(|it| it.date);
            row.appointment_time = appointment.map(|it| it.time);
            row.last_comment = comment.clone().or(row.last_comment);
            if row.last_visited_at <= Some(*visited_at) {
                row.last_visited_at = Some(*visited_at);
                row.last_visited_by = Some(*visited_by);
            }
            row.zone_id = *zone_id;
            row.sales_rep_id = *sales_rep_id;
            row.manager_id = *manager_id;
            row.version = version;
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::super::specs::{House, NORTH, REP, REP_USER, door};
    use super::*;
    use chrono::TimeDelta;
    use kernel::specs::noon;

    #[test]
    fn every_door_of_a_new_building_has_a_row() {
        let rows = House::new(12, 12).story().rows::<Doors>();
        assert_eq!(rows.len(), 144);
        let row = &rows[&door("1201")];
        assert_eq!((row.floor, row.number.as_str(), row.status), (12, "1201", DoorStatus::NotVisited));
        assert_eq!((row.version, row.zone_id, row.sales_rep_id), (Version::ZERO, Some(NORTH), Some(REP_USER)));
    }

    #[test]
    fn a_visit_changes_its_door_and_no_other() {
        let mut house = House::new(1, 2);
        house.visit("101", DoorStatus::Absent, 0, 0).unwrap();
        house.visit("101", DoorStatus::ReturnNeeded, 0, 0).unwrap();
        let rows = house.story().rows::<Doors>();
        let row = &rows[&door("101")];
        assert_eq!((row.status, row.return_visits, row.version), (DoorStatus::ReturnNeeded, 2, Version(2)));
        assert_eq!((row.last_visited_at, row.last_visited_by), (Some(noon()), Some(REP)));
        assert_eq!(rows[&door("102")].status, DoorStatus::NotVisited);
    }

    #[test]
    fn an_appointment_stands_until_the_next_visit_and_a_comment_longer() {
        let mut house = House::new(1, 1);
        house.visit("101", DoorStatus::AppointmentTaken, 0, 0).unwrap();
        let row = house.story().row::<Doors>(&door("101")).unwrap();
        assert_eq!(row.appointment_date, NaiveDate::from_ymd_opt(2026, 1, 20));
        assert_eq!(row.appointment_time.map(|time| time.to_string()).as_deref(), Some("14:30"));
        house.visit_silently("101", DoorStatus::Absent);
        let row = house.story().row::<Doors>(&door("101")).unwrap();
        assert_eq!((row.appointment_date, row.appointment_time), (None, None));
        assert_eq!(row.last_comment.as_ref().and_then(Personal::fresh).map(Comment::as_str), Some("appointment_taken"));
    }

    #[test]
    fn a_visit_that_arrives_late_never_moves_the_last_visit_back() {
        let mut house = House::new(1, 1);
        house.visit("101", DoorStatus::Absent, 0, 10).unwrap();
        house.visit("101", DoorStatus::Refused, 0, 90).unwrap();
        let row = house.story().row::<Doors>(&door("101")).unwrap();
        assert_eq!(row.last_visited_at, Some(noon() - TimeDelta::minutes(10)));
        assert_eq!(row.status, DoorStatus::Refused);
    }

    #[test]
    fn contracts_add_up() {
        let mut house = House::new(1, 1);
        house.visit("101", DoorStatus::ContractSigned, 3, 0).unwrap();
        house.sign("101", 2);
        let row = house.story().row::<Doors>(&door("101")).unwrap();
        assert_eq!((row.number_of_contracts, row.status), (5, DoorStatus::ContractSigned));
    }
}
