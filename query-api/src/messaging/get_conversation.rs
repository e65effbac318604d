//! A conversation, for its two participants.

use crate::detail::Detail;
use domain::messaging::conversation;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::messaging::conversations::{ConversationRow, Conversations};
use uuid::Uuid;

pub(crate) struct GetConversation;

impl Detail for GetConversation {
    type Model = Conversations;
    const NAME: &'static str = "messaging.get_conversation";
    const SCOPE: Scope = Scope::new("messaging.conversation:read");
    const REACH: Reach = Reach::Own { all: None };
    const OWNERS: &'static [&'static str] = &["client_user_id", "studio_user_id"];
    const HISTORY_SCOPE: Scope = Scope::new("messaging.conversation:read");

    fn streams(_row: &ConversationRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(conversation::Event::CATEGORY, id)]
    }

    fn version(row: &ConversationRow) -> Option<Version> {
        Some(row.version)
    }
}
