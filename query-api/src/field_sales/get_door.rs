//! A door.

use crate::detail::Detail;
use domain::field_sales::{building, door};
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::field_sales::doors::{DoorRow, Doors};
use uuid::Uuid;

pub(crate) struct GetDoor;

impl Detail for GetDoor {
    type Model = Doors;
    const NAME: &'static str = "field_sales.get_door";
    /// Visits come from devices that were offline: a door is what the visit that really was the last one left.
    const FOLDS_AS_OCCURRED: bool = true;
    const SCOPE: Scope = Scope::new("field_sales.building:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("field_sales.building:read");

    fn streams(row: &DoorRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(door::Event::CATEGORY, id), (building::Event::CATEGORY, row.building_id.0)]
    }

    fn version(row: &DoorRow) -> Option<Version> {
        Some(row.version)
    }
}
