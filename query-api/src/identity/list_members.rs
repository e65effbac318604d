//! The members of the tenant.

use crate::list::{Filter, List};
use kernel::{Reach, Scope};
use read_models::identity::members::Members;

pub(crate) struct ListMembers;

impl List for ListMembers {
    type Model = Members;
    const NAME: &'static str = "identity.list_members";
    const SCOPE: Scope = Scope::new("identity.member:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[Filter::id("user_id"), Filter::id("supervisor_id"), Filter::boolean("active")];
    const SORTS: &'static [&'static str] = &["joined_at", "-joined_at"];
    const LIMIT: i64 = 50;
}
