//! Of which tenants a user is a member, for the platform.

use crate::list::{Filter, List};
use kernel::{Reach, Scope};
use read_models::identity::user_memberships::UserMemberships;

pub(crate) struct ListUserMemberships;

impl List for ListUserMemberships {
    type Model = UserMemberships;
    const NAME: &'static str = "identity.list_user_memberships";
    const SCOPE: Scope = Scope::new("identity.user:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[Filter::boolean("active")];
    const SORTS: &'static [&'static str] = &["joined_at", "-joined_at"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("user_id");
}
