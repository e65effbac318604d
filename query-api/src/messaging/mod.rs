//! What conversations show.

mod get_conversation;
mod list_conversations;
mod list_messages;

use crate::routes::QueryRoutes;

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/messaging")
        .list::<list_conversations::ListConversations>("/conversations")
        .detail::<get_conversation::GetConversation>("/conversations/{conversation_id}")
        .list::<list_messages::ListMessages>("/conversations/{conversation_id}/messages")
}
