//! The users, for the platform.

use crate::list::{Filter, List};
use kernel::{Reach, Scope};
use read_models::identity::users::Users;

pub(crate) struct ListUsers;

impl List for ListUsers {
    type Model = Users;
    const NAME: &'static str = "identity.list_users";
    const SCOPE: Scope = Scope::new("identity.user:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[
        Filter::id("user_id"),
        Filter::boolean("active"),
        Filter::boolean("email_verified"),
        Filter::boolean("second_factor"),
    ];
    const SORTS: &'static [&'static str] = &["-registered_at", "registered_at"];
    const LIMIT: i64 = 50;
}
