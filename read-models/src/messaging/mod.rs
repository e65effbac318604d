//! What the messaging context shows.

pub mod conversations;
pub mod messages;

pub use conversations::{ConversationRow, Conversations};
pub use messages::{MessageRow, Messages};
