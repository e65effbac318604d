//! The doors of the tenant, for work lists.

use crate::list::{Filter, List};
use domain::field_sales::door::DoorStatus;
use kernel::{Reach, Scope};
use read_models::field_sales::doors::Doors;

pub(crate) struct ListDoors;

impl List for ListDoors {
    type Model = Doors;
    const NAME: &'static str = "field_sales.list_doors";
    const SCOPE: Scope = Scope::new("field_sales.building:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[
        Filter::labelled::<DoorStatus>("status"),
        Filter::id("building_id"),
        Filter::id("zone_id"),
        Filter::id("sales_rep_id"),
        Filter::id("manager_id"),
    ];
    const SORTS: &'static [&'static str] = &["door_id"];
}
