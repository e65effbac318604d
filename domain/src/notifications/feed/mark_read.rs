//! Saying that notifications were read.

use super::{CHANGE, Feed, Rejection, ThreadId, feed_id};
use kernel::command::unchanged;
use kernel::{ActorId, Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Marks the caller's own notifications as read, up to a place; only those about one ticket, where one is named. What was to be
/// mailed of them is not mailed any more.
///
/// A mark never goes back: what is read already changes nothing. Beyond the last notification it is the last one. Somebody
/// else's feed is not found.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkNotificationsRead {
    /// The `seq` of the last notification that was read.
    #[schema(minimum = 0)]
    pub up_to: i32,
    /// The ticket, where only what is about it was read.
    pub thread_id: Option<ThreadId>,
}

impl Command for MarkNotificationsRead {
    type Streams = Feed;
    const NAME: &'static str = "notifications.mark_notifications_read";
    const SCOPE: Scope = CHANGE;
    const REACH: Reach = Reach::Own { all: None };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, feed: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let recipient_id = own(cx)?;
        let seqs = feed.open(self.up_to, self.thread_id);
        if seqs.is_empty() {
            return unchanged();
        }
        Ok(Decided::from(feed.read(recipient_id, seqs, self.thread_id)))
    }
}

/// Whose feed the actor may act on: his own, and no other is there.
pub(super) fn own(cx: &Context) -> Result<ActorId, Rejection> {
    let own = cx.actor_id();
    if cx.target == feed_id(cx.tenant_id, own).0 { Ok(own) } else { Err(Rejection::NotFound) }
}

/// What no longer waits to be mailed, of what is meant.
pub(super) fn dropped(feed: &Feed, is_meant: impl Fn(&super::Waiting) -> bool) -> Vec<i32> {
    feed.waiting.iter().filter(|waiting| is_meant(waiting)).map(|waiting| waiting.seq).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::super::specs::{ADA, EVE, PRINTER, SCANNER, notified, own_feed};
    use super::*;
    use kernel::specs::given;

    fn up_to(up_to: i32, thread_id: Option<ThreadId>) -> MarkNotificationsRead {
        MarkNotificationsRead { up_to, thread_id }
    }

    fn three() -> [Event; 3] {
        [notified(1, PRINTER), notified(2, SCANNER), notified(3, PRINTER)]
    }

    fn read(seqs: &[i32], thread_id: Option<ThreadId>, unread: i32) -> Event {
        Event::Read { recipient_id: ADA, seqs: seqs.to_vec(), thread_id, unread }
    }

    #[test]
    fn what_was_read_is_counted_no_more() {
        given(three()).when(&up_to(2, None), &own_feed(ADA)).answers([read(&[1, 2], None, 1)]);
        given(three()).when(&up_to(i32::MAX, None), &own_feed(ADA)).answers([read(&[1, 2, 3], None, 0)]);
    }

    #[test]
    fn of_one_ticket_only_its_own_are_read() {
        let expected = read(&[1, 3], Some(PRINTER), 1);
        given(three()).when(&up_to(9, Some(PRINTER)), &own_feed(ADA)).answers([expected]);
    }

    #[test]
    fn a_mark_never_goes_back_and_twice_is_once() {
        let after = || three().into_iter().chain([read(&[1, 2], None, 1)]);
        for place in [i32::MIN, 0, 1, 2] {
            given(after()).when(&up_to(place, None), &own_feed(ADA)).changes_nothing();
        }
        given([]).when(&up_to(7, None), &own_feed(ADA)).changes_nothing();
    }

    #[test]
    fn nobody_reads_for_somebody_else() {
        let cx = Context { target: own_feed(ADA).target, ..own_feed(EVE) };
        given(three()).when(&up_to(2, None), &cx).is_rejected(&Rejection::NotFound);
        given([]).when(&up_to(2, None), &cx).is_rejected(&Rejection::NotFound);
    }
}
