//! Who held which zone, and when.

use crate::list::{Filter, List};
use domain::field_sales::LEAD_ALL;
use domain::field_sales::UserType;
use kernel::{Reach, Scope};
use read_models::field_sales::zone_assignments::ZoneAssignments;

pub(crate) struct ListZoneAssignments;

impl List for ListZoneAssignments {
    type Model = ZoneAssignments;
    const NAME: &'static str = "field_sales.list_zone_assignments";
    const SCOPE: Scope = Scope::new("field_sales.zone:read");
    const REACH: Reach = Reach::Team { all: LEAD_ALL };
    const OWNERS: &'static [&'static str] = &["user_id"];
    const FILTERS: &'static [Filter] =
        &[Filter::id("zone_id"), Filter::id("user_id"), Filter::labelled::<UserType>("user_type")];
    const SORTS: &'static [&'static str] = &["-assigned_at", "assigned_at"];
}
