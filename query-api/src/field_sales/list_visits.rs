//! The visits of the tenant, the latest first.

use crate::list::{Filter, List};
use crate::visible::Visible;
use domain::field_sales::door::DoorStatus;
use kernel::Scope;
use platform::auth::Identity;
use read_models::field_sales::door_visits::DoorVisits;

pub(crate) struct ListVisits;

impl List for ListVisits {
    type Model = DoorVisits;
    const NAME: &'static str = "field_sales.list_visits";
    const SCOPE: Scope = Scope::new("field_sales.building:read");
    const FILTERS: &'static [Filter] = &[
        Filter::id("building_id"),
        Filter::id("zone_id"),
        Filter::id("visited_by"),
        Filter::labelled::<DoorStatus>("outcome"),
    ];
    const SORTS: &'static [&'static str] = &["-visited_at", "visited_at"];
    const LIMIT: i64 = 50;

    fn visible(identity: &Identity) -> Visible {
        super::led(identity, &["visited_by", "sales_rep_id", "manager_id"])
    }
}
