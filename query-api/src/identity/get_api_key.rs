//! An API key of the tenant, without its secret.

use crate::detail::Detail;
use domain::identity::api_key;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::identity::api_keys::{ApiKeyRow, ApiKeys};
use uuid::Uuid;

pub(crate) struct GetApiKey;

impl Detail for GetApiKey {
    type Model = ApiKeys;
    const NAME: &'static str = "identity.get_api_key";
    const SCOPE: Scope = Scope::new("identity.api_key:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("identity.api_key:read");

    fn streams(_row: &ApiKeyRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(api_key::Event::CATEGORY, id)]
    }

    fn version(row: &ApiKeyRow) -> Option<Version> {
        Some(row.version)
    }
}
