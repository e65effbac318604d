//! Who signed in when, for the platform.

use crate::list::{Filter, List};
use domain::identity::session::EndReason;
use kernel::{Reach, Scope};
use read_models::identity::sessions::Sessions;

pub(crate) struct ListSessions;

impl List for ListSessions {
    type Model = Sessions;
    const NAME: &'static str = "identity.list_sessions";
    const SCOPE: Scope = Scope::new("identity.session:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[
        Filter::id("user_id"),
        Filter::boolean("ended"),
        Filter::boolean("reuse_detected"),
        Filter::labelled::<EndReason>("end_reason"),
    ];
    const SORTS: &'static [&'static str] = &["-started_at", "started_at"];
    const LIMIT: i64 = 50;
}
