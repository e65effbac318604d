//! Saying how satisfied one is.

use super::{CsatScore, Event, Reason, Rejection, Ticket, TicketStatus};
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says how satisfied the customer is with a resolved or closed ticket, once per resolution.
///
/// For the customer only (`support.ticket_customer_only`). Refused with `support.ticket_not_resolved` while it is worked on,
/// with `support.ticket_csat_given` the second time.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitTicketCsat {
    /// 1 (not at all) to 5 (very).
    pub score: CsatScore,
    /// In the customer's words.
    pub comment: Option<Private<Reason>>,
}

impl Command for SubmitTicketCsat {
    type Streams = Ticket;
    const NAME: &'static str = "support.submit_ticket_csat";
    const SCOPE: Scope = Scope::new("support.ticket:reply");
    const REACH: Reach = Reach::Own { all: None };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let (case, _) = ticket.seen_by(cx)?;
        if case.customer_id != cx.actor_id() {
            return Err(Rejection::CustomerOnly);
        }
        if !matches!(case.status, TicketStatus::Resolved | TicketStatus::Closed) {
            return Err(Rejection::NotResolved);
        }
        if case.rated {
            return Err(Rejection::CsatGiven);
        }
        Ok(Decided::from(Event::CsatSubmitted {
            score: self.score,
            comment: self.comment.as_ref().map(|comment| comment.about(case.customer_id)),
            customer_id: case.customer_id,
            assignee_id: case.assignee_id,
        }))
    }
}
