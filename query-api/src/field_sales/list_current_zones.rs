//! Who holds which zone now: at most one per user and user type.

use crate::list::{Filter, List};
use domain::field_sales::LEAD_ALL;
use domain::field_sales::UserType;
use kernel::{Reach, Scope};
use read_models::field_sales::current_zones::CurrentZones;

pub(crate) struct ListCurrentZones;

impl List for ListCurrentZones {
    type Model = CurrentZones;
    const NAME: &'static str = "field_sales.list_current_zones";
    const SCOPE: Scope = Scope::new("field_sales.zone:read");
    const REACH: Reach = Reach::Team { all: LEAD_ALL };
    const OWNERS: &'static [&'static str] = &["user_id"];
    const FILTERS: &'static [Filter] =
        &[Filter::id("zone_id"), Filter::id("user_id"), Filter::labelled::<UserType>("user_type")];
    const SORTS: &'static [&'static str] = &["-assigned_at"];
}
