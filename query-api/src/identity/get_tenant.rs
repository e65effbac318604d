//! A tenant, for the platform.

use crate::detail::Detail;
use domain::identity::tenant;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::identity::tenants::{TenantRow, Tenants};
use uuid::Uuid;

pub(crate) struct GetTenant;

impl Detail for GetTenant {
    type Model = Tenants;
    const NAME: &'static str = "identity.get_tenant";
    const SCOPE: Scope = Scope::new("identity.tenant:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("identity.tenant:read");

    fn streams(_row: &TenantRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(tenant::Event::CATEGORY, id)]
    }

    fn version(row: &TenantRow) -> Option<Version> {
        Some(row.version)
    }
}
