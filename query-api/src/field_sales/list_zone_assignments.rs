//! Who held which zone, and when.

use crate::list::{Filter, List};
use crate::visible::Visible;
use domain::field_sales::UserType;
use kernel::Scope;
use platform::auth::Identity;
use read_models::field_sales::zone_assignments::ZoneAssignments;

pub(crate) struct ListZoneAssignments;

impl List for ListZoneAssignments {
    type Model = ZoneAssignments;
    const NAME: &'static str = "field_sales.list_zone_assignments";
    const SCOPE: Scope = Scope::new("field_sales.zone:read");
    const FILTERS: &'static [Filter] =
        &[Filter::id("zone_id"), Filter::id("user_id"), Filter::labelled::<UserType>("user_type")];
    const SORTS: &'static [&'static str] = &["-assigned_at", "assigned_at"];

    fn visible(identity: &Identity) -> Visible {
        super::led(identity, &["user_id"])
    }
}
