//! The visits of the tenant, the latest first.

use crate::list::{Filter, List};
use domain::field_sales::LEAD_ALL;
use domain::field_sales::door::DoorStatus;
use kernel::{Reach, Scope};
use read_models::field_sales::door_visits::DoorVisits;

pub(crate) struct ListVisits;

impl List for ListVisits {
    type Model = DoorVisits;
    const NAME: &'static str = "field_sales.list_visits";
    const SCOPE: Scope = Scope::new("field_sales.building:read");
    const REACH: Reach = Reach::Team { all: LEAD_ALL };
    const OWNERS: &'static [&'static str] = &["visited_by", "sales_rep_id", "manager_id"];
    const FILTERS: &'static [Filter] = &[
        Filter::id("building_id"),
        Filter::id("zone_id"),
        Filter::id("visited_by"),
        Filter::labelled::<DoorStatus>("outcome"),
    ];
    const SORTS: &'static [&'static str] = &["-visited_at", "visited_at"];
    const LIMIT: i64 = 50;
}
