//! What a mail about tickets tells: how often what happened to which, and nothing that anybody wrote.

use crate::notifications::feed::{NotificationTopic, ThreadId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happened to one ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewsOfThread {
    /// The ticket.
    pub thread_id: ThreadId,
    /// What, in the order in which it began.
    pub counts: Vec<NewsCount>,
    /// The places of it in the recipient's feed: once he has read all of them, the mail is of no use. None where he does not see
    /// all of it there.
    pub unread: Vec<i32>,
}

/// How often something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewsCount {
    /// What.
    pub topic: NotificationTopic,
    /// How often.
    pub count: i32,
}
