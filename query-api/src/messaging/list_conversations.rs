//! The conversations that the caller takes part in, the liveliest first.

use crate::list::{Filter, List};
use crate::visible::Visible;
use kernel::Scope;
use platform::auth::Identity;
use read_models::messaging::conversations::Conversations;

pub(crate) struct ListConversations;

impl List for ListConversations {
    type Model = Conversations;
    const NAME: &'static str = "messaging.list_conversations";
    const SCOPE: Scope = Scope::new("messaging.conversation:read");
    const FILTERS: &'static [Filter] = &[Filter::id("appointment_id")];
    const SORTS: &'static [&'static str] = &["-last_activity_at", "-created_at"];

    fn visible(_identity: &Identity) -> Visible {
        Visible::Own(&["client_user_id", "studio_user_id"])
    }
}
