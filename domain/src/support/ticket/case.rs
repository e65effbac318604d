//! What decisions ask of an existing ticket, and what its events do to it.

use super::{
    Case, Event, Rejection, Tags, TicketCategory, TicketMessageId, TicketNoteId, TicketPriority, TicketSide,
    TicketStatus,
};
use kernel::ActorId;

impl Case {
    /// As it stands when it is opened.
    pub(super) fn opened(customer_id: ActorId, priority: TicketPriority, category: TicketCategory, tags: Tags) -> Self {
        Self {
            customer_id,
            status: TicketStatus::Open,
            assignee_id: None,
            message_count: 0,
            answered: false,
            reopen_until: None,
            priority,
            category,
            tags,
            written: Vec::new(),
            read: (0, 0),
            rated: false,
            merged_into: None,
            before_merge: None,
            clock: None,
            timer: None,
            messages: Vec::new(),
            notes: Vec::new(),
            attachment_count: 0,
            from_import: None,
        }
    }

    /// Refuses everything where it goes on in another ticket.
    pub(super) const fn by_itself(&self) -> Result<&Self, Rejection> {
        match self.merged_into {
            None => Ok(self),
            Some(into) => Err(Rejection::Merged { into }),
        }
    }

    /// With one more public message. Who writes has read what came before.
    pub(super) fn written(self, side: TicketSide, message_id: TicketMessageId, seq: i32) -> Self {
        let mut case = Self { message_count: seq, ..self }.read(side, seq);
        case.written.push(side);
        case.messages.push(message_id);
        case
    }

    /// With one more internal note.
    pub(super) fn noted(mut self, note_id: TicketNoteId) -> Self {
        self.notes.push(note_id);
        self
    }

    pub(super) fn read(self, side: TicketSide, seq: i32) -> Self {
        let (customer, desk) = self.read;
        let read = match side {
            TicketSide::Customer => (customer.max(seq), desk),
            TicketSide::Desk => (customer, desk.max(seq)),
        };
        Self { read, ..self }
    }

    pub(super) const fn read_up_to(&self, side: TicketSide) -> i32 {
        match side {
            TicketSide::Customer => self.read.0,
            TicketSide::Desk => self.read.1,
        }
    }

    /// How many messages this side has written after that one.
    pub(super) fn written_by(&self, side: TicketSide, after: i32) -> i32 {
        let later = self.written.iter().skip(usize::try_from(after).unwrap_or_default());
        i32::try_from(later.filter(|by| **by == side).count()).unwrap_or(i32::MAX)
    }

    /// Refuses messages on a ticket that has ended: it must be reopened first (L45).
    pub(super) const fn takes_messages(&self) -> Result<(), Rejection> {
        match self.status {
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer => Ok(()),
            TicketStatus::Resolved => Err(Rejection::Resolved),
            TicketStatus::Closed => Err(Rejection::Closed),
            TicketStatus::Cancelled => Err(Rejection::Cancelled),
        }
    }

    /// Refuses changes on a ticket that nobody will work on.
    pub(super) const fn takes_changes(&self) -> Result<(), Rejection> {
        match self.status {
            TicketStatus::Closed => Err(Rejection::Closed),
            TicketStatus::Cancelled => Err(Rejection::Cancelled),
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer | TicketStatus::Resolved => {
                Ok(())
            }
        }
    }

    /// The fact that the ticket moves.
    pub(super) const fn moved(&self, to: TicketStatus, assignee_id: Option<ActorId>) -> Event {
        self.moved_from(self.status, to, assignee_id)
    }

    /// The same, where it has moved before in this decision.
    pub(super) const fn moved_from(&self, from: TicketStatus, to: TicketStatus, assignee_id: Option<ActorId>) -> Event {
        Event::StatusChanged { from, to, reason: None, customer_id: self.customer_id, assignee_id, reopen_until: None }
    }
}
