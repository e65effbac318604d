//! The HTTP face of conversations.

use crate::routes::CommandRoutes;
use domain::messaging::conversation::{MarkReadUpTo, OpenConversation, SendMessage};

pub(crate) fn routes() -> CommandRoutes {
    CommandRoutes::new("/messaging")
        .create::<OpenConversation>("/conversations")
        .on::<SendMessage>("/conversations/{conversation_id}/messages")
        .on::<MarkReadUpTo>("/conversations/{conversation_id}/read")
}
