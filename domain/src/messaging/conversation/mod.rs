//! A conversation: one client, one user of the studio, their messages. This file is the stored contract.

mod mark_read_up_to;
mod open;
mod rejection;
mod remembered;
mod send;
#[cfg(test)]
mod specs;
mod unread;

pub use mark_read_up_to::MarkReadUpTo;
pub use open::OpenConversation;
pub use rejection::Rejection;
pub use send::SendMessage;
pub use unread::ReadState;

use kernel::{ActorId, Aggregate, BlindIndex, Context, Personal, Scope, Text, labelled, typed_id};
use remembered::{Messages, Seqs};
use serde::{Deserialize, Serialize};

/// What lets somebody open conversations between others.
pub const MANAGE: Scope = Scope::new("messaging.conversation:manage");

/// What a conversation is about, one line.
pub type ConversationSubject = Text<3, 200>;
/// What a message says.
pub type MessageContent = Text<1, 5000>;
/// How many characters of a message lists show.
pub const PREVIEW_CHARACTERS: usize = 140;

typed_id! {
    /// A conversation: its stream.
    pub struct ConversationId;
    /// A message, chosen by whoever sends it.
    pub struct MessageId;
    /// The appointment that a conversation is about.
    pub struct AppointmentId;
}

impl ConversationId {
    /// The one conversation of an appointment: it cannot be opened twice, because its id follows (M26).
    pub fn of_appointment(appointment_id: AppointmentId) -> Self {
        Self(kernel::ids::derived(appointment_id.0, "messaging.conversation"))
    }
}

labelled! {
    /// What a message consists of.
    #[derive(Default)]
    pub enum MessageKind("messaging.message_kind") {
        /// Words.
        #[default]
        Text: "text" | "TEXT", "Text", "Texte";
        /// Words of Sillage itself, never of a person.
        System: "system" | "SYSTEM", "System", "Système";
        /// A picture.
        Image: "image" | "IMAGE", "Image", "Image";
        /// A file.
        File: "file" | "FILE", "File", "Fichier";
    }
}

/// What may happen to a conversation.
///
/// The numbers in an event are absolute (the place of this message, the count so far), so that a reader sets what
/// it shows and never adds up: it cannot drift.
///
/// A message is about who wrote it, the subject of the conversation about the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Two people can talk.
    Opened {
        /// The client.
        client_user_id: ActorId,
        /// The user of the studio.
        studio_user_id: ActorId,
        /// What it is about, where it is about an appointment.
        appointment_id: Option<AppointmentId>,
        /// What it is about, in words.
        subject: Option<Personal<ConversationSubject>>,
    },
    /// A participant wrote.
    MessageSent {
        /// The message.
        message_id: MessageId,
        /// Place in the conversation: 1, 2, 3, …
        seq: i32,
        /// Who wrote.
        author_id: ActorId,
        /// Who should know.
        recipient_id: ActorId,
        /// What it consists of.
        kind: MessageKind,
        /// What was written.
        content: Personal<MessageContent>,
        /// Its beginning, where it is longer than what lists show.
        preview: Option<Personal<MessageContent>>,
        /// By what a resend is known: follows from the message's id, its author and its content.
        content_index: BlindIndex,
        /// How many messages the author has sent here, with this one.
        author_count: i32,
    },
    /// A participant has read everything up to a message.
    ReadUpTo {
        /// Who read.
        reader_id: ActorId,
        /// The other participant, who may want to know.
        other_id: ActorId,
        /// Up to which message.
        seq: i32,
        /// Up to which message it was before; 0 for none.
        previous_seq: i32,
        /// How many of the messages 1 to `seq` the reader wrote: these were never unread.
        own_count: i32,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "messaging.conversation";

    fn examples() -> Vec<Self> {
        examples()
    }
}

/// The state of a conversation's stream: nothing before it is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    talk: Option<Talk>,
}

/// What decisions about an existing conversation depend on. Contents are not kept: a conversation of 100,000
/// messages takes 2.4 MB, shared between copies (see [`Messages`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Talk {
    client: Participant,
    studio: Participant,
    last_seq: i32,
    messages: Messages,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Participant {
    user_id: ActorId,
    read_seq: i32,
    sent: Seqs,
}

impl Aggregate for Conversation {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::Opened { client_user_id, studio_user_id, .. } => {
                self.talk = Some(Talk {
                    client: Participant::new(*client_user_id),
                    studio: Participant::new(*studio_user_id),
                    last_seq: 0,
                    messages: Messages::default(),
                });
            }
            Event::MessageSent { message_id, seq, author_id, content_index, .. } => {
                if let Some(talk) = &mut self.talk {
                    talk.last_seq = *seq;
                    talk.messages.insert(*message_id, *content_index);
                    if let Some(author) = talk.participant_mut(*author_id) {
                        author.sent.insert(*seq);
                    }
                }
            }
            Event::ReadUpTo { reader_id, seq, .. } => {
                if let Some(reader) = self.talk.as_mut().and_then(|talk| talk.participant_mut(*reader_id)) {
                    reader.read_seq = *seq;
                }
            }
        }
        self
    }
}

impl Conversation {
    /// The conversation with the actor's own part and the other's. It is not there for anybody else.
    fn seen_by(&self, cx: &Context) -> Result<(&Talk, &Participant, &Participant), Rejection> {
        let talk = self.talk.as_ref().ok_or(Rejection::NotFound)?;
        let actor_id = cx.actor_id();
        if talk.client.user_id == actor_id {
            Ok((talk, &talk.client, &talk.studio))
        } else if talk.studio.user_id == actor_id {
            Ok((talk, &talk.studio, &talk.client))
        } else {
            Err(Rejection::NotFound)
        }
    }
}

impl Talk {
    fn participant_mut(&mut self, user_id: ActorId) -> Option<&mut Participant> {
        [&mut self.client, &mut self.studio].into_iter().find(|participant| participant.user_id == user_id)
    }
}

impl Participant {
    fn new(user_id: ActorId) -> Self {
        Self { user_id, read_seq: 0, sent: Seqs::default() }
    }
}

fn examples() -> Vec<Event> {
    const TEXT: &str = "Bonjour, est-ce que 15 h vous convient ?";
    let id = |n: u128| uuid::Uuid::from_u128(0x3e55_0000_0000_4000_8000_0000_0000_0000 + n);
    let (client, studio) = (ActorId(id(1)), ActorId(id(2)));
    vec![
        Event::Opened {
            client_user_id: client,
            studio_user_id: studio,
            appointment_id: Some(AppointmentId(id(10))),
            subject: ConversationSubject::parse("RDV Tattoo - 12/03/2026").ok().map(|it| Personal::new(client, it)),
        },
        Event::MessageSent {
            message_id: MessageId(id(11)),
            seq: 1,
            author_id: client,
            recipient_id: studio,
            kind: MessageKind::Text,
            content: Personal::new(client, MessageContent::parse(TEXT).expect("an example is valid")),
            preview: None,
            content_index: BlindIndex(id(12)),
            author_count: 1,
        },
        Event::ReadUpTo { reader_id: studio, other_id: client, seq: 1, previous_seq: 0, own_count: 0 },
    ]
}
