//! The messages of conversations.

use chrono::{DateTime, Utc};
use domain::messaging::conversation::{ConversationId, Event, MessageContent, MessageId, MessageKind};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `messaging.messages`: one row per message.
///
/// Whether a message was read is not kept here: it was, when its `seq` is at most the recipient's cursor in
/// `messaging.conversations`. Reading 10,000 messages so touches one row.
pub struct Messages;

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MessageRow {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Place in the conversation: 1, 2, 3, … without gaps.
    pub seq: i32,
    /// The message, as its sender named it.
    pub message_id: MessageId,
    /// Who wrote.
    pub author_id: ActorId,
    /// The other participant.
    pub recipient_id: ActorId,
    /// What it consists of.
    pub kind: MessageKind,
    /// What it says, as typed: to be escaped where it is shown as HTML.
    pub content: Personal<MessageContent>,
    /// When it was sent.
    pub sent_at: DateTime<Utc>,
}

impl ReadModel for Messages {
    type Event = Event;
    type Key = (ConversationId, i32);
    type Row = MessageRow;

    const NAME: &'static str = "messaging.messages";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("conversation_id", ColumnKind::Uuid),
            Column::new("seq", ColumnKind::Integer),
            Column::new("message_id", ColumnKind::Uuid),
            Column::new("author_id", ColumnKind::Uuid),
            Column::new("recipient_id", ColumnKind::Uuid),
            Column::new("kind", ColumnKind::Text),
            Column::new("content", ColumnKind::Personal),
            Column::new("sent_at", ColumnKind::Timestamp),
        ],
        indexes: &[Index { columns: &["message_id"] }, Index { columns: &["author_id", "-sent_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<(ConversationId, i32)> {
        match &event.event {
            Event::MessageSent { seq, .. } => Keys::One((ConversationId(event.stream_id), *seq)),
            Event::Opened { .. } | Event::ReadUpTo { .. } => Keys::None,
        }
    }

    fn apply(row: Option<MessageRow>, key: &(ConversationId, i32), event: &Recorded<Event>) -> Option<MessageRow> {
        match &event.event {
            Event::MessageSent { message_id, author_id, recipient_id, kind, content, .. } => Some(MessageRow {
                conversation_id: key.0,
                seq: key.1,
                message_id: *message_id,
                author_id: *author_id,
                recipient_id: *recipient_id,
                kind: *kind,
                content: content.clone(),
                sent_at: event.occurred_at,
            }),
            Event::Opened { .. } | Event::ReadUpTo { .. } => row,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::conversations::tests::{CLEO, STUDIO, TALK, opened, read, sent};
    use super::*;
    use kernel::specs::Story;

    #[test]
    fn every_message_has_its_row_and_reading_adds_none() {
        let story = Story::<Event>::new()
            .then(TALK, CLEO, opened())
            .then(TALK, CLEO, sent(1, CLEO, 1, "Bonjour"))
            .then(TALK, STUDIO, read(STUDIO, 1, 0))
            .then(TALK, STUDIO, sent(2, STUDIO, 1, "<b>Bonjour</b>"));
        let rows = story.rows::<Messages>();
        assert_eq!(rows.len(), 2);
        let answer = &rows[&(TALK, 2)];
        assert_eq!((answer.author_id, answer.recipient_id, answer.seq), (STUDIO, CLEO, 2));
        let content = answer.content.fresh().map(MessageContent::as_str);
        assert_eq!((content, answer.kind), (Some("<b>Bonjour</b>"), MessageKind::Text));
    }
}
