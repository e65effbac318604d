//! Taking keywords off a ticket.

use super::{Event, Tags, Ticket, WORK};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Takes keywords off a ticket. Those that it does not have change nothing.
///
/// Refused on a closed, cancelled or merged ticket.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UntagTicket {
    /// The keywords.
    pub tags: Tags,
}

impl Command for UntagTicket {
    type Streams = Ticket;
    const NAME: &'static str = "support.untag_ticket";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let case = ticket.existing()?;
        let tags = case.tags.without(&self.tags);
        if tags == case.tags {
            return unchanged();
        }
        case.takes_changes()?;
        let removed = case.tags.without(&tags);
        Ok(Decided::from(Event::Untagged { removed, tags, customer_id: case.customer_id }))
    }
}
