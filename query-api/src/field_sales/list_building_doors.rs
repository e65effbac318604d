//! The doors of a building, floor by floor.

use crate::list::{Filter, List};
use domain::field_sales::door::DoorStatus;
use kernel::{Reach, Scope};
use read_models::field_sales::doors::Doors;

pub(crate) struct ListBuildingDoors;

impl List for ListBuildingDoors {
    type Model = Doors;
    const NAME: &'static str = "field_sales.list_building_doors";
    const SCOPE: Scope = Scope::new("field_sales.building:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[Filter::labelled::<DoorStatus>("status"), Filter::number("floor")];
    const SORTS: &'static [&'static str] = &["floor,number", "-floor,number"];
    const LIMIT: i64 = 100;
    const PARENT: Option<&'static str> = Some("building_id");
}
