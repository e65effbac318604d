//! Giving a ticket a better line.

use super::{Event, Subject, Ticket, WORK};
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Changes the line that says what a ticket is about. What it said before is kept nowhere near, so the same line again is a
/// change too; a resend with the same idempotency key is not.
///
/// Refused on a closed, cancelled or merged ticket.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTicketSubject {
    /// What it is about, one line.
    pub subject: Private<Subject>,
}

impl Command for ChangeTicketSubject {
    type Streams = Ticket;
    const NAME: &'static str = "support.change_ticket_subject";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let case = ticket.existing()?;
        case.takes_changes()?;
        let customer_id = case.customer_id;
        Ok(Decided::from(Event::SubjectChanged { subject: self.subject.about(customer_id), customer_id }))
    }
}
