//! Replying on a ticket.

use super::{Content, Event, Party, Ticket, TicketMessageId, TicketStatus, WORK};
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Adds a public message to a ticket. Whether it is the customer's or an agent's follows from the actor.
///
/// An agent's reply takes an open ticket up, a customer's reply a waiting one. Refused on a resolved, closed or
/// cancelled ticket (`support.ticket_resolved`, …): reopen it first. Two equal replies are two messages; a resend
/// with the same idempotency key is one.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyToTicket {
    /// What is said.
    pub content: Private<Content>,
}

impl Command for ReplyToTicket {
    type Streams = Ticket;
    const NAME: &'static str = "support.reply_to_ticket";
    const SCOPE: Scope = Scope::new("support.ticket:reply");
    const REACH: Reach = Reach::Own { all: Some(WORK) };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let (case, party) = ticket.seen_by(cx)?;
        case.takes_messages()?;
        let message_id = TicketMessageId(cx.derived_id("message"));
        let (seq, content, customer_id) =
            (case.message_count + 1, self.content.about(case.customer_id), case.customer_id);
        let (reply, taken_up_from) = match party {
            Party::Agent => {
                let first_response = !case.answered;
                (Event::AgentReplied { message_id, seq, content, customer_id, first_response }, TicketStatus::Open)
            }
            Party::Customer => {
                let assignee_id = case.assignee_id;
                let reply = Event::CustomerReplied { message_id, seq, content, customer_id, assignee_id };
                (reply, TicketStatus::WaitingCustomer)
            }
        };
        let mut events = vec![reply];
        if case.status == taken_up_from {
            events.push(case.moved(TicketStatus::InProgress, case.assignee_id));
        }
        Ok(Decided::new(events))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, BOB, EVE, agent, agent_replied, customer, customer_replied, moved, opened, text};
    use super::super::{Rejection, specs};
    use super::*;
    use TicketStatus::{Cancelled, Closed, InProgress, Open, Resolved, WaitingCustomer};
    use kernel::specs::given;

    fn reply() -> ReplyToTicket {
        ReplyToTicket { content: text("Hello").into() }
    }

    #[test]
    fn the_first_reply_of_an_agent_takes_the_ticket_up() {
        given([opened()]).when(&reply(), &agent(BOB)).answers([agent_replied(1, true), moved(Open, InProgress)]);
    }

    #[test]
    fn only_one_reply_is_the_first_response() {
        given([opened(), agent_replied(1, true), moved(Open, InProgress)])
            .when(&reply(), &agent(BOB))
            .answers([agent_replied(2, false)]);
    }

    #[test]
    fn a_customers_further_message_leaves_an_open_ticket_open() {
        given([opened()]).when(&reply(), &customer(ADA)).answers([customer_replied(1, None)]);
    }

    #[test]
    fn the_customers_answer_ends_the_waiting() {
        given([opened(), moved(Open, WaitingCustomer)])
            .when(&reply(), &customer(ADA))
            .answers([customer_replied(1, None), moved(WaitingCustomer, InProgress)]);
    }

    #[test]
    fn an_agent_who_writes_again_goes_on_waiting() {
        given([opened(), moved(Open, WaitingCustomer)]).when(&reply(), &agent(BOB)).answers([agent_replied(1, true)]);
    }

    #[test]
    fn the_assignee_is_told_of_the_customers_reply() {
        given([opened(), specs::assigned(BOB, None), specs::moved_for(Open, InProgress, Some(BOB))])
            .when(&reply(), &customer(ADA))
            .answers([customer_replied(1, Some(BOB))]);
    }

    #[test]
    fn an_ended_ticket_takes_no_message_from_anybody() {
        for (status, rejection) in
            [(Resolved, Rejection::Resolved), (Closed, Rejection::Closed), (Cancelled, Rejection::Cancelled)]
        {
            given([opened(), moved(Open, status)]).when(&reply(), &customer(ADA)).is_rejected(&rejection);
            given([opened(), moved(Open, status)]).when(&reply(), &agent(BOB)).is_rejected(&rejection);
        }
    }

    #[test]
    fn a_foreign_ticket_and_a_missing_one_cannot_be_told_apart() {
        given([opened()]).when(&reply(), &customer(EVE)).is_rejected(&Rejection::NotFound);
        given([]).when(&reply(), &customer(EVE)).is_rejected(&Rejection::NotFound);
        given([]).when(&reply(), &agent(BOB)).is_rejected(&Rejection::NotFound);
    }

    #[test]
    fn nobody_chooses_the_type_of_a_message() {
        for field in ["type", "message_type", "is_internal"] {
            let body = serde_json::json!({"content": "Hello", field: "AGENT"});
            assert!(serde_json::from_value::<ReplyToTicket>(body).is_err(), "{field}");
        }
    }
}
