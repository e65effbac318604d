//! Sending a message.

use super::remembered::Seen;
use super::{Conversation, Event, MessageContent, MessageId, MessageKind, PREVIEW_CHARACTERS, Rejection};
use kernel::command::unchanged;
use kernel::{ActorId, BlindIndex, Command, Context, Decided, Decision, Personal, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Sends a message to the other participant.
///
/// The sender chooses the message's id. Sending the same message again with the same id changes nothing, however
/// long after; another message with a used id is refused with `messaging.message_id_reused`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// The message's id, new for every message and the same for every resend: a UUID of version 4 or 7.
    pub message_id: MessageId,
    /// What the message consists of. Only `text` can be sent.
    #[serde(default)]
    pub kind: MessageKind,
    /// What the message says. Stored as typed: whoever shows it as HTML must escape it.
    pub content: Private<MessageContent>,
}

impl SendMessage {
    /// The same for a resend and for nothing else. The id is part of it, so that equal messages are not seen to be equal.
    pub(super) fn content_index(&self, author_id: ActorId, cx: &Context) -> BlindIndex {
        cx.blind_index("messaging.message", &format!("{} {author_id} {}", self.message_id, self.content.value()))
    }
}

/// The beginning of a message that is too long for a list.
fn preview(content: &MessageContent) -> Option<MessageContent> {
    let (end, _) = content.as_str().char_indices().nth(PREVIEW_CHARACTERS)?;
    MessageContent::parse(&content.as_str()[..end]).ok()
}

impl Command for SendMessage {
    type Streams = Conversation;
    const NAME: &'static str = "messaging.send_message";
    const SCOPE: Scope = Scope::new("messaging.conversation:send");
    const REACH: Reach = Reach::Own { all: None };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, conversation: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let (talk, author, recipient) = conversation.seen_by(cx)?;
        match self.kind {
            MessageKind::Text => {}
            MessageKind::System => return Err(Rejection::SystemMessage),
            MessageKind::Image | MessageKind::File => return Err(Rejection::KindNotSupported),
        }
        let content_index = self.content_index(author.user_id, cx);
        match talk.messages.seen(self.message_id, content_index) {
            Seen::Never => {}
            Seen::Same => return unchanged(),
            Seen::Other => return Err(Rejection::MessageIdReused),
        }
        Ok(Decided::from(Event::MessageSent {
            message_id: self.message_id,
            seq: talk.last_seq + 1,
            author_id: author.user_id,
            recipient_id: recipient.user_id,
            kind: self.kind,
            content: self.content.about(author.user_id),
            preview: preview(self.content.value()).map(|preview| Personal::new(author.user_id, preview)),
            content_index,
            author_count: author.sent.count_up_to(talk.last_seq) + 1,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{CLEO, EVE, MAX, STUDIO, context, manager, message, opened, sent};
    use super::*;
    use kernel::specs::given;

    #[test]
    fn messages_are_numbered_from_one() {
        given([opened()]).when(&message(1), &context(CLEO)).answers([sent(1, 1, CLEO, 1)]);
        given([opened(), sent(1, 1, CLEO, 1)]).when(&message(2), &context(STUDIO)).answers([sent(2, 2, STUDIO, 1)]);
        given([opened(), sent(1, 1, CLEO, 1), sent(2, 2, STUDIO, 1)])
            .when(&message(3), &context(CLEO))
            .answers([sent(3, 3, CLEO, 2)]);
    }

    #[test]
    fn a_resend_is_the_same_message() {
        let history = [opened(), sent(1, 1, CLEO, 1), sent(2, 2, STUDIO, 1)];
        given(history).when(&message(1), &context(CLEO)).changes_nothing();
    }

    #[test]
    fn a_used_id_takes_no_other_message() {
        let history = || [opened(), sent(1, 1, CLEO, 1)];
        let other = SendMessage { content: MessageContent::parse("Other").unwrap().into(), ..message(1) };
        given(history()).when(&other, &context(CLEO)).is_rejected(&Rejection::MessageIdReused);
        given(history()).when(&message(1), &context(STUDIO)).is_rejected(&Rejection::MessageIdReused);
    }

    #[test]
    fn a_long_message_has_a_beginning() {
        let long = "é".repeat(PREVIEW_CHARACTERS + 1);
        let command = SendMessage { content: MessageContent::parse(&long).unwrap().into(), ..message(1) };
        let events = given([opened()]).when(&command, &context(CLEO)).accepted().events;
        let [Event::MessageSent { preview: Some(preview), .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(preview.fresh().unwrap().as_str().chars().count(), PREVIEW_CHARACTERS);
        assert_eq!(preview.subject(), Some(CLEO.0.into()));
    }

    #[test]
    fn the_system_does_not_speak_through_people() {
        let body = serde_json::json!({"message_id": Uuid::from_u128(1), "kind": "SYSTEM", "content": "Confirmed"});
        let command: SendMessage = serde_json::from_value(body).unwrap();
        for cx in [context(CLEO), context(STUDIO)] {
            given([opened()]).when(&command, &cx).is_rejected(&Rejection::SystemMessage);
        }
    }

    #[test]
    fn pictures_and_files_are_not_sent_yet() {
        for kind in [MessageKind::Image, MessageKind::File] {
            let command = SendMessage { kind, ..message(1) };
            given([opened()]).when(&command, &context(CLEO)).is_rejected(&Rejection::KindNotSupported);
        }
    }

    #[test]
    fn only_participants_speak() {
        given([opened()]).when(&message(1), &context(EVE)).is_rejected(&Rejection::NotFound);
        given([opened()]).when(&message(1), &manager(MAX)).is_rejected(&Rejection::NotFound);
        given([]).when(&message(1), &context(CLEO)).is_rejected(&Rejection::NotFound);
    }

    #[test]
    fn nobody_chooses_author_or_place() {
        for field in ["author_id", "seq"] {
            let body = serde_json::json!({"message_id": Uuid::from_u128(1), "content": "Hello", field: 1});
            assert!(serde_json::from_value::<SendMessage>(body).is_err(), "{field}");
        }
    }
}
