//! The buildings with the counts of their doors.

use crate::list::{Filter, List};
use kernel::{Reach, Scope};
use read_models::field_sales::buildings::Buildings;

pub(crate) struct ListBuildings;

impl List for ListBuildings {
    type Model = Buildings;
    const NAME: &'static str = "field_sales.list_buildings";
    const SCOPE: Scope = Scope::new("field_sales.building:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[Filter::id("zone_id"), Filter::id("sales_rep_id"), Filter::id("manager_id")];
    const SORTS: &'static [&'static str] = &["address", "-created_at"];
}
