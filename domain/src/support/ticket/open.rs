//! Opening a ticket.

use super::clock::clock_started;
use super::{Content, Event, Rejection, Subject, Tags, Ticket, TicketCategory, TicketPriority, WORK};
use crate::support::sla_policy::{SlaPolicy, sla_policy_id};
use kernel::{ActorId, Command, Context, Decided, Decision, Known, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Opens a ticket. It gets the tenant's next number, without gaps: `TKT-00042`; and the terms of the tenant's policy.
///
/// Refused with `support.ticket_for_somebody_else` where somebody who is not an agent names another customer.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenTicket {
    /// What it is about, one line.
    pub subject: Private<Subject>,
    /// The question.
    pub description: Private<Content>,
    /// How soon it needs an answer.
    #[serde(default)]
    pub priority: TicketPriority,
    /// What it is about.
    #[serde(default)]
    pub category: TicketCategory,
    /// Free keywords, by which lists are filtered. They are kept in clear: name nobody in them.
    #[serde(default)]
    pub tags: Tags,
    /// Whose ticket it is; the caller's own where it is left out.
    pub customer_id: Option<ActorId>,
}

impl Command for OpenTicket {
    type Streams = (Ticket, Known<SlaPolicy>);
    const NAME: &'static str = "support.open_ticket";
    const SCOPE: Scope = Scope::new("support.ticket:open");
    const REACH: Reach = Reach::Own { all: Some(WORK) };

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid) {
        (target, sla_policy_id(cx.tenant_id).0)
    }

    fn decide(&self, (ticket, policy): View<'_, Self>, cx: &Context) -> Decision<Self> {
        if ticket.case.is_some() {
            return Err(Rejection::AlreadyOpened);
        }
        let customer_id = self.customer_id.unwrap_or(cx.actor_id());
        if !cx.reaches(Self::REACH, customer_id) {
            return Err(Rejection::ForSomebodyElse);
        }
        let opened = Event::Opened {
            subject: self.subject.about(customer_id),
            description: self.description.about(customer_id),
            priority: self.priority,
            category: self.category,
            tags: self.tags.clone(),
            customer_id,
        };
        let clock = clock_started(policy.terms(), self.priority, cx.now);
        Ok(Decided::new([opened].into_iter().chain(clock).collect()).numbered("support.ticket"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, BOB, EVE, agent, customer, opened};
    use super::*;
    use kernel::specs::given;
    use serde_json::json;

    fn open(body: serde_json::Value) -> OpenTicket {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_customer_opens_a_ticket_with_the_usual_priority_and_category() {
        let command = open(json!({"subject": "Printer on fire", "description": "It burns."}));
        let decided = given([]).when(&command, &customer(ADA)).accepted();
        assert_eq!(decided.events, [opened()]);
        assert_eq!(decided.counter, Some("support.ticket"));
    }

    #[test]
    fn the_missions_spellings_are_understood() {
        let command = open(json!({
            "subject": "Abc", "description": "d", "priority": "URGENT", "category": "FEATURE_REQUEST", "tags": ["x"],
        }));
        assert_eq!((command.priority, command.category), (TicketPriority::Urgent, TicketCategory::FeatureRequest));
    }

    #[test]
    fn an_agent_opens_a_ticket_for_a_customer() {
        let command = open(json!({"subject": "Printer on fire", "description": "It burns.", "customer_id": ADA}));
        given([]).when(&command, &agent(BOB)).answers([opened()]);
    }

    #[test]
    fn a_customer_opens_no_ticket_for_somebody_else() {
        let command = open(json!({"subject": "Abc", "description": "d", "customer_id": EVE}));
        given([]).when(&command, &customer(ADA)).is_rejected(&Rejection::ForSomebodyElse);
        let own = open(json!({"subject": "Abc", "description": "d", "customer_id": ADA}));
        assert_eq!(given([]).when(&own, &customer(ADA)).accepted().events.len(), 1);
    }

    #[test]
    fn an_id_is_opened_once() {
        let command = open(json!({"subject": "Abc", "description": "d"}));
        given([opened()]).when(&command, &customer(ADA)).is_rejected(&Rejection::AlreadyOpened);
    }

    #[test]
    fn a_body_out_of_bounds_or_with_unknown_fields_is_refused() {
        for body in [
            json!({"subject": "ab", "description": "d"}),
            json!({"subject": "Abc", "description": ""}),
            json!({"subject": "Abc", "description": "d".repeat(5001)}),
            json!({"subject": "Abc", "description": "d", "status": "closed"}),
            json!({"subject": "Abc", "description": "d", "number": 7}),
            json!({"description": "d"}),
        ] {
            assert!(serde_json::from_value::<OpenTicket>(body.clone()).is_err(), "{body}");
        }
    }
}
