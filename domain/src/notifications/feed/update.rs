//! Telling somebody that something has happened, or noting that he has seen it.

use super::state::MAX_UNREAD;
use super::{DIGEST_AFTER, Event, Feed, MailCadence, MailPlan, NotificationTopic, ThreadId, UNREAD_FOR, UPDATE};
use chrono::{DateTime, Utc};
use kernel::command::unchanged;
use kernel::{ActorId, Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Tells somebody of what has happened to a ticket, or notes that he has seen the ticket. Reactors do this, nobody by hand.
///
/// Both are one command, so that they reach a feed in the order in which they happened. Whoever did it himself is not told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateFeed {
    /// Whom.
    pub recipient_id: ActorId,
    /// About which ticket.
    pub thread_id: ThreadId,
    /// What.
    pub news: FeedNews,
}

/// What a feed learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FeedNews {
    /// Something happened.
    Happened {
        /// What.
        topic: NotificationTopic,
        /// Who did it; absent where nobody did, but time.
        actor_id: Option<ActorId>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The recipient has looked at the ticket, or wrote there himself: what he was told of it until then is read.
    Seen {},
}

impl Command for UpdateFeed {
    type Streams = Feed;
    const NAME: &'static str = "notifications.update_feed";
    const SCOPE: Scope = UPDATE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, feed: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match self.news {
            FeedNews::Seen {} => {
                let seqs = feed.open(i32::MAX, Some(self.thread_id));
                if seqs.is_empty() {
                    return unchanged();
                }
                Ok(Decided::from(feed.read(self.recipient_id, seqs, Some(self.thread_id))))
            }
            FeedNews::Happened { actor_id, .. } if actor_id == Some(self.recipient_id) => unchanged(),
            FeedNews::Happened { topic, actor_id, at } => Ok(Decided::new(self.notified(feed, topic, actor_id, at))),
        }
    }
}

impl UpdateFeed {
    fn notified(
        &self,
        feed: &Feed,
        topic: NotificationTopic,
        actor_id: Option<ActorId>,
        at: DateTime<Utc>,
    ) -> Vec<Event> {
        let (recipient_id, thread_id) = (self.recipient_id, self.thread_id);
        let is_muted = feed.muted.contains(&thread_id);
        let wanted = feed.preferences.of(topic);
        let in_app = wanted.in_app && !is_muted;
        let (mail, mail_at) = match (is_muted, wanted.mail) {
            (true, _) => (MailPlan::Muted, None),
            (false, MailCadence::Off) => (MailPlan::Off, None),
            (false, MailCadence::AtOnce) => (MailPlan::AtOnce, Some(at + UNREAD_FOR)),
            (false, MailCadence::Digest) => (MailPlan::Digest, Some(at + DIGEST_AFTER)),
        };
        let mut events = Vec::new();
        let mut unread = feed.unread();
        if in_app {
            let over = (feed.unread.len() + 1).saturating_sub(MAX_UNREAD);
            let seqs: Vec<i32> = feed.unread.keys().take(over).copied().collect();
            unread -= i32::try_from(seqs.len()).unwrap_or_default();
            if !seqs.is_empty() {
                events.push(Event::Lapsed { recipient_id, seqs, unread });
            }
            unread += 1;
        }
        let seq = feed.last_seq + 1;
        events.push(Event::Notified {
            recipient_id,
            seq,
            topic,
            thread_id,
            actor_id,
            at,
            in_app,
            mail,
            mail_at,
            unread,
        });
        events
    }
}
