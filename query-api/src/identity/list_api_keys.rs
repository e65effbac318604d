//! The API keys of the tenant, without their secrets.

use crate::list::{Filter, List};
use kernel::{Reach, Scope};
use read_models::identity::api_keys::ApiKeys;

pub(crate) struct ListApiKeys;

impl List for ListApiKeys {
    type Model = ApiKeys;
    const NAME: &'static str = "identity.list_api_keys";
    const SCOPE: Scope = Scope::new("identity.api_key:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[Filter::boolean("revoked"), Filter::id("issued_by")];
    const SORTS: &'static [&'static str] = &["-issued_at", "issued_at"];
    const LIMIT: i64 = 50;
}
