//! Withdrawing a ticket with the import that made it.

use super::import::REFERENCE_RESERVATION;
use super::{Case, Event, Rejection, Ticket};
use crate::support::import::{ImportId, RUN};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Withdraws a ticket with the import that made it. Nobody asks for it by itself: rolling an import back does. Its reference
/// may be imported again.
///
/// What is not there any more changes nothing. Refused with `support.ticket_import_touched` where somebody has worked on it
/// since.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoTicketImport {
    /// The import.
    pub import_id: ImportId,
}

impl Command for UndoTicketImport {
    type Streams = Ticket;
    const NAME: &'static str = "support.undo_ticket_import";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, ticket: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let Some(case) = ticket.made_by(self.import_id)? else { return unchanged() };
        let from = case.from_import.ok_or(Rejection::NotFound)?;
        if from.touched {
            return Err(Rejection::ImportTouched);
        }
        let (import_id, message_count, customer_id) = (self.import_id, case.message_count, case.customer_id);
        let decided = Decided::from(Event::ImportUndone { import_id, message_count, customer_id });
        Ok(match from.reference_index {
            Some(index) => decided.releasing(REFERENCE_RESERVATION, index.to_string()),
            None => decided,
        })
    }
}

impl Ticket {
    /// The ticket, where there is one; another import's is not there.
    pub(super) fn made_by(&self, import_id: ImportId) -> Result<Option<&Case>, Rejection> {
        let Some(case) = &self.case else { return Ok(None) };
        let is_mine = case.from_import.is_some_and(|from| from.import_id == import_id);
        if is_mine { Ok(Some(case)) } else { Err(Rejection::NotFound) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, BOB, TICKET, agent, opened, text};
    use super::super::{
        ExternalReference, ImportTicket, ImportTicketReply, OpenTicket, ReplyToTicket, SettleImportedTicket, Tags,
        TicketCategory, TicketPriority, TicketSide, TicketStatus,
    };
    use super::*;
    use crate::support::import::{self, Import};
    use kernel::specs::{given, state_of};
    use kernel::{Aggregate as _, Event as _, Personal};
    use serde_json::json;

    const IMPORT: ImportId = ImportId(Uuid::from_u128(0x1111));

    fn reference() -> ExternalReference {
        ExternalReference::parse("ZD-4711").unwrap()
    }

    fn import_ticket() -> ImportTicket {
        let open: OpenTicket =
            serde_json::from_value(json!({"subject": "Printer on fire", "description": "It burns."})).unwrap();
        ImportTicket {
            import_id: IMPORT,
            row: 7,
            reference: Some(reference().into()),
            subject: open.subject,
            description: open.description,
            priority: TicketPriority::default(),
            category: TicketCategory::default(),
            tags: Tags::default(),
            customer_id: ADA,
        }
    }

    fn running() -> Import {
        state_of(import::Event::examples().into_iter().take(1))
    }

    fn imported() -> Vec<Event> {
        let (cx, ticket) = (agent(BOB), Ticket::default());
        import_ticket().decide((&ticket, &running()), &cx).unwrap().events
    }

    fn settled(status: TicketStatus) -> Vec<Event> {
        let settle = SettleImportedTicket { import_id: IMPORT, status, last: true };
        let more = settle.decide(&state_of(imported()), &agent(BOB)).unwrap().events;
        imported().into_iter().chain(more).collect()
    }

    const UNDO: UndoTicketImport = UndoTicketImport { import_id: IMPORT };

    #[test]
    fn an_imported_ticket_has_its_reference_and_no_clock() {
        let events = imported();
        let reference_index = agent(BOB).blind_index(super::super::import::REFERENCE_RESERVATION, "zd-4711");
        let imported = Event::Imported {
            import_id: IMPORT,
            row: 7,
            reference: Some(Personal::new(ADA, reference())),
            reference_index: Some(reference_index),
            customer_id: ADA,
        };
        assert_eq!(events, [opened(), imported]);
    }

    #[test]
    fn nothing_is_made_by_an_import_that_is_over() {
        let cx = agent(BOB);
        for told in [0, 3, 4] {
            let import: Import = state_of(import::Event::examples().into_iter().take(told));
            let refused = import_ticket().decide((&Ticket::default(), &import), &cx).unwrap_err();
            assert_eq!(refused, Rejection::ImportOver);
        }
        let again = import_ticket().decide((&state_of(imported()), &running()), &cx).unwrap_err();
        assert_eq!(again, Rejection::AlreadyOpened);
    }

    #[test]
    fn what_was_said_elsewhere_moves_nothing_and_the_first_answer_is_told_once() {
        let said = |from| ImportTicketReply { import_id: IMPORT, from, content: text("Use water").into() };
        let first = given(imported()).when(&said(TicketSide::Desk), &agent(BOB)).accepted().events;
        assert!(matches!(first[..], [Event::AgentReplied { seq: 1, first_response: true, .. }]));
        let second = given(imported().into_iter().chain(first)).when(&said(TicketSide::Desk), &agent(BOB)).accepted();
        assert!(matches!(second.events[..], [Event::AgentReplied { seq: 2, first_response: false, .. }]));
        let question = given(imported()).when(&said(TicketSide::Customer), &agent(BOB)).accepted().events;
        assert!(matches!(question[..], [Event::CustomerReplied { seq: 1, .. }]));
        given([opened()]).when(&said(TicketSide::Desk), &agent(BOB)).is_rejected(&Rejection::NotFound);
    }

    #[test]
    fn it_stands_where_the_file_says_and_no_timer_is_set() {
        for status in <TicketStatus as kernel::Labelled>::ALL {
            let told = settled(*status);
            assert!(!told.iter().any(|event| matches!(event, Event::TimerSet { .. })), "{status}");
            assert!(matches!(told.last(), Some(Event::ImportSettled { .. })));
            let ticket: Ticket = state_of(told);
            assert_eq!(ticket.case.unwrap().status, *status);
        }
    }

    #[test]
    fn an_untouched_ticket_is_withdrawn_as_if_it_had_never_been_opened() {
        for events in [imported(), settled(TicketStatus::Closed), settled(TicketStatus::Open)] {
            let decided = given(events.clone()).when(&UNDO, &agent(BOB)).accepted();
            assert!(matches!(decided.events[..], [Event::ImportUndone { message_count: 0, .. }]));
            assert_eq!(decided.release.len(), 1, "the reference may be imported again");
            let gone: Ticket = state_of(events.into_iter().chain(decided.events));
            assert_eq!(gone, Ticket::default());
            assert!(UNDO.decide(&gone, &agent(BOB)).unwrap().events.is_empty());
        }
    }

    #[test]
    fn a_ticket_that_somebody_worked_on_is_left_and_one_that_was_only_read_is_not() {
        let answered = ReplyToTicket { content: text("Hello").into(), reopen: false };
        let ticket: Ticket = state_of(settled(TicketStatus::Open));
        let reply = answered.decide(&ticket, &agent(BOB)).unwrap().events;
        let touched = settled(TicketStatus::Open).into_iter().chain(reply);
        given(touched).when(&UNDO, &agent(BOB)).is_rejected(&Rejection::ImportTouched);
        let read = Event::ReadUpTo { side: TicketSide::Desk, seq: 0, unread: 0, customer_id: ADA };
        let seen = settled(TicketStatus::Open).into_iter().chain([read]);
        given(seen).when(&UNDO, &agent(BOB)).accepted();
    }

    #[test]
    fn a_ticket_of_another_import_or_of_none_is_not_there() {
        given([opened()]).when(&UNDO, &agent(BOB)).is_rejected(&Rejection::NotFound);
        let other = UndoTicketImport { import_id: ImportId(TICKET) };
        given(imported()).when(&other, &agent(BOB)).is_rejected(&Rejection::NotFound);
        given([]).when(&other, &agent(BOB)).changes_nothing();
        assert_eq!(Ticket::default().evolve(&opened()).made_by(IMPORT).unwrap_err(), Rejection::NotFound);
    }
}
