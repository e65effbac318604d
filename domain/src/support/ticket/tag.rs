//! Adding keywords to a ticket.

use super::{Event, Rejection, Tags, Ticket, WORK};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Adds keywords to a ticket. Those that it has already change nothing.
///
/// Refused on a closed, cancelled or merged ticket, and with `support.ticket_too_many_tags` beyond 20.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagTicket {
    /// The keywords.
    pub tags: Tags,
}

impl Command for TagTicket {
    type Streams = Ticket;
    const NAME: &'static str = "support.tag_ticket";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let case = ticket.existing()?;
        let added = self.tags.without(&case.tags);
        if added.as_slice().is_empty() {
            return unchanged();
        }
        case.takes_changes()?;
        let tags = case.tags.with(&added).map_err(|_| Rejection::TooManyTags)?;
        Ok(Decided::from(Event::Tagged { added, tags, customer_id: case.customer_id }))
    }
}
