//! Moving a read cursor.

use super::{Conversation, Event, Rejection};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Marks everything up to a message as read by the caller.
///
/// The cursor only moves forward: a place at or before it changes nothing. A place beyond the last message is
/// refused with `messaging.conversation_beyond_last_message`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkReadUpTo {
    /// The place of the last message that was read: 1, 2, 3, …
    pub seq: i32,
}

impl Command for MarkReadUpTo {
    type Streams = Conversation;
    const NAME: &'static str = "messaging.mark_read_up_to";
    const SCOPE: Scope = Scope::new("messaging.conversation:read");
    const REACH: Reach = Reach::Own { all: None };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, conversation: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let (talk, reader, other) = conversation.seen_by(cx)?;
        if self.seq > talk.last_seq {
            return Err(Rejection::BeyondLastMessage { last_seq: talk.last_seq });
        }
        if self.seq <= reader.read_seq {
            return unchanged();
        }
        Ok(Decided::from(Event::ReadUpTo {
            reader_id: reader.user_id,
            other_id: other.user_id,
            seq: self.seq,
            previous_seq: reader.read_seq,
            own_count: reader.sent.count_up_to(self.seq),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{CLEO, EVE, MAX, STUDIO, context, manager, opened, read, sent};
    use super::*;
    use kernel::specs::given;

    fn up_to(seq: i32) -> MarkReadUpTo {
        MarkReadUpTo { seq }
    }

    fn three_messages() -> [Event; 4] {
        [opened(), sent(1, 1, CLEO, 1), sent(2, 2, STUDIO, 1), sent(3, 3, CLEO, 2)]
    }

    #[test]
    fn the_cursor_moves_to_what_was_read() {
        given(three_messages()).when(&up_to(2), &context(STUDIO)).answers([read(STUDIO, 0, 2, 1)]);
        given(three_messages().into_iter().chain([read(STUDIO, 0, 2, 1)]))
            .when(&up_to(3), &context(STUDIO))
            .answers([read(STUDIO, 2, 3, 1)]);
    }

    #[test]
    fn the_cursor_never_moves_back() {
        for seq in [i32::MIN, -1, 0, 1, 2] {
            let history = three_messages().into_iter().chain([read(STUDIO, 0, 2, 1)]);
            given(history).when(&up_to(seq), &context(STUDIO)).changes_nothing();
        }
    }

    #[test]
    fn cursors_are_each_ones_own() {
        let history = three_messages().into_iter().chain([read(STUDIO, 0, 3, 1)]);
        given(history).when(&up_to(2), &context(CLEO)).answers([read(CLEO, 0, 2, 1)]);
    }

    #[test]
    fn nobody_reads_what_is_not_written() {
        let beyond = Rejection::BeyondLastMessage { last_seq: 3 };
        given(three_messages()).when(&up_to(4), &context(CLEO)).is_rejected(&beyond);
        given([opened()]).when(&up_to(1), &context(CLEO)).is_rejected(&beyond);
    }

    #[test]
    fn only_participants_have_a_cursor() {
        given(three_messages()).when(&up_to(1), &context(EVE)).is_rejected(&Rejection::NotFound);
        given(three_messages()).when(&up_to(1), &manager(MAX)).is_rejected(&Rejection::NotFound);
        given([]).when(&up_to(1), &context(CLEO)).is_rejected(&Rejection::NotFound);
    }
}
