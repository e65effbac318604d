//! The messages of a conversation, the newest first.

use crate::list::List;
use crate::visible::Visible;
use kernel::Scope;
use platform::auth::Identity;
use read_models::messaging::messages::Messages;

pub(crate) struct ListMessages;

impl List for ListMessages {
    type Model = Messages;
    const NAME: &'static str = "messaging.list_messages";
    const SCOPE: Scope = Scope::new("messaging.conversation:read");
    const SORTS: &'static [&'static str] = &["-seq", "seq"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("conversation_id");

    fn visible(_identity: &Identity) -> Visible {
        Visible::Own(&["author_id", "recipient_id"])
    }
}
