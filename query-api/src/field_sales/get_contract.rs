//! A contract.

use crate::detail::Detail;
use crate::visible::Visible;
use domain::field_sales::contract;
use kernel::Event as _;
use kernel::{Scope, Version};
use platform::auth::Identity;
use read_models::field_sales::contracts::{ContractRow, Contracts};
use uuid::Uuid;

pub(crate) struct GetContract;

impl Detail for GetContract {
    type Model = Contracts;
    const NAME: &'static str = "field_sales.get_contract";
    const SCOPE: Scope = Scope::new("field_sales.contract:read");
    const HISTORY_SCOPE: Scope = Scope::new("field_sales.contract:read");

    fn streams(_row: &ContractRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(contract::Event::CATEGORY, id)]
    }

    fn version(row: &ContractRow) -> Option<Version> {
        Some(row.version)
    }

    fn visible(identity: &Identity) -> Visible {
        super::led(identity, &["signed_by", "sales_rep_id", "manager_id"])
    }
}
