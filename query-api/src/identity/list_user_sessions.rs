//! When and from where a user signed in, for the platform.

use crate::list::{Filter, List};
use kernel::{Reach, Scope};
use read_models::identity::sessions::Sessions;

pub(crate) struct ListUserSessions;

impl List for ListUserSessions {
    type Model = Sessions;
    const NAME: &'static str = "identity.list_user_sessions";
    const SCOPE: Scope = Scope::new("identity.session:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[Filter::boolean("ended"), Filter::boolean("reuse_detected")];
    const SORTS: &'static [&'static str] = &["-started_at", "started_at"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("user_id");
}
