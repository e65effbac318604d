//! Putting a file on a ticket.

use super::attachment::is_on;
use super::{Event, Party, Rejection, Ticket, TicketAttachment, TicketId, TicketMessageId, TicketNoteId, WORK};
use crate::files::FilePurpose;
use crate::files::stored_file::{self, StoredFile, StoredFileId};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Files of one ticket at most.
pub(super) const MAX_ATTACHMENTS: i32 = 100;

/// Links a file that one has handed over to the ticket of the route, to one of its messages, or for agents to an internal note,
/// which the customer never sees.
///
/// The file must be verified (409 `support.ticket_attachment_not_verified` until then) and handed over for a ticket, by the
/// caller and about the ticket's customer (`support.ticket_attachment_about_somebody_else`: agents name him in `about`). A
/// file is on one ticket at most. Linked there before changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "a file, and what it belongs to: each is known by its id")]
pub struct AttachFile {
    /// The file.
    pub file_id: StoredFileId,
    /// The public message that it belongs to, where it belongs to one.
    #[serde(default)]
    pub message_id: Option<TicketMessageId>,
    /// The internal note that it belongs to: agents only, and for agents only.
    #[serde(default)]
    pub note_id: Option<TicketNoteId>,
}

impl Command for AttachFile {
    type Streams = (Ticket, StoredFile);
    const NAME: &'static str = "support.attach_file";
    const SCOPE: Scope = Scope::new("support.ticket:reply");
    const REACH: Reach = Reach::Own { all: Some(WORK) };

    fn streams(&self, target: Uuid, _cx: &Context) -> (Uuid, Uuid) {
        (target, self.file_id.0)
    }

    fn decide(&self, (ticket, file): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let (case, party) = ticket.seen_by(cx)?;
        let facts = file.facts().filter(|facts| facts.uploader_id == cx.actor_id());
        let facts = facts.filter(|facts| facts.purpose == FilePurpose::TicketAttachment);
        let facts = facts.ok_or(Rejection::AttachmentNotFound)?;
        if is_on(facts, TicketId(cx.target)) {
            return unchanged();
        }
        if facts.linked_to.is_some() {
            return Err(Rejection::AttachmentElsewhere);
        }
        let customer_id = case.customer_id;
        let attachment = TicketAttachment::of(self.file_id, facts, customer_id)?;
        case.takes_messages()?;
        if case.attachment_count >= MAX_ATTACHMENTS {
            return Err(Rejection::TooManyAttachments);
        }
        let linked = match (self.message_id, self.note_id) {
            (message_id, None) if message_id.is_none_or(|id| case.messages.contains(&id)) => {
                Event::AttachmentLinked { attachment, message_id, customer_id }
            }
            (None, Some(note_id)) if party == Party::Agent && case.notes.contains(&note_id) => {
                Event::InternalAttachmentLinked { attachment, note_id }
            }
            (Some(_), Some(_)) => return Err(Rejection::AttachmentToTwo),
            (None | Some(_), None) | (None, Some(_)) => return Err(Rejection::MessageNotFound),
        };
        let restricted = matches!(linked, Event::InternalAttachmentLinked { .. });
        Ok(Decided::new((vec![linked], vec![stored_file::Event::Linked { to: cx.target, restricted }])))
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, BOB, EVE, agent, agent_replied, customer, moved, note, opened};
    use super::super::{IssueAttachmentUrl, TicketStatus};
    use super::*;
    use crate::files::stored_file::{DOWNLOAD_TIME, FileVariant};
    use kernel::specs::{Then, noon, state_of};
    use kernel::{ActorId, Event as _};

    const FILE: StoredFileId = StoredFileId(Uuid::from_u128(0xf11e));

    fn handed_over(uploader: ActorId, person: ActorId, more: &[usize]) -> Vec<stored_file::Event> {
        let mut examples = stored_file::Event::examples();
        if let stored_file::Event::Requested { uploader_id, person_id, .. } = &mut examples[0] {
            (*uploader_id, *person_id) = (uploader, person);
        }
        [0].iter().chain(more).map(|at| examples[*at].clone()).collect()
    }

    const VERIFIED: &[usize] = &[1, 2, 3];

    fn attach() -> AttachFile {
        AttachFile { file_id: FILE, message_id: None, note_id: None }
    }

    fn when(command: &AttachFile, ticket: Vec<Event>, file: Vec<stored_file::Event>, cx: &Context) -> Then<AttachFile> {
        Then::of(command.decide((&state_of(ticket), &state_of(file)), cx))
    }

    #[test]
    fn a_verified_file_is_linked_once() {
        let file = handed_over(ADA, ADA, VERIFIED);
        let decided = when(&attach(), vec![opened()], file.clone(), &customer(ADA)).accepted();
        assert!(matches!(&decided.events.0[..], [Event::AttachmentLinked { message_id: None, customer_id: ADA, .. }]));
        let linked = stored_file::Event::Linked { to: customer(ADA).target, restricted: false };
        assert_eq!(decided.events.1, std::slice::from_ref(&linked));
        let again = [file, vec![linked]].concat();
        assert_eq!(when(&attach(), vec![opened()], again.clone(), &customer(ADA)).accepted().events.0, []);
        let elsewhere = Context { target: Uuid::from_u128(2), ..customer(ADA) };
        when(&attach(), vec![opened()], again, &elsewhere).is_rejected(&Rejection::AttachmentElsewhere);
    }

    #[test]
    fn what_is_not_verified_or_not_ones_own_is_refused() {
        for (file, why) in [
            (handed_over(ADA, ADA, &[]), Rejection::AttachmentNotVerified),
            (handed_over(ADA, ADA, &[1]), Rejection::AttachmentNotVerified),
            (handed_over(ADA, ADA, &[1, 4]), Rejection::AttachmentGone),
            (handed_over(ADA, ADA, &[1, 2, 8]), Rejection::AttachmentGone),
            (handed_over(BOB, ADA, VERIFIED), Rejection::AttachmentNotFound),
            (handed_over(ADA, BOB, VERIFIED), Rejection::AttachmentAboutSomebodyElse),
            (vec![], Rejection::AttachmentNotFound),
        ] {
            when(&attach(), vec![opened()], file, &customer(ADA)).is_rejected(&why);
        }
        let file = || handed_over(EVE, EVE, VERIFIED);
        when(&attach(), vec![opened()], file(), &customer(EVE)).is_rejected(&Rejection::NotFound);
        let resolved = vec![opened(), moved(TicketStatus::Open, TicketStatus::Resolved)];
        when(&attach(), resolved, handed_over(ADA, ADA, VERIFIED), &customer(ADA)).is_rejected(&Rejection::Resolved);
    }

    #[test]
    fn a_message_or_a_note_must_be_of_the_ticket_and_notes_are_for_agents() {
        let ticket = || vec![opened(), agent_replied(1, true), note()];
        let (Event::AgentReplied { message_id, .. }, Event::InternalNoteAdded { note_id, .. }) =
            (agent_replied(1, true), note())
        else {
            unreachable!("what they are called")
        };
        let (message_id, note_id) = (Some(message_id), Some(note_id));
        let by_bob = || handed_over(BOB, ADA, VERIFIED);
        let to_message = AttachFile { message_id, ..attach() };
        let decided = when(&to_message, ticket(), by_bob(), &agent(BOB)).accepted();
        assert!(matches!(&decided.events.0[..], [Event::AttachmentLinked { message_id: Some(_), .. }]));
        let to_note = AttachFile { note_id, ..attach() };
        let decided = when(&to_note, ticket(), by_bob(), &agent(BOB)).accepted();
        assert!(matches!(&decided.events.0[..], [Event::InternalAttachmentLinked { .. }]));
        assert!(matches!(&decided.events.1[..], [stored_file::Event::Linked { restricted: true, .. }]));
        let by_ada = || handed_over(ADA, ADA, VERIFIED);
        when(&to_note, ticket(), by_ada(), &customer(ADA)).is_rejected(&Rejection::MessageNotFound);
        when(&to_message, vec![opened()], by_ada(), &customer(ADA)).is_rejected(&Rejection::MessageNotFound);
        let both = AttachFile { message_id, note_id, ..attach() };
        when(&both, ticket(), by_bob(), &agent(BOB)).is_rejected(&Rejection::AttachmentToTwo);
    }

    #[test]
    fn a_file_is_had_by_those_who_see_the_ticket_and_a_notes_by_agents_alone() {
        let link = |restricted| stored_file::Event::Linked { to: customer(ADA).target, restricted };
        let had = |restricted, cx: &Context| {
            let file = [handed_over(BOB, ADA, VERIFIED), vec![link(restricted)]].concat();
            let command = IssueAttachmentUrl { file_id: FILE, variant: FileVariant::Thumbnail };
            Then::<IssueAttachmentUrl>::of(command.decide((&state_of([opened()]), &state_of(file)), cx))
        };
        let issued = stored_file::Event::UrlIssued { variant: FileVariant::Thumbnail, until: noon() + DOWNLOAD_TIME };
        for cx in [customer(ADA), agent(BOB)] {
            assert_eq!(had(false, &cx).accepted().events, (vec![], vec![issued.clone()]));
        }
        assert_eq!(had(true, &agent(BOB)).accepted().events.1, [issued]);
        had(true, &customer(ADA)).is_rejected(&Rejection::AttachmentNotFound);
        had(false, &customer(EVE)).is_rejected(&Rejection::NotFound);
        let elsewhere = Context { target: Uuid::from_u128(2), ..agent(BOB) };
        had(false, &elsewhere).is_rejected(&Rejection::AttachmentNotFound);
    }
}
