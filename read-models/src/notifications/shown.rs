//! The notifications that people see where they work.

use chrono::{DateTime, Utc};
use domain::notifications::feed::{Event, FeedId, MailPlan, NotificationTopic, ThreadId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table, labelled};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `notifications.notifications`: one row per notification that its recipient sees where he works. What it is about is read
/// there, as far as he may: a row holds nothing that anybody wrote.
pub struct Notifications;

labelled! {
    /// What became of mailing a notification.
    pub enum NotificationMail("notifications.notification_mail") {
        /// No mail was wanted.
        Off: "off", "No mail wanted", "Aucun e-mail demandé";
        /// It waits to be mailed, at once or in a digest.
        Waiting: "waiting", "Waits to be mailed", "En attente d'envoi";
        /// A mail was asked for.
        Mailed: "mailed", "Mailed", "Envoyé par e-mail";
        /// It was read, muted or switched off before, or there was nobody to write to.
        Dropped: "dropped", "Not mailed any more", "Envoi annulé";
    }
}

/// A notification as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NotificationRow {
    /// The feed that it is in.
    pub feed_id: FeedId,
    /// Its place there: 1, 2, 3, … Marks of what was read name it. Places are missing where something was not to be seen.
    pub seq: i32,
    /// Who was told.
    pub recipient_id: ActorId,
    /// What happened.
    pub topic: NotificationTopic,
    /// The ticket that it is about.
    pub thread_id: ThreadId,
    /// Who did it; absent where nobody did, but time.
    pub actor_id: Option<ActorId>,
    /// When it happened.
    pub happened_at: DateTime<Utc>,
    /// Whether it was not read yet.
    pub unread: bool,
    /// When it was read, or counted as read.
    pub read_at: Option<DateTime<Utc>>,
    /// What became of mailing it.
    pub mail: NotificationMail,
    /// The mail that tells of it.
    pub mail_id: Option<Uuid>,
}

impl ReadModel for Notifications {
    type Event = Event;
    type Key = (FeedId, i32);
    type Row = NotificationRow;

    const NAME: &'static str = "notifications.notifications";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("feed_id", ColumnKind::Uuid),
            Column::new("seq", ColumnKind::Integer),
            Column::new("recipient_id", ColumnKind::Uuid),
            Column::new("topic", ColumnKind::Text),
            Column::new("thread_id", ColumnKind::Uuid),
            Column::optional("actor_id", ColumnKind::Uuid),
            Column::new("happened_at", ColumnKind::Timestamp),
            Column::new("unread", ColumnKind::Boolean),
            Column::optional("read_at", ColumnKind::Timestamp),
            Column::new("mail", ColumnKind::Text),
            Column::optional("mail_id", ColumnKind::Uuid),
        ],
        indexes: &[
            Index { columns: &["recipient_id", "-seq"] },
            Index { columns: &["recipient_id", "unread", "-seq"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<(FeedId, i32)> {
        let feed_id = FeedId(event.stream_id);
        let seqs = match &event.event {
            Event::Notified { in_app: true, seq, .. } => return Keys::One((feed_id, *seq)),
            Event::Notified { in_app: false, .. } | Event::Unmuted { .. } | Event::JoinedDigest { .. } => {
                return Keys::None;
            }
            Event::Read { seqs, .. }
            | Event::Lapsed { seqs, .. }
            | Event::Mailed { seqs, .. }
            | Event::MailDropped { seqs, .. } => seqs,
            Event::PreferencesChanged { dropped, .. } | Event::Muted { dropped, .. } => dropped,
        };
        Keys::Many(seqs.iter().map(|seq| (feed_id, *seq)).collect())
    }

    fn apply(row: Option<NotificationRow>, key: &(FeedId, i32), event: &Recorded<Event>) -> Option<NotificationRow> {
        match &event.event {
            Event::Notified { recipient_id, topic, thread_id, actor_id, at, mail, .. } => Some(NotificationRow {
                feed_id: key.0,
                seq: key.1,
                recipient_id: *recipient_id,
                topic: *topic,
                thread_id: *thread_id,
                actor_id: *actor_id,
                happened_at: *at,
                unread: true,
                read_at: None,
                mail: match mail {
                    MailPlan::Off | MailPlan::Muted => NotificationMail::Off,
                    MailPlan::AtOnce | MailPlan::Digest => NotificationMail::Waiting,
                },
                mail_id: None,
            }),
            Event::Read { .. } => row.map(|row| row.read(event.occurred_at).not_mailed()),
            Event::Lapsed { .. } => row.map(|row| row.read(event.occurred_at)),
            Event::Mailed { mail_id, .. } => {
                row.map(|row| NotificationRow { mail: NotificationMail::Mailed, mail_id: Some(*mail_id), ..row })
            }
            Event::PreferencesChanged { .. } | Event::Muted { .. } | Event::MailDropped { .. } => {
                row.map(NotificationRow::not_mailed)
            }
            Event::Unmuted { .. } | Event::JoinedDigest { .. } => row,
        }
    }
}

impl NotificationRow {
    fn read(self, at: DateTime<Utc>) -> Self {
        Self { unread: false, read_at: self.read_at.or(Some(at)), ..self }
    }

    fn not_mailed(self) -> Self {
        match self.mail {
            NotificationMail::Waiting => Self { mail: NotificationMail::Dropped, ..self },
            NotificationMail::Off | NotificationMail::Mailed | NotificationMail::Dropped => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::notifications::feed::MailDrop;
    use kernel::specs::{Story, noon};

    const FEED: FeedId = FeedId(Uuid::from_u128(0xfeed));
    const ADA: ActorId = ActorId(Uuid::from_u128(0xada));
    const PRINTER: ThreadId = ThreadId(Uuid::from_u128(0x9217));

    fn notified(seq: i32, in_app: bool, mail: MailPlan) -> Event {
        Event::Notified {
            recipient_id: ADA,
            seq,
            topic: NotificationTopic::Answered,
            thread_id: PRINTER,
            actor_id: None,
            at: noon(),
            in_app,
            mail,
            mail_at: None,
            unread: seq,
        }
    }

    fn told(more: impl IntoIterator<Item = Event>) -> Vec<(i32, bool, NotificationMail)> {
        let begun = [
            notified(1, true, MailPlan::AtOnce),
            notified(2, false, MailPlan::Digest),
            notified(3, true, MailPlan::Digest),
            notified(4, true, MailPlan::Off),
        ];
        let story = begun.into_iter().chain(more).fold(Story::new(), |story, event| story.then(FEED, ADA, event));
        let mut rows: Vec<_> = story
            .rows::<Notifications>()
            .into_values()
            .map(|row| (row.seq, row.unread, row.mail))
            .inspect(|(_, unread, _)| assert!(*unread || story.events().len() > 4))
            .collect();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn what_is_not_to_be_seen_is_not_listed() {
        use NotificationMail::{Off, Waiting};
        assert_eq!(told([]), [(1, true, Waiting), (3, true, Waiting), (4, true, Off)]);
    }

    #[test]
    fn what_was_read_before_it_was_mailed_is_not_mailed() {
        use NotificationMail::{Dropped, Mailed, Off, Waiting};
        let mail_id = Uuid::from_u128(30);
        let (news, at) = (Vec::new(), noon());
        let mailed = Event::Mailed { recipient_id: ADA, mail_id, seqs: vec![1], news, digest: false, at };
        let read = Event::Read { recipient_id: ADA, seqs: vec![1, 2, 3], thread_id: None, unread: 1 };
        assert_eq!(told([mailed.clone()]), [(1, true, Mailed), (3, true, Waiting), (4, true, Off)]);
        assert_eq!(told([mailed, read]), [(1, false, Mailed), (3, false, Dropped), (4, true, Off)]);
    }

    #[test]
    fn what_is_muted_or_has_no_address_is_not_mailed_and_stays_unread() {
        use NotificationMail::{Dropped, Off};
        let muted = Event::Muted { recipient_id: ADA, thread_id: PRINTER, dropped: vec![1, 2] };
        let dropped = Event::MailDropped { recipient_id: ADA, seqs: vec![3], reason: MailDrop::NotAMember };
        assert_eq!(told([muted, dropped]), [(1, true, Dropped), (3, true, Dropped), (4, true, Off)]);
    }

    #[test]
    fn what_lapsed_goes_on_waiting() {
        use NotificationMail::{Off, Waiting};
        let lapsed = Event::Lapsed { recipient_id: ADA, seqs: vec![1], unread: 2 };
        assert_eq!(told([lapsed]), [(1, false, Waiting), (3, true, Waiting), (4, true, Off)]);
    }
}
