//! The zones.

use crate::list::{Filter, List};
use kernel::{Reach, Scope};
use read_models::field_sales::zones::Zones;

pub(crate) struct ListZones;

impl List for ListZones {
    type Model = Zones;
    const NAME: &'static str = "field_sales.list_zones";
    const SCOPE: Scope = Scope::new("field_sales.zone:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[Filter::id("director_id"), Filter::id("manager_id")];
    const SORTS: &'static [&'static str] = &["name", "-created_at"];
}
