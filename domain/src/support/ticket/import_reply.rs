//! Bringing a public message of a ticket in from elsewhere.

use super::{Content, Event, Rejection, Ticket, TicketMessageId, TicketSide};
use crate::support::import::{ImportId, RUN};
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Brings a public message in, at the time when it was written. Nobody asks for it by itself: an import does. It moves
/// nothing: where the ticket stands is told by the file.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportTicketReply {
    /// The import that made the ticket.
    pub import_id: ImportId,
    /// Who speaks.
    pub from: TicketSide,
    /// What is said.
    pub content: Private<Content>,
}

impl Command for ImportTicketReply {
    type Streams = Ticket;
    const NAME: &'static str = "support.import_ticket_reply";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let case = ticket.made_by(self.import_id)?.ok_or(Rejection::NotFound)?;
        let message_id = TicketMessageId(cx.derived_id("message"));
        let (seq, content, customer_id) =
            (case.message_count + 1, self.content.about(case.customer_id), case.customer_id);
        Ok(Decided::from(match self.from {
            TicketSide::Customer => {
                Event::CustomerReplied { message_id, seq, content, customer_id, assignee_id: case.assignee_id }
            }
            TicketSide::Desk => {
                Event::AgentReplied { message_id, seq, content, customer_id, first_response: !case.answered }
            }
        }))
    }
}
