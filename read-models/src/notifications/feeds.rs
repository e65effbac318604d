//! The feeds: how much of each is unread, and how its owner wants to be told.

use chrono::{DateTime, Utc};
use domain::notifications::WrittenIn;
use domain::notifications::feed::{Event, FeedId, Preferences, ThreadId, TopicPreference};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `notifications.feeds`: one row per person who was told something, or has said how he wants to be told.
pub struct Feeds;

/// Somebody's feed as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FeedRow {
    /// The feed; what commands about it name.
    pub feed_id: FeedId,
    /// Whose it is.
    pub recipient_id: ActorId,
    /// How many notifications he has not read.
    pub unread: i32,
    /// The place of the last notification; 0 for none.
    pub last_seq: i32,
    /// In which language mails are written; that of his account where absent.
    pub language: Option<WrittenIn>,
    /// How he wants to be told of each topic: as he has said, or as is usual.
    pub topics: Vec<TopicPreference>,
    /// The tickets that he wants to hear nothing of.
    pub muted: Vec<ThreadId>,
    /// When anything was last recorded here.
    pub updated_at: DateTime<Utc>,
    /// The version of the feed's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Feeds {
    type Event = Event;
    type Key = FeedId;
    type Row = FeedRow;

    const NAME: &'static str = "notifications.feeds";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("feed_id", ColumnKind::Uuid),
            Column::new("recipient_id", ColumnKind::Uuid),
            Column::new("unread", ColumnKind::Integer),
            Column::new("last_seq", ColumnKind::Integer),
            Column::optional("language", ColumnKind::Text),
            Column::new("topics", ColumnKind::Json),
            Column::new("muted", ColumnKind::Json),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["recipient_id"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<FeedId> {
        Keys::One(FeedId(event.stream_id))
    }

    fn apply(row: Option<FeedRow>, key: &FeedId, event: &Recorded<Event>) -> Option<FeedRow> {
        let mut row = row.unwrap_or_else(|| FeedRow::empty(*key, event.event.recipient_id(), event.recorded_at));
        match &event.event {
            Event::Notified { seq, unread, .. } => (row.last_seq, row.unread) = (*seq, *unread),
            Event::Read { unread, .. } | Event::Lapsed { unread, .. } => row.unread = *unread,
            Event::PreferencesChanged { language, topics, .. } => {
                row.language = *language;
                row.topics = Preferences::said(*language, topics.clone()).all();
            }
            Event::Muted { thread_id, .. } => row.muted.push(*thread_id),
            Event::Unmuted { thread_id, .. } => row.muted.retain(|muted| muted != thread_id),
            Event::JoinedDigest { .. } | Event::Mailed { .. } | Event::MailDropped { .. } => {}
        }
        Some(FeedRow { updated_at: event.recorded_at, version: event.version, ..row })
    }
}

impl FeedRow {
    /// The feed of somebody who was never told anything.
    pub fn empty(feed_id: FeedId, recipient_id: ActorId, updated_at: DateTime<Utc>) -> Self {
        Self {
            feed_id,
            recipient_id,
            unread: 0,
            last_seq: 0,
            language: None,
            topics: Preferences::default().all(),
            muted: Vec::new(),
            updated_at,
            version: Version::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::notifications::feed::{MailCadence, MailPlan, NotificationTopic};
    use kernel::specs::Story;
    use kernel::{Event as _, Labelled as _};
    use uuid::Uuid;

    const FEED: FeedId = FeedId(Uuid::from_u128(0xfeed));
    const ADA: ActorId = ActorId(Uuid::from_u128(0xada));
    const PRINTER: ThreadId = ThreadId(Uuid::from_u128(0x9217));

    #[test]
    fn a_feed_counts_what_its_owner_has_not_read_and_shows_how_he_wants_to_be_told() {
        let notified = |seq: i32| Event::Notified {
            recipient_id: ADA,
            seq,
            topic: NotificationTopic::Answered,
            thread_id: PRINTER,
            actor_id: None,
            at: kernel::specs::noon(),
            in_app: true,
            mail: MailPlan::Off,
            mail_at: None,
            unread: seq,
        };
        let told = Story::new().then(FEED, ADA, notified(1)).then(FEED, ADA, notified(2));
        let row = told.row::<Feeds>(&FEED).unwrap();
        assert_eq!((row.unread, row.last_seq, row.version), (2, 2, Version(2)));
        assert_eq!(row.topics.len(), NotificationTopic::ALL.len(), "what is usual is shown, too");
        let read = Event::Read { recipient_id: ADA, seqs: vec![1], thread_id: None, unread: 1 };
        let off = TopicPreference { topic: NotificationTopic::Noted, in_app: false, mail: MailCadence::Off };
        let language = Some(WrittenIn::En);
        let topics = vec![off];
        let changed = Event::PreferencesChanged { recipient_id: ADA, language, topics, dropped: Vec::new() };
        let muted = Event::Muted { recipient_id: ADA, thread_id: PRINTER, dropped: Vec::new() };
        let told = told.then(FEED, ADA, read).then(FEED, ADA, changed).then(FEED, ADA, muted);
        let row = told.row::<Feeds>(&FEED).unwrap();
        assert_eq!((row.unread, row.language, &row.muted[..]), (1, language, &[PRINTER][..]));
        assert!(row.topics.contains(&off) && row.topics.len() == NotificationTopic::ALL.len());
        let told = told.then(FEED, ADA, Event::Unmuted { recipient_id: ADA, thread_id: PRINTER });
        assert!(told.row::<Feeds>(&FEED).unwrap().muted.is_empty());
    }

    #[test]
    fn whatever_comes_first_makes_the_row() {
        for event in Event::examples() {
            let row = Story::new().then(FEED, ADA, event.clone()).row::<Feeds>(&FEED).unwrap();
            assert_eq!(row.recipient_id, event.recipient_id());
        }
    }
}
