//! Taking two tickets apart again.

use super::{Event, Rejection, Ticket, TicketId, WORK};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Takes the ticket of the route out of the one that it was merged into. It stands where it stood before.
///
/// One that is not merged is unchanged. Refused with `support.ticket_merged` where it is merged into another one.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnmergeTicket {
    /// The ticket that it was merged into.
    pub from: TicketId,
}

impl Command for UnmergeTicket {
    type Streams = (Ticket, Ticket);
    const NAME: &'static str = "support.unmerge_ticket";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> (Uuid, Uuid) {
        (target, self.from.0)
    }

    fn decide(&self, (ticket, _): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let case = ticket.case.as_ref().ok_or(Rejection::NotFound)?;
        match case.merged_into {
            None => return unchanged(),
            Some(into) if into == self.from => {}
            Some(into) => return Err(Rejection::Merged { into }),
        }
        let customer_id = case.customer_id;
        let mut events = vec![Event::Unmerged { from: self.from, customer_id }];
        if let Some(before) = case.before_merge.filter(|before| *before != case.status) {
            events.push(case.moved(before, case.assignee_id));
        }
        Ok(Decided::new((
            case.timed(events, cx.now),
            vec![Event::Released { ticket_id: TicketId(cx.target), customer_id }],
        )))
    }
}
