//! Wanting to hear of a ticket again.

use super::mark_read::own;
use super::{CHANGE, Event, Feed, ThreadId};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Lets the caller hear of a ticket again that he has muted. What happened meanwhile is not told. One that is not muted changes
/// nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnmuteThread {
    /// The ticket.
    pub thread_id: ThreadId,
}

impl Command for UnmuteThread {
    type Streams = Feed;
    const NAME: &'static str = "notifications.unmute_thread";
    const SCOPE: Scope = CHANGE;
    const REACH: Reach = Reach::Own { all: None };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, feed: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let (recipient_id, thread_id) = (own(cx)?, self.thread_id);
        if !feed.muted.contains(&thread_id) {
            return unchanged();
        }
        Ok(Decided::from(Event::Unmuted { recipient_id, thread_id }))
    }
}
