//! Writing a note for colleagues.

use super::{Content, Event, Ticket, TicketNoteId, WORK};
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Adds a note that only agents ever see. Changes neither the status nor the first response.
///
/// Refused on a resolved, closed or cancelled ticket (`support.ticket_resolved`, …): reopen it first.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddInternalNote {
    /// What colleagues should know.
    pub content: Private<Content>,
}

impl Command for AddInternalNote {
    type Streams = Ticket;
    const NAME: &'static str = "support.add_internal_note";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let case = ticket.existing()?;
        case.takes_messages()?;
        let note_id = TicketNoteId(cx.derived_id("note"));
        let content = self.content.about(case.customer_id);
        let assignee_id = case.assignee_id.filter(|assignee_id| *assignee_id != case.customer_id);
        Ok(Decided::from(Event::InternalNoteAdded { note_id, content, assignee_id }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, BOB, agent, agent_replied, assigned, moved, note, opened, text};
    use super::super::{Rejection, ReplyToTicket, TicketStatus};
    use super::*;
    use kernel::specs::given;

    fn add() -> AddInternalNote {
        AddInternalNote { content: text("Rude").into() }
    }

    #[test]
    fn a_note_is_neither_a_first_response_nor_a_step() {
        given([opened()]).when(&add(), &agent(BOB)).answers([note()]);
        given([opened(), note()])
            .when(&ReplyToTicket { content: text("Hello").into(), reopen: false }, &agent(BOB))
            .answers([agent_replied(1, true), moved(TicketStatus::Open, TicketStatus::InProgress)]);
    }

    #[test]
    fn a_note_names_the_colleague_who_should_know_and_never_the_customer() {
        for (assignee, named) in [(BOB, Some(BOB)), (ADA, None)] {
            let decided = given([opened(), assigned(assignee, None)]).when(&add(), &agent(BOB)).accepted();
            let [Event::InternalNoteAdded { assignee_id, .. }] = decided.events[..] else { panic!("{decided:?}") };
            assert_eq!(assignee_id, named);
        }
    }

    #[test]
    fn an_ended_ticket_takes_no_note() {
        given([opened(), moved(TicketStatus::Open, TicketStatus::Resolved)])
            .when(&add(), &agent(BOB))
            .is_rejected(&Rejection::Resolved);
    }

    #[test]
    fn there_is_no_note_without_a_ticket() {
        given([]).when(&add(), &agent(BOB)).is_rejected(&Rejection::NotFound);
    }

    #[test]
    fn only_agents_hold_the_scope() {
        assert_eq!(AddInternalNote::SCOPE, WORK);
    }
}
