//! Why a command on a conversation is refused.

use kernel::RejectionKind;

/// Why a command on a conversation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such conversation, or the actor does not take part.
    #[error("there is no such conversation")]
    NotFound,
    /// The actor wants to open a conversation between others.
    #[error("you may open conversations only with yourself as a participant")]
    NotAParticipant,
    /// Client and studio user are the same person.
    #[error("a conversation takes two people")]
    WithOneself,
    /// The conversation exists, between other people.
    #[error("this conversation exists with other participants")]
    OtherParticipants,
    /// A person tried to send a message of the system.
    #[error("messages of the kind system are not sent by people")]
    SystemMessage,
    /// Messages of this kind cannot be sent yet.
    #[error("only text messages can be sent")]
    KindNotSupported,
    /// The message id stands for another message of the conversation.
    #[error("this message id was used for another message")]
    MessageIdReused,
    /// The cursor would be beyond the last message.
    #[error("the conversation's last message is {last_seq}")]
    BeyondLastMessage {
        /// The last message; 0 for none.
        last_seq: i32,
    },
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "messaging.conversation_not_found",
            Self::NotAParticipant => "messaging.conversation_not_a_participant",
            Self::WithOneself => "messaging.conversation_with_oneself",
            Self::OtherParticipants => "messaging.conversation_other_participants",
            Self::SystemMessage => "messaging.message_system_refused",
            Self::KindNotSupported => "messaging.message_kind_not_supported",
            Self::MessageIdReused => "messaging.message_id_reused",
            Self::BeyondLastMessage { .. } => "messaging.conversation_beyond_last_message",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::NotAParticipant | Self::SystemMessage => RejectionKind::Forbidden,
            Self::WithOneself | Self::KindNotSupported => RejectionKind::Invalid,
            Self::OtherParticipants | Self::MessageIdReused | Self::BeyondLastMessage { .. } => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id; only its two participants see a conversation.",
            Self::NotAParticipant => "Name yourself as the client or the studio user.",
            Self::WithOneself => "Name two different people.",
            Self::OtherParticipants => "Use the existing conversation, or open one without the appointment.",
            Self::SystemMessage | Self::KindNotSupported => "Send kind text, or leave kind out.",
            Self::MessageIdReused => "Choose a new message id for a new message.",
            Self::BeyondLastMessage { .. } => "Mark as read up to the last message you have received.",
        }
    }
}
