//! The contracts, the latest first.

use crate::list::{Filter, List};
use domain::field_sales::LEAD_ALL;
use kernel::{Reach, Scope};
use read_models::field_sales::contracts::Contracts;

pub(crate) struct ListContracts;

impl List for ListContracts {
    type Model = Contracts;
    const NAME: &'static str = "field_sales.list_contracts";
    const SCOPE: Scope = Scope::new("field_sales.contract:read");
    const REACH: Reach = Reach::Team { all: LEAD_ALL };
    const OWNERS: &'static [&'static str] = &["signed_by", "sales_rep_id", "manager_id"];
    const FILTERS: &'static [Filter] =
        &[Filter::id("building_id"), Filter::id("door_id"), Filter::id("zone_id"), Filter::id("signed_by")];
    const SORTS: &'static [&'static str] = &["-signed_at", "signed_at"];
}
