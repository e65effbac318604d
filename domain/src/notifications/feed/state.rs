//! The state of a feed: what decisions about it depend on.

use super::preferences::Preferences;
use super::schedule::{MAILS_PER_RECIPIENT, THREAD_WINDOW};
use super::topic::{MailPlan, NotificationTopic};
use super::{Event, Rejection, ThreadId};
use crate::notifications::email::NewsOfThread;
use chrono::{DateTime, Utc};
use kernel::{ActorId, Aggregate};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Unread notifications of one person at most; beyond that the oldest count as read. So no state and no event grows without
/// bound because somebody never looks. What waits to be mailed is not touched by it.
pub const MAX_UNREAD: usize = 1_000;
/// Tickets that one person may have muted at most.
pub const MAX_MUTED: usize = 1_000;

/// A notification that is still to be mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its place in the feed.
    pub seq: i32,
    /// What happened.
    pub topic: NotificationTopic,
    /// About what.
    pub thread_id: ThreadId,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Whether it is told in the next digest; else in a mail about its ticket.
    pub in_digest: bool,
    /// Whether it counts among the unread.
    pub in_app: bool,
}

/// The state of a feed's stream. Nobody has to begin one: who was never told anything has an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    pub(super) recipient_id: Option<ActorId>,
    pub(super) last_seq: i32,
    /// By place: what it is about.
    pub(super) unread: BTreeMap<i32, ThreadId>,
    /// Up to here, what is not unread may have lapsed instead of having been read.
    lapsed_up_to: i32,
    pub(super) preferences: Preferences,
    pub(super) muted: BTreeSet<ThreadId>,
    /// In the order in which they came.
    pub(super) waiting: Vec<Waiting>,
    /// When the latest mails were asked for, as many as are limited, the oldest first.
    pub(super) mailed_at: Vec<DateTime<Utc>>,
    /// When the latest mail about a ticket was asked for, as far back as that matters.
    pub(super) thread_mailed_at: BTreeMap<ThreadId, DateTime<Utc>>,
}

impl Aggregate for Feed {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(mut self, event: &Event) -> Self {
        self.recipient_id = Some(event.recipient_id());
        match event {
            Event::Notified { seq, topic, thread_id, at, in_app, mail, .. } => {
                self.last_seq = *seq;
                if *in_app {
                    self.unread.insert(*seq, *thread_id);
                }
                let in_digest = *mail == MailPlan::Digest;
                if in_digest || *mail == MailPlan::AtOnce {
                    let (seq, topic, thread_id, at, in_app) = (*seq, *topic, *thread_id, *at, *in_app);
                    self.waiting.push(Waiting { seq, topic, thread_id, at, in_digest, in_app });
                }
            }
            Event::Read { seqs, .. } => {
                self.no_longer_unread(seqs);
                self.no_longer_waits(seqs);
            }
            Event::Lapsed { seqs, .. } => {
                self.no_longer_unread(seqs);
                self.lapsed_up_to = seqs.last().copied().unwrap_or_default().max(self.lapsed_up_to);
            }
            Event::PreferencesChanged { language, topics, dropped, .. } => {
                self.preferences = Preferences::said(*language, topics.clone());
                self.no_longer_waits(dropped);
            }
            Event::Muted { thread_id, dropped, .. } => {
                self.muted.insert(*thread_id);
                self.no_longer_waits(dropped);
            }
            Event::Unmuted { thread_id, .. } => {
                self.muted.remove(thread_id);
            }
            Event::JoinedDigest { seqs, .. } => {
                for waiting in &mut self.waiting {
                    waiting.in_digest |= seqs.binary_search(&waiting.seq).is_ok();
                }
            }
            Event::Mailed { seqs, news, at, .. } => {
                self.no_longer_waits(seqs);
                self.mailed(news, *at);
            }
            Event::MailDropped { seqs, .. } => self.no_longer_waits(seqs),
        }
        self
    }
}

impl Feed {
    /// How many notifications he has not read.
    pub fn unread(&self) -> i32 {
        i32::try_from(self.unread.len()).unwrap_or(i32::MAX)
    }

    /// How he wants to be told.
    pub const fn preferences(&self) -> &Preferences {
        &self.preferences
    }

    /// Whose it is; `None` where he was never told anything.
    pub const fn recipient_id(&self) -> Option<ActorId> {
        self.recipient_id
    }

    /// What is still to be mailed.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }

    /// Whether a mail that was asked for is of no use any more: what it tells was read, or is muted, all of it.
    pub fn has_settled(&self, news: &[NewsOfThread]) -> bool {
        let seen = |seq: &i32| *seq > self.lapsed_up_to && !self.unread.contains_key(seq);
        let settled = |news: &NewsOfThread| {
            self.muted.contains(&news.thread_id) || (!news.unread.is_empty() && news.unread.iter().all(seen))
        };
        !news.is_empty() && news.iter().all(settled)
    }

    /// Those that are unread or wait to be mailed, up to a place, about one ticket or whatever, in order.
    pub(super) fn open(&self, up_to: i32, thread_id: Option<ThreadId>) -> Vec<i32> {
        let is_meant = |seq: i32, of: ThreadId| seq <= up_to && thread_id.is_none_or(|thread_id| thread_id == of);
        let unread = self.unread.iter().map(|(seq, of)| (*seq, *of));
        let waiting = self.waiting.iter().map(|waiting| (waiting.seq, waiting.thread_id));
        let open: BTreeSet<i32> =
            unread.chain(waiting).filter(|(seq, of)| is_meant(*seq, *of)).map(|(s, _)| s).collect();
        open.into_iter().collect()
    }

    /// That these were read.
    pub(super) fn read(&self, recipient_id: ActorId, seqs: Vec<i32>, thread_id: Option<ThreadId>) -> Event {
        let counted = seqs.iter().filter(|seq| self.unread.contains_key(seq)).count();
        let unread = self.unread() - i32::try_from(counted).unwrap_or(i32::MAX);
        Event::Read { recipient_id, seqs, thread_id, unread }
    }

    fn no_longer_unread(&mut self, seqs: &[i32]) {
        for seq in seqs {
            self.unread.remove(seq);
        }
    }

    fn no_longer_waits(&mut self, seqs: &[i32]) {
        if !seqs.is_empty() {
            self.waiting.retain(|waiting| seqs.binary_search(&waiting.seq).is_err());
        }
    }

    fn mailed(&mut self, news: &[NewsOfThread], at: DateTime<Utc>) {
        self.mailed_at.push(at);
        let over = self.mailed_at.len().saturating_sub(MAILS_PER_RECIPIENT);
        self.mailed_at.drain(..over);
        self.thread_mailed_at.retain(|_, mailed_at| *mailed_at + THREAD_WINDOW > at);
        self.thread_mailed_at.extend(news.iter().map(|news| (news.thread_id, at)));
    }
}
