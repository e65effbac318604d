//! Noting how far somebody has read.

use super::{Event, Party, Ticket, TicketSide, WORK};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Notes that the public thread has been read up to a message: by the customer, or by the desk, of which all agents are one
/// reader. Who writes has read what came before.
///
/// A mark never goes back: an earlier message changes nothing. Beyond the last message it is the last one.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkTicketRead {
    /// The `seq` of the last message that was read.
    #[schema(minimum = 0)]
    pub up_to: i32,
}

impl Command for MarkTicketRead {
    type Streams = Ticket;
    const NAME: &'static str = "support.mark_ticket_read";
    const SCOPE: Scope = Scope::new("support.ticket:read");
    const REACH: Reach = Reach::Own { all: Some(WORK) };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let (case, party) = ticket.found_by(cx)?;
        let (side, other) = match party {
            Party::Customer => (TicketSide::Customer, TicketSide::Desk),
            Party::Agent => (TicketSide::Desk, TicketSide::Customer),
        };
        let seq = self.up_to.min(case.message_count);
        if seq <= case.read_up_to(side) {
            return unchanged();
        }
        let unread = case.written_by(other, seq);
        Ok(Decided::from(Event::ReadUpTo { side, seq, unread, customer_id: case.customer_id }))
    }
}
