//! The buildings, with counts of their doors.

use super::BuildingOrDoor;
use chrono::{DateTime, Utc};
use domain::field_sales::building::{self, Address, DigitalCode, DoorsPerFloor, Floors};
use domain::field_sales::door::{self, DoorStatus};
use domain::field_sales::{BuildingId, Latitude, Longitude, UserId, ZoneId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `field_sales.buildings`: one row per building, counting its doors by status.
///
/// Every visit names the status before, so counts move without a look at the doors.
pub struct Buildings;

/// A building and how its doors stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BuildingRow {
    /// The building.
    pub building_id: BuildingId,
    /// Where it stands.
    pub address: Address,
    /// Degrees north of the equator.
    pub latitude: Option<Latitude>,
    /// Degrees east of Greenwich.
    pub longitude: Option<Longitude>,
    /// How many floors have doors.
    pub floors: Floors,
    /// How many doors every floor has.
    pub doors_per_floor: DoorsPerFloor,
    /// Whether there is a lift.
    pub has_elevator: bool,
    /// What opens the front door.
    pub digital_code: Option<DigitalCode>,
    /// Who works it.
    pub sales_rep_id: Option<UserId>,
    /// Who leads the one who works it.
    pub manager_id: Option<UserId>,
    /// The zone it belongs to.
    pub zone_id: Option<ZoneId>,
    /// How many doors it has.
    pub doors_total: i32,
    /// How many doors were visited at least once: all but `doors_not_visited`.
    pub doors_visited: i32,
    /// How many doors are `not_visited`.
    pub doors_not_visited: i32,
    /// How many doors are `absent`.
    pub doors_absent: i32,
    /// How many doors are `refused`.
    pub doors_refused: i32,
    /// How many doors are `argued`.
    pub doors_argued: i32,
    /// How many doors are `appointment_taken`.
    pub doors_appointment_taken: i32,
    /// How many doors are `contract_signed`.
    pub doors_contract_signed: i32,
    /// How many doors are `return_needed`.
    pub doors_return_needed: i32,
    /// How many contracts were signed; a door with three counts three.
    pub contracts: i32,
    /// Contracts by contracts, refusals (`refused` and `argued`) and appointments together: from 0 to 1, four
    /// decimals; 0 while there is none of them.
    pub conversion_rate: f64,
    /// When somebody last knocked, by the devices' clocks.
    pub last_visited_at: Option<DateTime<Utc>>,
    /// When it was entered.
    pub created_at: DateTime<Utc>,
    /// Who entered it.
    pub created_by: ActorId,
    /// The version of the building's own stream, for `If-Match`. Visits do not raise it.
    pub version: Version,
}

impl BuildingRow {
    /// How many doors have this status.
    pub const fn doors(&self, status: DoorStatus) -> i32 {
        match status {
            DoorStatus::NotVisited => self.doors_not_visited,
            DoorStatus::Absent => self.doors_absent,
            DoorStatus::Refused => self.doors_refused,
            DoorStatus::Argued => self.doors_argued,
            DoorStatus::AppointmentTaken => self.doors_appointment_taken,
            DoorStatus::ContractSigned => self.doors_contract_signed,
            DoorStatus::ReturnNeeded => self.doors_return_needed,
        }
    }

    fn count(&mut self, status: DoorStatus, by: i32) {
        let counter = match status {
            DoorStatus::NotVisited => &mut self.doors_not_visited,
            DoorStatus::Absent => &mut self.doors_absent,
            DoorStatus::Refused => &mut self.doors_refused,
            DoorStatus::Argued => &mut self.doors_argued,
            DoorStatus::AppointmentTaken => &mut self.doors_appointment_taken,
            DoorStatus::ContractSigned => &mut self.doors_contract_signed,
            DoorStatus::ReturnNeeded => &mut self.doors_return_needed,
        };
        *counter += by;
        self.doors_visited = self.doors_total - self.doors_not_visited;
        let refusals = self.doors_refused + self.doors_argued;
        self.conversion_rate = conversion_rate(self.contracts, refusals, self.doors_appointment_taken);
    }
}

/// Contracts by everything that was decided at a door. Four decimals stay the same number in JSON and in the table.
fn conversion_rate(contracts: i32, refusals: i32, appointments: i32) -> f64 {
    let decided = contracts + refusals + appointments;
    if decided == 0 { 0.0 } else { (f64::from(contracts) / f64::from(decided) * 10_000.0).round() / 10_000.0 }
}

impl ReadModel for Buildings {
    type Event = BuildingOrDoor;
    type Key = BuildingId;
    type Row = BuildingRow;

    const NAME: &'static str = "field_sales.buildings";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("building_id", ColumnKind::Uuid),
            Column::new("address", ColumnKind::Text),
            Column::optional("latitude", ColumnKind::Double),
            Column::optional("longitude", ColumnKind::Double),
            Column::new("floors", ColumnKind::Integer),
            Column::new("doors_per_floor", ColumnKind::Integer),
            Column::new("has_elevator", ColumnKind::Boolean),
            Column::optional("digital_code", ColumnKind::Text),
            Column::optional("sales_rep_id", ColumnKind::Uuid),
            Column::optional("manager_id", ColumnKind::Uuid),
            Column::optional("zone_id", ColumnKind::Uuid),
            Column::new("doors_total", ColumnKind::Integer),
            Column::new("doors_visited", ColumnKind::Integer),
            Column::new("doors_not_visited", ColumnKind::Integer),
            Column::new("doors_absent", ColumnKind::Integer),
            Column::new("doors_refused", ColumnKind::Integer),
            Column::new("doors_argued", ColumnKind::Integer),
            Column::new("doors_appointment_taken", ColumnKind::Integer),
            Column::new("doors_contract_signed", ColumnKind::Integer),
            Column::new("doors_return_needed", ColumnKind::Integer),
            Column::new("contracts", ColumnKind::Integer),
            Column::new("conversion_rate", ColumnKind::Double),
            Column::optional("last_visited_at", ColumnKind::Timestamp),
            Column::new("created_at", ColumnKind::Timestamp),
            Column::new("created_by", ColumnKind::Uuid),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[
            Index { columns: &["zone_id", "address"] },
            Index { columns: &["sales_rep_id", "address"] },
            Index { columns: &["manager_id", "address"] },
            Index { columns: &["address"] },
            Index { columns: &["-created_at"] },
        ],
    };

    fn keys(event: &Recorded<BuildingOrDoor>) -> Keys<BuildingId> {
        match &event.event {
            BuildingOrDoor::Building(_) => Keys::One(BuildingId(event.stream_id)),
            BuildingOrDoor::Door(door::Event::VisitRecorded { building_id, .. }) => Keys::One(*building_id),
        }
    }

    fn apply(row: Option<BuildingRow>, key: &BuildingId, event: &Recorded<BuildingOrDoor>) -> Option<BuildingRow> {
        match &event.event {
            BuildingOrDoor::Building(created @ building::Event::Created { .. }) => new_row(*key, created, event),
            BuildingOrDoor::Building(building::Event::DoorsGenerated { doors, .. }) => {
                let mut row = row?;
                let added = i32::try_from(doors.len()).unwrap_or(i32::MAX);
                row.doors_total += added;
                row.count(DoorStatus::NotVisited, added);
                row.version = event.version;
                Some(row)
            }
            BuildingOrDoor::Door(door::Event::VisitRecorded {
                previous_status,
                outcome,
                number_of_contracts,
                visited_at,
                ..
            }) => {
                let mut row = row?;
                row.contracts += number_of_contracts;
                row.count(*previous_status, -1);
                row.count(*outcome, 1);
                row.last_visited_at = row.last_visited_at.max(Some(*visited_at));
                Some(row)
            }
        }
    }
}

fn new_row(
    building_id: BuildingId,
    created: &building::Event,
    event: &Recorded<BuildingOrDoor>,
) -> Option<BuildingRow> {
    let building::Event::Created {
        address,
        location,
        floors,
        doors_per_floor,
        has_elevator,
        digital_code,
        sales_rep_id,
        manager_id,
        zone_id,
    } = created
    else {
        return None;
    };
    Some(BuildingRow {
        building_id,
        address: address.clone(),
        latitude: location.map(|at| at.latitude),
        longitude: location.map(|at| at.longitude),
        floors: *floors,
        doors_per_floor: *doors_per_floor,
        has_elevator: *has_elevator,
        digital_code: digital_code.clone(),
        sales_rep_id: *sales_rep_id,
        manager_id: *manager_id,
        zone_id: *zone_id,
        doors_total: 0,
        doors_visited: 0,
        doors_not_visited: 0,
        doors_absent: 0,
        doors_refused: 0,
        doors_argued: 0,
        doors_appointment_taken: 0,
        doors_contract_signed: 0,
        doors_return_needed: 0,
        contracts: 0,
        conversion_rate: 0.0,
        last_visited_at: None,
        created_at: event.occurred_at,
        created_by: event.actor.id,
        version: event.version,
    })
}

#[cfg(test)]
mod tests {
    use super::super::doors::Doors;
    use super::super::specs::{BUILDING, House, MANAGER};
    use super::*;
    use kernel::Labelled;
    use proptest::prelude::*;

    #[test]
    fn a_new_building_has_only_doors_to_visit() {
        let row = House::new(12, 12).story().row::<Buildings>(&BUILDING).unwrap();
        assert_eq!((row.doors_total, row.doors_not_visited, row.doors_visited), (144, 144, 0));
        assert_eq!((row.contracts, row.last_visited_at, row.version), (0, None, Version(2)));
        assert!(row.conversion_rate.abs() < f64::EPSILON);
        assert_eq!(row.created_by, MANAGER);
    }

    #[test]
    fn a_door_moves_from_count_to_count() {
        let mut house = House::new(1, 2);
        house.visit("101", DoorStatus::Absent, 0, 0).unwrap();
        house.visit("101", DoorStatus::Refused, 0, 0).unwrap();
        let row = house.story().row::<Buildings>(&BUILDING).unwrap();
        assert_eq!((row.doors_not_visited, row.doors_absent, row.doors_refused), (1, 0, 1));
        assert_eq!((row.doors_visited, row.doors_total), (1, 2));
    }

    #[test]
    fn a_door_with_three_contracts_counts_three() {
        let mut house = House::new(1, 4);
        house.visit("101", DoorStatus::ContractSigned, 3, 0).unwrap();
        house.visit("102", DoorStatus::Argued, 0, 0).unwrap();
        house.visit("103", DoorStatus::AppointmentTaken, 0, 0).unwrap();
        house.visit("104", DoorStatus::Absent, 0, 0).unwrap();
        let row = house.story().row::<Buildings>(&BUILDING).unwrap();
        assert_eq!((row.contracts, row.doors_contract_signed), (3, 1));
        assert!((row.conversion_rate - 0.6).abs() < 1e-9, "3 of 3 contracts, 1 refusal, 1 appointment");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is tried at the doors, the building counts what a recount of its doors gives.
        #[test]
        fn the_counts_equal_a_recount_of_the_doors(
            visits in prop::collection::vec((1..4_i32, 1..4_i32, 0..7_usize, 1..5_i32, 0..3000_i64), 0..60),
        ) {
            let mut house = House::new(3, 3);
            for (floor, index, outcome, contracts, minutes_ago) in visits {
                let outcome = DoorStatus::ALL[outcome];
                let contracts = if outcome == DoorStatus::ContractSigned { contracts } else { 0 };
                // A refused visit adds no event; whether it is refused is the domain's business.
                let _ = house.visit(&format!("{floor}{index:02}"), outcome, contracts, minutes_ago);
            }
            let row = house.story().row::<Buildings>(&BUILDING).unwrap();
            let doors: Vec<_> = house.story().rows::<Doors>().into_values().collect();
            prop_assert_eq!(usize::try_from(row.doors_total).unwrap(), doors.len());
            for status in DoorStatus::ALL {
                let recount = doors.iter().filter(|door| door.status == *status).count();
                prop_assert_eq!(usize::try_from(row.doors(*status)).unwrap(), recount, "{}", status);
            }
            prop_assert_eq!(row.doors_visited, row.doors_total - row.doors_not_visited);
            let signed = doors.iter().filter(|door| door.status == DoorStatus::ContractSigned);
            prop_assert_eq!(row.contracts, signed.map(|door| door.number_of_contracts).sum::<i32>());
            prop_assert_eq!(row.contracts, doors.iter().map(|door| door.number_of_contracts).sum::<i32>());
            prop_assert_eq!(row.last_visited_at, doors.iter().filter_map(|door| door.last_visited_at).max());
            prop_assert!((0.0..=1.0).contains(&row.conversion_rate));
        }
    }
}
