//! The people and events of the conversation specs, and what holds for every history.

use super::{Conversation, Event, MarkReadUpTo, MessageContent, MessageId, MessageKind, ReadState, SendMessage};
use kernel::{ActorId, Aggregate, Command, Context};
use proptest::prelude::*;
use uuid::Uuid;

/// The client of every spec's conversation.
pub(super) const CLEO: ActorId = ActorId(Uuid::from_u128(0xc1e0));
/// The studio's user.
pub(super) const STUDIO: ActorId = ActorId(Uuid::from_u128(0x57d0));
/// Another client.
pub(super) const EVE: ActorId = ActorId(Uuid::from_u128(0xe0e));
/// Somebody who manages conversations.
pub(super) const MAX: ActorId = ActorId(Uuid::from_u128(0x3a0));

const CONVERSATION: Uuid = Uuid::from_u128(0xc0);

pub(super) fn context(actor: ActorId) -> Context {
    kernel::specs::context(actor, CONVERSATION, &[])
}

pub(super) fn manager(actor: ActorId) -> Context {
    kernel::specs::context(actor, CONVERSATION, &["messaging.conversation:manage"])
}

pub(super) fn opened() -> Event {
    Event::Opened { client_user_id: CLEO, studio_user_id: STUDIO, appointment_id: None, subject: None }
}

pub(super) fn message(id: u128) -> SendMessage {
    SendMessage {
        message_id: MessageId(Uuid::from_u128(id)),
        kind: MessageKind::Text,
        content: MessageContent::parse(&format!("Message {id}")).unwrap().into(),
    }
}

pub(super) fn sent(id: u128, seq: i32, author_id: ActorId, author_count: i32) -> Event {
    let message = message(id);
    Event::MessageSent {
        message_id: message.message_id,
        seq,
        author_id,
        recipient_id: other(author_id),
        kind: message.kind,
        content: message.content.about(author_id),
        preview: None,
        content_index: message.content_index(author_id, &context(author_id)),
        author_count,
    }
}

pub(super) fn read(reader_id: ActorId, previous_seq: i32, seq: i32, own_count: i32) -> Event {
    Event::ReadUpTo { reader_id, other_id: other(reader_id), seq, previous_seq, own_count }
}

fn other(participant: ActorId) -> ActorId {
    if participant == CLEO { STUDIO } else { CLEO }
}

#[derive(Clone, Debug)]
enum Deed {
    Send(u128),
    Read(i32),
}

fn deeds() -> impl Strategy<Value = Vec<(ActorId, Deed)>> {
    // Few ids, so that resends and clashes of ids are common.
    let deed = prop_oneof![3 => (0u128..60).prop_map(Deed::Send), 2 => (0i32..60).prop_map(Deed::Read)];
    let people = prop_oneof![4 => Just(CLEO), 4 => Just(STUDIO), 1 => Just(EVE)];
    proptest::collection::vec((people, deed), 1..150)
}

/// A naive conversation: a list of authors, and a cursor and counted state per participant.
#[derive(Default)]
struct Naive {
    messages: Vec<(ActorId, u128)>,
    cleo: ReadState,
    studio: ReadState,
}

impl Naive {
    fn part(&mut self, participant: ActorId) -> &mut ReadState {
        if participant == CLEO { &mut self.cleo } else { &mut self.studio }
    }

    fn last_seq(&self) -> i32 {
        i32::try_from(self.messages.len()).unwrap()
    }

    fn unread(&mut self, me: ActorId) -> i32 {
        let cursor = usize::try_from(self.part(me).read_seq).unwrap();
        i32::try_from(self.messages.iter().skip(cursor).filter(|(author, _)| *author != me).count()).unwrap()
    }

    /// Takes the numbers of an event as a read model does: sets, never adds.
    fn sees(&mut self, event: &Event, id: u128) -> Result<(), TestCaseError> {
        match event {
            Event::Opened { .. } => prop_assert!(false, "opened twice"),
            Event::MessageSent { seq, author_id, author_count, .. } => {
                self.messages.push((*author_id, id));
                prop_assert_eq!(*seq, self.last_seq());
                self.part(*author_id).own_count = *author_count;
                self.cleo.last_seq = *seq;
                self.studio.last_seq = *seq;
            }
            Event::ReadUpTo { reader_id, seq, previous_seq, own_count, .. } => {
                let part = self.part(*reader_id);
                prop_assert!(part.read_seq == *previous_seq && previous_seq < seq && *seq <= part.last_seq);
                part.read_seq = *seq;
                part.own_read_count = *own_count;
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_people_do_the_unread_count_is_the_naive_one(deeds in deeds()) {
        let mut conversation = Conversation::default().evolve(&opened());
        let mut naive = Naive::default();
        for (actor, deed) in deeds {
            let cx = context(actor);
            let decide = |conversation: &Conversation| match &deed {
                Deed::Send(id) => message(*id).decide(conversation, &cx),
                Deed::Read(seq) => MarkReadUpTo { seq: *seq }.decide(conversation, &cx),
            };
            let decision = decide(&conversation);
            if actor == EVE {
                prop_assert_eq!(decision.err(), Some(super::Rejection::NotFound));
                continue;
            }
            let id = if let Deed::Send(id) = deed { id } else { 0 };
            let by = naive.messages.iter().find(|(_, sent)| *sent == id).map(|(author, _)| *author);
            if matches!(deed, Deed::Send(_)) {
                prop_assert_eq!(decision.is_err(), by.is_some_and(|author| author != actor));
            }
            let Ok(decided) = decision else { continue };
            for event in &decided.events {
                naive.sees(event, id)?;
                conversation = conversation.evolve(event);
            }
            prop_assert!(decide(&conversation).expect("accepted again").events.is_empty());
            prop_assert_eq!(naive.cleo.unread(), naive.unread(CLEO));
            prop_assert_eq!(naive.studio.unread(), naive.unread(STUDIO));
        }
        let snapshot = serde_json::to_string(&conversation).unwrap();
        let restored: Conversation = serde_json::from_str(&snapshot).unwrap();
        prop_assert_eq!(restored, conversation);
    }
}

#[test]
fn every_event_type_has_an_example() {
    let examples = <Event as kernel::Event>::examples();
    let types: Vec<String> = examples.iter().map(|e| kernel::specs::encode(e).event_type).collect();
    assert_eq!(types, ["opened", "message_sent", "read_up_to"]);
    kernel::specs::state_of::<Conversation>(examples);
}
