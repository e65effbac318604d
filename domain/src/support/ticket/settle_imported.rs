//! Saying where an imported ticket stands.

use super::{Event, REOPEN_WINDOW_DAYS, Rejection, Ticket, TicketStatus};
use crate::support::import::{ImportId, RUN};
use chrono::TimeDelta;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says where an imported ticket stood at some time, and whether that is all there is to tell of it. Nobody asks for it by
/// itself: an import does. Any status may follow any other, and no timer is set: what ended long ago does not end now.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleImportedTicket {
    /// The import that made the ticket.
    pub import_id: ImportId,
    /// Where it stood.
    pub status: TicketStatus,
    /// Whether nothing more is told of it: what follows is what people do with it here.
    pub last: bool,
}

impl Command for SettleImportedTicket {
    type Streams = Ticket;
    const NAME: &'static str = "support.settle_imported_ticket";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let case = ticket.made_by(self.import_id)?.ok_or(Rejection::NotFound)?;
        let (customer_id, assignee_id) = (case.customer_id, case.assignee_id);
        let (from, to) = (case.status, self.status);
        let reopen_until = (to == TicketStatus::Closed).then(|| cx.now + TimeDelta::days(REOPEN_WINDOW_DAYS));
        let moved = Event::StatusChanged { from, to, reason: None, customer_id, assignee_id, reopen_until };
        let settled = self.last.then_some(Event::ImportSettled { customer_id });
        Ok(Decided::new((from != to).then_some(moved).into_iter().chain(settled).collect()))
    }
}
