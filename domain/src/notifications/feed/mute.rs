//! Wanting to hear nothing more of a ticket.

use super::mark_read::{dropped, own};
use super::{CHANGE, Event, Feed, MAX_MUTED, Rejection, ThreadId};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Mutes a ticket for the caller: he is told nothing more of it, over no channel, and what waits to be mailed about it is not
/// mailed. What he was told of it stays in his list.
///
/// Muting again changes nothing. Refused with `notifications.feed_too_many_muted` where a thousand are muted already. Whether the
/// ticket exists is not asked: to mute is to hear nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MuteThread {
    /// The ticket.
    pub thread_id: ThreadId,
}

impl Command for MuteThread {
    type Streams = Feed;
    const NAME: &'static str = "notifications.mute_thread";
    const SCOPE: Scope = CHANGE;
    const REACH: Reach = Reach::Own { all: None };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, feed: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let (recipient_id, thread_id) = (own(cx)?, self.thread_id);
        if feed.muted.contains(&thread_id) {
            return unchanged();
        }
        if feed.muted.len() >= MAX_MUTED {
            return Err(Rejection::TooManyMuted);
        }
        let dropped = dropped(feed, |waiting| waiting.thread_id == thread_id);
        Ok(Decided::from(Event::Muted { recipient_id, thread_id, dropped }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, EVE, PRINTER, SCANNER, notified, own_feed, told, update};
    use super::super::{MailPlan, UnmuteThread};
    use super::*;
    use kernel::specs::given;

    const MUTE: MuteThread = MuteThread { thread_id: PRINTER };

    fn muted(dropped: &[i32]) -> Event {
        Event::Muted { recipient_id: ADA, thread_id: PRINTER, dropped: dropped.to_vec() }
    }

    #[test]
    fn of_a_muted_ticket_nothing_is_told_and_nothing_mailed() {
        let before = || [notified(1, PRINTER), notified(2, SCANNER)];
        given(before()).when(&MUTE, &own_feed(ADA)).answers([muted(&[1])]);
        let after = before().into_iter().chain([muted(&[1])]);
        let silent = |event| match event {
            Event::Notified { in_app, mail, mail_at, unread, .. } => (in_app, mail, mail_at, unread),
            other => panic!("{other:?}"),
        };
        let decided = given(after).when(&told(PRINTER), &update(ADA)).accepted();
        assert_eq!(decided.events.into_iter().map(silent).collect::<Vec<_>>(), [(false, MailPlan::Muted, None, 2)]);
    }

    #[test]
    fn muting_again_changes_nothing_and_can_be_undone() {
        given([muted(&[])]).when(&MUTE, &own_feed(ADA)).changes_nothing();
        let unmute = UnmuteThread { thread_id: PRINTER };
        let unmuted = || Event::Unmuted { recipient_id: ADA, thread_id: PRINTER };
        given([muted(&[])]).when(&unmute, &own_feed(ADA)).answers([unmuted()]);
        given([muted(&[]), unmuted()]).when(&unmute, &own_feed(ADA)).changes_nothing();
        given([muted(&[]), unmuted()]).when(&MUTE, &own_feed(ADA)).answers([muted(&[])]);
        given([])
            .when(&unmute, &Context { target: own_feed(ADA).target, ..own_feed(EVE) })
            .is_rejected(&Rejection::NotFound);
    }

    #[test]
    fn nobody_mutes_without_end_or_for_somebody_else() {
        let many = (0..MAX_MUTED).map(|n| Event::Muted {
            recipient_id: ADA,
            thread_id: ThreadId(Uuid::from_u128(n as u128)),
            dropped: Vec::new(),
        });
        given(many).when(&MUTE, &own_feed(ADA)).is_rejected(&Rejection::TooManyMuted);
        let cx = Context { target: own_feed(ADA).target, ..own_feed(EVE) };
        given([]).when(&MUTE, &cx).is_rejected(&Rejection::NotFound);
    }
}
