//! The tenants, for the platform.

use crate::list::{Filter, List};
use domain::identity::tenant::{Plan, Slug};
use kernel::{Reach, Scope};
use read_models::identity::tenants::Tenants;

pub(crate) struct ListTenants;

impl List for ListTenants {
    type Model = Tenants;
    const NAME: &'static str = "identity.list_tenants";
    const SCOPE: Scope = Scope::new("identity.tenant:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] =
        &[Filter::parsed::<Slug>("slug", "slugs"), Filter::labelled::<Plan>("plan"), Filter::boolean("suspended")];
    const SORTS: &'static [&'static str] = &["-created_at", "created_at", "slug"];
    const LIMIT: i64 = 50;
}
