//! The conversations: list per participant and detail.

use chrono::{DateTime, Utc};
use domain::messaging::conversation::{
    AppointmentId, ConversationId, ConversationSubject, Event, MessageContent, ReadState,
};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `messaging.conversations`: one row per conversation.
///
/// A participant's unread count is computed anew from that participant's cursor at every event, never counted up or
/// down (see [`ReadState`]).
pub struct Conversations;

/// A conversation as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConversationRow {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The client.
    pub client_user_id: ActorId,
    /// The user of the studio.
    pub studio_user_id: ActorId,
    /// The appointment that it is about.
    pub appointment_id: Option<AppointmentId>,
    /// What it is about.
    pub subject: Option<Personal<ConversationSubject>>,
    /// The place of the last message; 0 for none.
    pub last_seq: i32,
    /// When the last message was sent.
    pub last_message_at: Option<DateTime<Utc>>,
    /// Who sent the last message.
    pub last_author_id: Option<ActorId>,
    /// The beginning of the last message: at most 140 characters.
    pub last_message_preview: Option<Personal<MessageContent>>,
    /// How many messages the client wrote.
    pub client_message_count: i32,
    /// Up to which message the client has read; 0 for none.
    pub client_read_seq: i32,
    /// How many of the messages up to there the client wrote.
    pub client_own_read_count: i32,
    /// How many messages of others the client has not read.
    pub client_unread: i32,
    /// How many messages the user of the studio wrote.
    pub studio_message_count: i32,
    /// Up to which message the user of the studio has read; 0 for none.
    pub studio_read_seq: i32,
    /// How many of the messages up to there the user of the studio wrote.
    pub studio_own_read_count: i32,
    /// How many messages of others the user of the studio has not read.
    pub studio_unread: i32,
    /// When the last message was sent, or the conversation opened: what lists are sorted by.
    pub last_activity_at: DateTime<Utc>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When the server last recorded anything here, reading included.
    pub updated_at: DateTime<Utc>,
    /// The version of the conversation's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Conversations {
    type Event = Event;
    type Key = ConversationId;
    type Row = ConversationRow;

    const NAME: &'static str = "messaging.conversations";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("conversation_id", ColumnKind::Uuid),
            Column::new("client_user_id", ColumnKind::Uuid),
            Column::new("studio_user_id", ColumnKind::Uuid),
            Column::optional("appointment_id", ColumnKind::Uuid),
            Column::optional("subject", ColumnKind::Personal),
            Column::new("last_seq", ColumnKind::Integer),
            Column::optional("last_message_at", ColumnKind::Timestamp),
            Column::optional("last_author_id", ColumnKind::Uuid),
            Column::optional("last_message_preview", ColumnKind::Personal),
            Column::new("client_message_count", ColumnKind::Integer),
            Column::new("client_read_seq", ColumnKind::Integer),
            Column::new("client_own_read_count", ColumnKind::Integer),
            Column::new("client_unread", ColumnKind::Integer),
            Column::new("studio_message_count", ColumnKind::Integer),
            Column::new("studio_read_seq", ColumnKind::Integer),
            Column::new("studio_own_read_count", ColumnKind::Integer),
            Column::new("studio_unread", ColumnKind::Integer),
            Column::new("last_activity_at", ColumnKind::Timestamp),
            Column::new("created_at", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[
            Index { columns: &["client_user_id", "-last_activity_at"] },
            Index { columns: &["studio_user_id", "-last_activity_at"] },
            Index { columns: &["appointment_id"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<ConversationId> {
        Keys::One(ConversationId(event.stream_id))
    }

    fn apply(row: Option<ConversationRow>, key: &ConversationId, event: &Recorded<Event>) -> Option<ConversationRow> {
        let row = match &event.event {
            Event::Opened { .. } => opened(*key, event),
            Event::MessageSent { .. } | Event::ReadUpTo { .. } => row,
        };
        row.map(|row| row.changed_by(event).counted())
    }
}

fn opened(conversation_id: ConversationId, event: &Recorded<Event>) -> Option<ConversationRow> {
    let Event::Opened { client_user_id, studio_user_id, appointment_id, subject } = &event.event else {
        return None;
    };
    Some(ConversationRow {
        conversation_id,
        client_user_id: *client_user_id,
        studio_user_id: *studio_user_id,
        appointment_id: *appointment_id,
        subject: subject.clone(),
        last_seq: 0,
        last_message_at: None,
        last_author_id: None,
        last_message_preview: None,
        client_message_count: 0,
        client_read_seq: 0,
        client_own_read_count: 0,
        client_unread: 0,
        studio_message_count: 0,
        studio_read_seq: 0,
        studio_own_read_count: 0,
        studio_unread: 0,
        last_activity_at: event.occurred_at,
        created_at: event.occurred_at,
        updated_at: event.recorded_at,
        version: event.version,
    })
}

impl ConversationRow {
    /// Where the client stands.
    pub const fn client(&self) -> ReadState {
        ReadState {
            last_seq: self.last_seq,
            own_count: self.client_message_count,
            read_seq: self.client_read_seq,
            own_read_count: self.client_own_read_count,
        }
    }

    /// Where the user of the studio stands.
    pub const fn studio(&self) -> ReadState {
        ReadState {
            last_seq: self.last_seq,
            own_count: self.studio_message_count,
            read_seq: self.studio_read_seq,
            own_read_count: self.studio_own_read_count,
        }
    }

    fn changed_by(mut self, event: &Recorded<Event>) -> Self {
        match &event.event {
            Event::Opened { .. } => {}
            Event::MessageSent { seq, author_id, author_count, content, preview, .. } => {
                self.last_seq = *seq;
                self.last_message_at = Some(event.occurred_at);
                self.last_activity_at = event.occurred_at;
                self.last_author_id = Some(*author_id);
                self.last_message_preview = Some(preview.as_ref().unwrap_or(content).clone());
                if *author_id == self.client_user_id {
                    self.client_message_count = *author_count;
                } else if *author_id == self.studio_user_id {
                    self.studio_message_count = *author_count;
                }
            }
            Event::ReadUpTo { reader_id, seq, own_count, .. } => {
                if *reader_id == self.client_user_id {
                    (self.client_read_seq, self.client_own_read_count) = (*seq, *own_count);
                } else if *reader_id == self.studio_user_id {
                    (self.studio_read_seq, self.studio_own_read_count) = (*seq, *own_count);
                }
            }
        }
        Self { updated_at: event.recorded_at, version: event.version, ..self }
    }

    fn counted(self) -> Self {
        Self { client_unread: self.client().unread(), studio_unread: self.studio().unread(), ..self }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::messages::Messages;
    use super::*;
    use chrono::TimeDelta;
    use domain::messaging::conversation::{Conversation, MarkReadUpTo, MessageId, MessageKind, SendMessage};
    use kernel::specs::{Story, context, noon};
    use kernel::{Aggregate, BlindIndex, Command};
    use proptest::prelude::*;
    use uuid::Uuid;

    pub(crate) const CLEO: ActorId = ActorId(Uuid::from_u128(0xc1e0));
    pub(crate) const STUDIO: ActorId = ActorId(Uuid::from_u128(0x57d0));
    pub(crate) const TALK: ConversationId = ConversationId(Uuid::from_u128(0x7a1c));

    pub(crate) fn opened() -> Event {
        let subject = ConversationSubject::parse("RDV Tattoo - 12/03/2026").ok();
        let subject = subject.map(|subject| Personal::new(CLEO, subject));
        Event::Opened { client_user_id: CLEO, studio_user_id: STUDIO, appointment_id: None, subject }
    }

    pub(crate) fn sent(seq: i32, author_id: ActorId, author_count: i32, content: &str) -> Event {
        Event::MessageSent {
            message_id: MessageId(Uuid::from_u128(1000 + u128::from(seq.unsigned_abs()))),
            seq,
            author_id,
            recipient_id: if author_id == CLEO { STUDIO } else { CLEO },
            kind: MessageKind::Text,
            content: Personal::new(author_id, MessageContent::parse(content).unwrap()),
            preview: None,
            content_index: BlindIndex(Uuid::from_u128(u128::from(seq.unsigned_abs()))),
            author_count,
        }
    }

    pub(crate) fn read(reader_id: ActorId, seq: i32, own_count: i32) -> Event {
        let other_id = if reader_id == CLEO { STUDIO } else { CLEO };
        Event::ReadUpTo { reader_id, other_id, seq, previous_seq: 0, own_count }
    }

    fn row(story: &Story<Event>) -> ConversationRow {
        story.row::<Conversations>(&TALK).unwrap()
    }

    #[test]
    fn a_new_conversation_is_listed_by_its_opening() {
        let row = row(&Story::new().then(TALK, STUDIO, opened()));
        assert_eq!((row.last_seq, row.last_message_at, row.client_unread), (0, None, 0));
        assert_eq!((row.last_activity_at, row.version), (noon() + TimeDelta::minutes(1), Version(1)));
    }

    #[test]
    fn a_message_moves_the_conversation_up_and_is_unread_to_the_other_one_only() {
        let row = row(&Story::new().then(TALK, STUDIO, opened()).then(TALK, CLEO, sent(1, CLEO, 1, "Bonjour")));
        assert_eq!((row.client_unread, row.studio_unread, row.last_author_id), (0, 1, Some(CLEO)));
        assert_eq!(row.last_message_at, Some(noon() + TimeDelta::minutes(2)));
        assert_eq!(row.last_activity_at, noon() + TimeDelta::minutes(2));
        assert_eq!(shown(&row), Some("Bonjour"));
    }

    #[test]
    fn of_a_long_message_the_list_shows_the_beginning() {
        let mut long = sent(1, CLEO, 1, &"é".repeat(500));
        if let Event::MessageSent { preview, .. } = &mut long {
            *preview = Some(Personal::new(CLEO, MessageContent::parse("Bonjour…").unwrap()));
        }
        assert_eq!(shown(&row(&Story::new().then(TALK, STUDIO, opened()).then(TALK, CLEO, long))), Some("Bonjour…"));
    }

    fn shown(row: &ConversationRow) -> Option<&str> {
        row.last_message_preview.as_ref().and_then(Personal::fresh).map(MessageContent::as_str)
    }

    #[test]
    fn a_hundred_and_twenty_unread_messages_follow_the_cursor() {
        let story = (1..=120).fold(Story::new().then(TALK, CLEO, opened()), |story, seq| {
            story.then(TALK, STUDIO, sent(seq, STUDIO, seq, "Bonjour"))
        });
        assert_eq!(row(&story).client_unread, 120);
        let half = story.then(TALK, CLEO, read(CLEO, 70, 0));
        assert_eq!((row(&half).client_unread, row(&half).studio_unread), (50, 0));
        let whole = row(&half.then(TALK, CLEO, read(CLEO, 120, 0)));
        assert_eq!((whole.client_unread, whole.client_read_seq), (0, 120));
    }

    #[test]
    fn reading_does_not_reorder_the_list() {
        let story = Story::new().then(TALK, CLEO, opened()).then(TALK, CLEO, sent(1, CLEO, 1, "Bonjour"));
        let (before, after) = (row(&story), row(&story.then(TALK, STUDIO, read(STUDIO, 1, 0))));
        assert_eq!((after.last_activity_at, after.last_message_at), (before.last_activity_at, before.last_message_at));
        assert_eq!((after.version, after.studio_read_seq), (Version(3), 1));
    }

    proptest! {
        /// Through the decider, then both read models: what the list says is what a count of the messages gives.
        #[test]
        fn the_list_counts_what_the_messages_show(
            deeds in proptest::collection::vec((any::<bool>(), any::<bool>(), 0i32..40), 1..80),
        ) {
            let mut state = Conversation::default().evolve(&opened());
            let mut story = Story::new().then(TALK, CLEO, opened());
            for (step, (by_client, sends, seq)) in (0u128..).zip(deeds) {
                let actor = if by_client { CLEO } else { STUDIO };
                let cx = context(actor, TALK.0, &[]);
                let content = MessageContent::parse("Bonjour").unwrap();
                let send = SendMessage { message_id: MessageId(Uuid::from_u128(step)), kind: MessageKind::Text, content: content.into() };
                let decision =
                    if sends { send.decide(&state, &cx) } else { MarkReadUpTo { seq }.decide(&state, &cx) };
                for event in decision.map(|decided| decided.events).unwrap_or_default() {
                    state = state.evolve(&event);
                    story = story.then(TALK, actor, event);
                }
            }
            let (row, messages) = (row(&story), story.rows::<Messages>());
            let naive = |me: ActorId, cursor: i32| {
                messages.values().filter(|message| message.author_id != me && message.seq > cursor).count()
            };
            prop_assert_eq!(usize::try_from(row.client_unread).unwrap(), naive(CLEO, row.client_read_seq));
            prop_assert_eq!(usize::try_from(row.studio_unread).unwrap(), naive(STUDIO, row.studio_read_seq));
            prop_assert_eq!(usize::try_from(row.last_seq).unwrap(), messages.len());
        }
    }
}
