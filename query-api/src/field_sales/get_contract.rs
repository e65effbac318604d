//! A contract.

use crate::detail::Detail;
use domain::field_sales::LEAD_ALL;
use domain::field_sales::contract;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::field_sales::contracts::{ContractRow, Contracts};
use uuid::Uuid;

pub(crate) struct GetContract;

impl Detail for GetContract {
    type Model = Contracts;
    const NAME: &'static str = "field_sales.get_contract";
    const SCOPE: Scope = Scope::new("field_sales.contract:read");
    const REACH: Reach = Reach::Team { all: LEAD_ALL };
    const OWNERS: &'static [&'static str] = &["signed_by", "sales_rep_id", "manager_id"];
    const HISTORY_SCOPE: Scope = Scope::new("field_sales.contract:read");

    fn streams(_row: &ContractRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(contract::Event::CATEGORY, id)]
    }

    fn version(row: &ContractRow) -> Option<Version> {
        Some(row.version)
    }
}
