//! What one person is told in one tenant: what he was notified of, what he has read, what waits to be mailed. This file is the
//! stored contract.
//!
//! One stream per recipient and tenant. It holds nothing that anybody wrote: whoever is told of a reply reads it where it is, as
//! far as he still may. A mail is decided here too, in the append that asks for it, so that what waits is mailed once.

mod change_preferences;
mod examples;
mod mark_read;
mod mute;
mod preferences;
mod rejection;
mod schedule;
#[cfg(test)]
mod specs;
mod state;
mod topic;
mod unmute;
mod update;

pub use change_preferences::ChangeNotificationPreferences;
pub use mark_read::MarkNotificationsRead;
pub use mute::MuteThread;
pub use preferences::{Preferences, TopicPreference};
pub use rejection::Rejection;
pub use schedule::{
    DIGEST_AFTER, DueMail, MAILS_PER_RECIPIENT, MailLimit, RECIPIENT_WINDOW, THREAD_WINDOW, UNREAD_FOR,
};
pub use state::{Feed, MAX_MUTED, MAX_UNREAD, Waiting};
pub use topic::{MailCadence, MailPlan, NotificationTopic};
pub use unmute::UnmuteThread;
pub use update::{FeedNews, UpdateFeed};

use super::WrittenIn;
use super::email::NewsOfThread;
use chrono::{DateTime, Utc};
use kernel::{ActorId, Scope, TenantId, typed_id};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Seeing one's own notifications.
pub const READ: Scope = Scope::new("notifications.feed:read");
/// Saying how one wants to be told.
pub const CHANGE: Scope = Scope::new("notifications.feed:change");
/// What reactors and timers do. In no role and in no token.
pub const UPDATE: Scope = Scope::new("notifications.feed:update");

typed_id! {
    /// What one person is told in one tenant: its stream.
    pub struct FeedId;
    /// What a notification is about, and what can be muted: a ticket, by its id.
    pub struct ThreadId;
}

/// The feed of a user in a tenant, and its stream.
pub fn feed_id(tenant_id: TenantId, recipient_id: ActorId) -> FeedId {
    FeedId(kernel::ids::derived(tenant_id.0, &format!("notifications.feed/{recipient_id}")))
}

kernel::labelled! {
    /// Why what waited is not mailed.
    pub enum MailDrop("notifications.mail_drop") {
        /// The recipient is no active member of the tenant: there is no address to write to.
        NotAMember: "not_a_member", "No active member", "Membre inactif";
    }
}

/// What may happen to a feed. `seqs` are places in it, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Something happened that the recipient is told of.
    Notified {
        /// Whom.
        recipient_id: ActorId,
        /// Place in the feed: 1, 2, 3, …
        seq: i32,
        /// What.
        topic: NotificationTopic,
        /// About which ticket.
        thread_id: ThreadId,
        /// Who did it; absent where nobody did, but time.
        actor_id: Option<ActorId>,
        /// When it happened.
        at: DateTime<Utc>,
        /// Whether he sees it where he works.
        in_app: bool,
        /// Whether and how it is mailed.
        mail: MailPlan,
        /// When to look what there is to mail, where it is.
        mail_at: Option<DateTime<Utc>>,
        /// How many notifications he has not read, this one included.
        unread: i32,
    },
    /// He has read some, or what they are about.
    Read {
        /// Who.
        recipient_id: ActorId,
        /// Which: those that were unread, or waited to be mailed.
        seqs: Vec<i32>,
        /// What they are about, where he has read that.
        thread_id: Option<ThreadId>,
        /// How many are left.
        unread: i32,
    },
    /// The oldest count as read, since there were too many.
    Lapsed {
        /// Whose.
        recipient_id: ActorId,
        /// Which.
        seqs: Vec<i32>,
        /// How many are left.
        unread: i32,
    },
    /// He said how he wants to be told.
    PreferencesChanged {
        /// Who.
        recipient_id: ActorId,
        /// In which language he is written to; that of his account where absent.
        language: Option<WrittenIn>,
        /// All topics that he has said anything of, as they are now.
        topics: Vec<TopicPreference>,
        /// What is no longer mailed therefore.
        dropped: Vec<i32>,
    },
    /// He wants to hear nothing more of a ticket.
    Muted {
        /// Who.
        recipient_id: ActorId,
        /// Of which.
        thread_id: ThreadId,
        /// What is no longer mailed therefore.
        dropped: Vec<i32>,
    },
    /// He wants to hear of it again.
    Unmuted {
        /// Who.
        recipient_id: ActorId,
        /// Of which.
        thread_id: ThreadId,
    },
    /// A mail of its own would have been one too many: it goes into the next digest.
    JoinedDigest {
        /// Whose.
        recipient_id: ActorId,
        /// What.
        seqs: Vec<i32>,
        /// What was reached.
        limit: MailLimit,
    },
    /// A mail about it was asked for, in the same append.
    Mailed {
        /// To whom.
        recipient_id: ActorId,
        /// The mail.
        mail_id: Uuid,
        /// What it tells.
        seqs: Vec<i32>,
        /// About what.
        news: Vec<NewsOfThread>,
        /// Whether it is a digest.
        digest: bool,
        /// When.
        at: DateTime<Utc>,
    },
    /// It cannot be mailed.
    MailDropped {
        /// To whom.
        recipient_id: ActorId,
        /// What.
        seqs: Vec<i32>,
        /// Why.
        reason: MailDrop,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "notifications.feed";

    fn examples() -> Vec<Self> {
        examples::examples()
    }
}

impl Event {
    /// Whose feed it is.
    pub const fn recipient_id(&self) -> ActorId {
        match self {
            Self::Notified { recipient_id, .. }
            | Self::Read { recipient_id, .. }
            | Self::Lapsed { recipient_id, .. }
            | Self::PreferencesChanged { recipient_id, .. }
            | Self::Muted { recipient_id, .. }
            | Self::Unmuted { recipient_id, .. }
            | Self::JoinedDigest { recipient_id, .. }
            | Self::Mailed { recipient_id, .. }
            | Self::MailDropped { recipient_id, .. } => *recipient_id,
        }
    }
}
