//! Bringing a ticket in from elsewhere.

use super::{Content, Event, ExternalReference, Rejection, Subject, Tags, Ticket, TicketCategory, TicketPriority};
use crate::support::import::{Import, ImportId, RUN};
use kernel::{ActorId, BlindIndex, Command, Context, Decided, Decision, Known, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The scope of the reservations by which nothing is imported twice; also the scope of their blind index.
pub const REFERENCE_RESERVATION: &str = "support.ticket_reference";

/// What an external reference is known by: spelled otherwise it is the same.
pub fn reference_index(cx: &kernel::BlindIndexer, reference: &ExternalReference) -> BlindIndex {
    cx.index(REFERENCE_RESERVATION, &reference.as_str().to_lowercase())
}

/// Brings a ticket in, as it was opened elsewhere. Nobody asks for it by itself: an import does, of each of its rows, at the
/// time when the ticket was opened.
///
/// It has no clock: nothing was promised of it here. Refused with `support.ticket_import_over` where the import does not run
/// (any more); where another ticket has the reference, the name is taken.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportTicket {
    /// The import.
    pub import_id: ImportId,
    /// The row of its file.
    pub row: i32,
    /// What the ticket is called where it comes from.
    pub reference: Option<Private<ExternalReference>>,
    /// What it is about, one line.
    pub subject: Private<Subject>,
    /// The question.
    pub description: Private<Content>,
    /// How soon it needs an answer.
    pub priority: TicketPriority,
    /// What it is about.
    pub category: TicketCategory,
    /// Free keywords.
    pub tags: Tags,
    /// Whose ticket it is.
    pub customer_id: ActorId,
}

impl Command for ImportTicket {
    /// The import is read in the append: once it is rolled back, nothing more is made by it.
    type Streams = (Ticket, Known<Import>);
    const NAME: &'static str = "support.import_ticket";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> (Uuid, Uuid) {
        (target, self.import_id.0)
    }

    fn decide(&self, (ticket, import): View<'_, Self>, cx: &Context) -> Decision<Self> {
        if !import.is_running() {
            return Err(Rejection::ImportOver);
        }
        if ticket.case.is_some() {
            return Err(Rejection::AlreadyOpened);
        }
        let customer_id = self.customer_id;
        let reference_index = self.reference.as_ref().map(|it| reference_index(&cx.blind, it.value()));
        let opened = Event::Opened {
            subject: self.subject.about(customer_id),
            description: self.description.about(customer_id),
            priority: self.priority,
            category: self.category,
            tags: self.tags.clone(),
            customer_id,
        };
        let imported = Event::Imported {
            import_id: self.import_id,
            row: self.row,
            reference: self.reference.as_ref().map(|reference| reference.about(customer_id)),
            reference_index,
            customer_id,
        };
        let decided = Decided::new(vec![opened, imported]).numbered("support.ticket");
        Ok(match reference_index {
            Some(index) => decided.reserving(REFERENCE_RESERVATION, index.to_string()),
            None => decided,
        })
    }
}
