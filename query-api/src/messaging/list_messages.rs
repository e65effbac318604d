//! The messages of a conversation, the newest first.

use crate::list::List;
use kernel::{Reach, Scope};
use read_models::messaging::messages::Messages;

pub(crate) struct ListMessages;

impl List for ListMessages {
    type Model = Messages;
    const NAME: &'static str = "messaging.list_messages";
    const SCOPE: Scope = Scope::new("messaging.conversation:read");
    const REACH: Reach = Reach::Own { all: None };
    const OWNERS: &'static [&'static str] = &["author_id", "recipient_id"];
    const SORTS: &'static [&'static str] = &["-seq", "seq"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("conversation_id");
}
