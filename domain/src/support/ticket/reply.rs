//! Replying on a ticket.

use super::{Case, Content, Event, Party, Rejection, Ticket, TicketMessageId, TicketStatus, WORK};
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Adds a public message to a ticket. Whether it is the customer's or an agent's follows from the actor.
///
/// An agent's reply takes an open ticket up, a customer's reply a waiting one. Refused on a resolved, closed or
/// cancelled ticket (`support.ticket_resolved`, …), unless `reopen` says that a resolved or closed one is to be reopened by
/// it. A merged one is refused with the id of the ticket that it goes on in. Two equal replies are two messages; a resend
/// with the same idempotency key is one.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyToTicket {
    /// What is said.
    pub content: Private<Content>,
    /// Whether a resolved or closed ticket is reopened by this.
    #[serde(default)]
    pub reopen: bool,
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
        let reopened = if self.reopen { case.reopened(party, cx)? } else { None };
        let status = reopened.as_ref().map_or(case.status, |(status, _)| *status);
        if reopened.is_none() {
            case.takes_messages()?;
        }
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
        let mut events: Vec<Event> = reopened.into_iter().map(|(_, moved)| moved).chain([reply]).collect();
        if status == taken_up_from {
            events.push(case.moved_from(status, TicketStatus::InProgress, case.assignee_id));
        }
        Ok(Decided::new(case.timed(events, cx.now)))
    }
}

impl Case {
    /// Where a resolved or closed ticket stands once it is reopened, and the fact; `None` where it has not ended.
    fn reopened(&self, party: Party, cx: &Context) -> Result<Option<(TicketStatus, Event)>, Rejection> {
        let to = match (self.status, self.assignee_id) {
            (TicketStatus::Resolved | TicketStatus::Closed, Some(_)) => TicketStatus::InProgress,
            (TicketStatus::Resolved | TicketStatus::Closed, None) => TicketStatus::Open,
            _ => return Ok(None),
        };
        self.may_move(to, party, cx)?;
        Ok(Some((to, self.moved(to, self.assignee_id))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs;
    use super::super::specs::{ADA, BOB, EVE, agent, agent_replied, customer, customer_replied, moved, opened, text};
    use super::*;
    use TicketStatus::{Cancelled, Closed, InProgress, Open, Resolved, WaitingCustomer};
    use kernel::specs::given;

    fn reply() -> ReplyToTicket {
        ReplyToTicket { content: text("Hello").into(), reopen: false }
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
    fn a_reply_reopens_where_it_says_so() {
        let again = ReplyToTicket { reopen: true, ..reply() };
        given([opened(), moved(Open, Resolved)])
            .when(&again, &customer(ADA))
            .answers([moved(Resolved, Open), customer_replied(1, None)]);
        given([opened(), moved(Open, Closed)]).when(&again, &agent(BOB)).answers([
            moved(Closed, Open),
            agent_replied(1, true),
            moved(Open, InProgress),
        ]);
        given([opened(), moved(Open, Cancelled)]).when(&again, &customer(ADA)).is_rejected(&Rejection::Cancelled);
        given([opened()]).when(&again, &customer(ADA)).answers([customer_replied(1, None)]);
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
