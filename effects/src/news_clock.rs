//! When people are mailed what they were told: a timer per feed, which asks for the mails that are due.
//!
//! The timer only says when to look. What is mailed, whether it is one mail too many, and that it is mailed once, is decided from
//! the feed's own events.

use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::{chain, refusal};
use crate::worker::Options;
use domain::identity::Locale;
use domain::identity::user::User;
use domain::notifications::feed::{Event, Feed};
use domain::processes::notifications::MailNews;
use event_store::Decisions;
use kernel::{ActorId, CommandId, Recorded, TenantId};
use std::time::Duration;
use uuid::Uuid;

/// Asks for mails when they are due.
pub struct NewsClock {
    decisions: Decisions,
}

impl NewsClock {
    /// Asks for them through `decisions`.
    pub const fn new(decisions: Decisions) -> Self {
        Self { decisions }
    }

    /// How its worker works. A minute more or less matters to nobody, and it is never given up.
    pub fn options() -> Options {
        Options {
            at_once: 16,
            lease: Duration::from_secs(10),
            budget: Duration::from_secs(8),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(1),
            most_attempts: i32::MAX,
            ..Options::default()
        }
    }

    /// The language of somebody's account.
    async fn locale(&self, who: ActorId) -> Result<Locale, String> {
        let user = self.decisions.states().current::<User>(TenantId::PLATFORM, who.0).await;
        Ok(user.map_err(|error| chain(&error))?.account().map(|account| account.locale).unwrap_or_default())
    }

    async fn look(&self, job: &Job) -> Result<Attempt, String> {
        loop {
            let feed = self.decisions.states().current::<Feed>(job.tenant_id, job.id).await;
            let feed = feed.map_err(|error| chain(&error))?;
            let recipient_id = match (feed.recipient_id(), feed.next_mail_at()) {
                (_, Some(due)) if due > chrono::Utc::now() => return Ok(Attempt::NotYet { until: due }),
                (Some(recipient_id), Some(_)) => recipient_id,
                (None, _) | (_, None) => return Ok(Attempt::Succeeded { receipt: "nothing more waits".to_owned() }),
            };
            let mail = MailNews { recipient_id, locale: self.locale(recipient_id).await? };
            // Another id each time: what was not due under this clock may be due the next time. It repeats nothing.
            let command = job.command(CommandId(Uuid::now_v7()));
            self.decisions.carry_out_internal(&mail, &command).await.map_err(refusal)?;
        }
    }
}

impl Effect for NewsClock {
    type Event = Event;
    const KIND: &'static str = "news_clock";

    /// What brings a mail forward. What takes one back is seen when the timer comes.
    fn order(event: &Recorded<Event>) -> Order {
        let due = match &event.event {
            Event::Notified { mail_at, .. } => *mail_at,
            Event::Read { .. }
            | Event::Lapsed { .. }
            | Event::PreferencesChanged { .. }
            | Event::Muted { .. }
            | Event::Unmuted { .. }
            | Event::JoinedDigest { .. }
            | Event::Mailed { .. }
            | Event::MailDropped { .. } => None,
        };
        due.map_or(Order::Nothing, Order::Due)
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.look(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, _decisions: &Decisions, _job: &Job, _settled: &Settled) -> Result<(), RecordError> {
        // That it was mailed is an event of the feed.
        Ok(())
    }
}
