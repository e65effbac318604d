//! The conversations that the caller takes part in, the liveliest first.

use crate::list::{Filter, List};
use kernel::{Reach, Scope};
use read_models::messaging::conversations::Conversations;

pub(crate) struct ListConversations;

impl List for ListConversations {
    type Model = Conversations;
    const NAME: &'static str = "messaging.list_conversations";
    const SCOPE: Scope = Scope::new("messaging.conversation:read");
    const REACH: Reach = Reach::Own { all: None };
    const OWNERS: &'static [&'static str] = &["client_user_id", "studio_user_id"];
    const FILTERS: &'static [Filter] = &[Filter::id("appointment_id")];
    const SORTS: &'static [&'static str] = &["-last_activity_at", "-created_at"];
}
