//! The visits of a door, the latest first.

use crate::list::List;
use domain::field_sales::LEAD_ALL;
use kernel::{Reach, Scope};
use read_models::field_sales::door_visits::DoorVisits;

pub(crate) struct ListDoorVisits;

impl List for ListDoorVisits {
    type Model = DoorVisits;
    const NAME: &'static str = "field_sales.list_door_visits";
    const SCOPE: Scope = Scope::new("field_sales.building:read");
    const REACH: Reach = Reach::Team { all: LEAD_ALL };
    const OWNERS: &'static [&'static str] = &["visited_by", "sales_rep_id", "manager_id"];
    const SORTS: &'static [&'static str] = &["-version", "version"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("door_id");
}
