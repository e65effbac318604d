//! When what waits is mailed, and with what: rules about time, without a clock.
//!
//! A notification that is mailed at once waits until it has been unread for a while, so that whoever is there gets no mail. All
//! that waits about a ticket goes with it. Where that would be one mail too many it goes into the next digest; a digest goes some
//! time after the first thing that waits for it, and leaves out what was mailed about a moment ago. So nothing is ever dropped
//! for a limit, and no limit is ever passed.

use super::ThreadId;
use super::state::{Feed, Waiting};
use crate::notifications::email::{NewsCount, NewsOfThread};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// How long something stays unread before it is mailed at once.
pub const UNREAD_FOR: TimeDelta = TimeDelta::minutes(5);
/// How long after the first thing that waits for it a digest goes.
pub const DIGEST_AFTER: TimeDelta = TimeDelta::hours(1);
/// Of one ticket somebody gets one mail in so long.
pub const THREAD_WINDOW: TimeDelta = TimeDelta::hours(1);
/// Mails that somebody gets at most in [`RECIPIENT_WINDOW`].
pub const MAILS_PER_RECIPIENT: usize = 10;
/// See [`MAILS_PER_RECIPIENT`].
pub const RECIPIENT_WINDOW: TimeDelta = TimeDelta::minutes(10);

kernel::labelled! {
    /// Why something was not mailed at once.
    pub enum MailLimit("notifications.mail_limit") {
        /// There was a mail about the same ticket less than an hour ago.
        Thread: "thread", "One mail an hour about a ticket", "Un e-mail par heure et par demande";
        /// There were ten mails in the last ten minutes.
        Recipient: "recipient", "Ten mails in ten minutes", "Dix e-mails en dix minutes";
    }
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueMail {
    /// A mail.
    Mail {
        /// What it tells, by place.
        seqs: Vec<i32>,
        /// The same by ticket, in the order in which it came.
        news: Vec<NewsOfThread>,
        /// Whether it is a digest.
        digest: bool,
    },
    /// None, since it would be one too many: this goes into the next digest.
    JoinDigest {
        /// What.
        seqs: Vec<i32>,
        /// What was reached.
        limit: MailLimit,
    },
}

impl Feed {
    /// When there is something to mail next, or to put into the digest; `None` where nothing waits.
    pub fn next_mail_at(&self) -> Option<DateTime<Utc>> {
        let at_once = self.waiting.iter().filter(|waiting| !waiting.in_digest).map(|waiting| waiting.at + UNREAD_FOR);
        at_once.chain(self.digest_at()).min()
    }

    /// What is due at this moment; one thing at a time, what goes at once before the digest.
    pub fn due_mail(&self, now: DateTime<Utc>) -> Option<DueMail> {
        let due = self.waiting.iter().find(|waiting| !waiting.in_digest && waiting.at + UNREAD_FOR <= now);
        if let Some(due) = due {
            let of_thread = || self.waiting.iter().filter(|waiting| waiting.thread_id == due.thread_id);
            return Some(match self.limit_of(due.thread_id, now) {
                Some(limit) => DueMail::JoinDigest { seqs: places(of_thread()), limit },
                None => DueMail::Mail { seqs: places(of_thread()), news: news(of_thread()), digest: false },
            });
        }
        self.digest_at().filter(|at| *at <= now)?;
        let told = || {
            let ready = |waiting: &&Waiting| waiting.in_digest && self.thread_free_at(waiting.thread_id) <= now;
            self.waiting.iter().filter(ready)
        };
        Some(DueMail::Mail { seqs: places(told()), news: news(told()), digest: true })
    }

    /// When the digest goes: once something of it may go, and one more mail may.
    fn digest_at(&self) -> Option<DateTime<Utc>> {
        let of_digest = self.waiting.iter().filter(|waiting| waiting.in_digest);
        let ready = of_digest.map(|waiting| (waiting.at + DIGEST_AFTER).max(self.thread_free_at(waiting.thread_id)));
        ready.min().map(|ready| ready.max(self.recipient_free_at()))
    }

    fn limit_of(&self, thread_id: ThreadId, now: DateTime<Utc>) -> Option<MailLimit> {
        if self.thread_free_at(thread_id) > now {
            Some(MailLimit::Thread)
        } else if self.recipient_free_at() > now {
            Some(MailLimit::Recipient)
        } else {
            None
        }
    }

    /// From when on a mail about a ticket may go.
    fn thread_free_at(&self, thread_id: ThreadId) -> DateTime<Utc> {
        self.thread_mailed_at.get(&thread_id).map_or(DateTime::<Utc>::MIN_UTC, |at| *at + THREAD_WINDOW)
    }

    /// From when on one more mail may go.
    fn recipient_free_at(&self) -> DateTime<Utc> {
        match self.mailed_at.first() {
            Some(oldest) if self.mailed_at.len() >= MAILS_PER_RECIPIENT => *oldest + RECIPIENT_WINDOW,
            _ => DateTime::<Utc>::MIN_UTC,
        }
    }
}

fn places<'a>(told: impl Iterator<Item = &'a Waiting>) -> Vec<i32> {
    told.map(|waiting| waiting.seq).collect()
}

fn news<'a>(told: impl Iterator<Item = &'a Waiting>) -> Vec<NewsOfThread> {
    let (mut news, mut places): (Vec<NewsOfThread>, BTreeMap<ThreadId, usize>) = (Vec::new(), BTreeMap::new());
    let mut in_app = Vec::new();
    for waiting in told {
        let place = *places.entry(waiting.thread_id).or_insert_with(|| {
            news.push(NewsOfThread { thread_id: waiting.thread_id, counts: Vec::new(), unread: Vec::new() });
            in_app.push(true);
            news.len() - 1
        });
        let of_thread = &mut news[place];
        match of_thread.counts.iter_mut().find(|known| known.topic == waiting.topic) {
            Some(known) => known.count += 1,
            None => of_thread.counts.push(NewsCount { topic: waiting.topic, count: 1 }),
        }
        of_thread.unread.push(waiting.seq);
        in_app[place] &= waiting.in_app;
    }
    // Of what he does not see where he works, nobody learns that he has read it.
    for (of_thread, _) in news.iter_mut().zip(in_app).filter(|(_, all)| !all) {
        of_thread.unread.clear();
    }
    news
}
