//! A building with the counts of its doors.

use crate::detail::Detail;
use domain::field_sales::building::{self, DoorNumber, door_id};
use domain::field_sales::door;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::field_sales::buildings::{BuildingRow, Buildings};
use uuid::Uuid;

pub(crate) struct GetBuilding;

impl Detail for GetBuilding {
    type Model = Buildings;
    const NAME: &'static str = "field_sales.get_building";
    const SCOPE: Scope = Scope::new("field_sales.building:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("field_sales.building:read");

    /// The building's own stream and that of each of its doors: their ids follow from the building's size.
    fn streams(row: &BuildingRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        let doors =
            (1..=row.floors.get()).flat_map(|floor| (1..=row.doors_per_floor.get()).map(move |index| (floor, index)));
        let door = |(floor, index)| (door::Event::CATEGORY, door_id(row.building_id, &DoorNumber::of(floor, index)).0);
        std::iter::once((building::Event::CATEGORY, id)).chain(doors.map(door)).collect()
    }

    fn version(_row: &BuildingRow) -> Option<Version> {
        None
    }
}
