//! One example of every event of a feed, for the catalogue and the golden files.

use super::{Event, MailCadence, MailDrop, MailLimit, MailPlan, NotificationTopic, ThreadId, TopicPreference};
use crate::notifications::WrittenIn;
use crate::notifications::email::{NewsCount, NewsOfThread};
use chrono::DateTime;
use kernel::ActorId;
use uuid::Uuid;

/// See [`kernel::Event::examples`].
pub(super) fn examples() -> Vec<Event> {
    let id = |n: u128| Uuid::from_u128(0x07_1f00_0000_4000_8000_0000_0000_0000 + n);
    let at = |minutes: i64| DateTime::from_timestamp(1_768_474_800 + minutes * 60, 0).unwrap_or_default();
    let (recipient_id, thread_id) = (ActorId(id(1)), ThreadId(id(20)));
    let topic = NotificationTopic::Answered;
    vec![
        Event::Notified {
            recipient_id,
            seq: 7,
            topic,
            thread_id,
            actor_id: Some(ActorId(id(2))),
            at: at(0),
            in_app: true,
            mail: MailPlan::AtOnce,
            mail_at: Some(at(5)),
            unread: 3,
        },
        Event::Read { recipient_id, seqs: vec![5, 6], thread_id: None, unread: 1 },
        Event::Lapsed { recipient_id, seqs: vec![1], unread: 999 },
        Event::PreferencesChanged {
            recipient_id,
            language: Some(WrittenIn::Fr),
            topics: vec![TopicPreference { topic, in_app: true, mail: MailCadence::Digest }],
            dropped: vec![7],
        },
        Event::Muted { recipient_id, thread_id, dropped: vec![7] },
        Event::Unmuted { recipient_id, thread_id },
        Event::JoinedDigest { recipient_id, seqs: vec![7], limit: MailLimit::Thread },
        Event::Mailed {
            recipient_id,
            mail_id: id(30),
            seqs: vec![7],
            news: vec![NewsOfThread { thread_id, counts: vec![NewsCount { topic, count: 1 }], unread: vec![7] }],
            digest: false,
            at: at(5),
        },
        Event::MailDropped { recipient_id, seqs: vec![8], reason: MailDrop::NotAMember },
    ]
}
