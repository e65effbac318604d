//! Conversations between a studio and its clients.
//!
//! Choices where the product page is silent:
//!
//! - **Studio user**: the one person of the studio (`salon`, M9) who takes part; the client is the other one.
//! - Sending a message does not move the sender's own cursor: only reading does.
//! - Where an appointment's conversation exists already, opening it again with the same two people changes
//!   nothing and its subject stays; with other people it is refused, rather than silently answering a conversation
//!   that the caller did not ask for.
//! - Holding `messaging.conversation:manage` lets somebody open conversations for others, never speak or read in
//!   their name.

pub mod conversation;
