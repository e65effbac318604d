//! A ticket: one customer's question, from opening to closing. This file is the stored contract.

mod add_internal_note;
mod assign;
mod change_category;
mod change_priority;
mod change_status;
mod change_subject;
mod csat;
mod examples;
mod mark_read;
mod merge;
mod number;
mod open;
mod rejection;
mod release;
mod reply;
#[cfg(test)]
mod specs;
mod submit_csat;
mod tag;
mod unassign;
mod unmerge;
mod untag;

pub use super::tags::{Tag, Tags};
pub use add_internal_note::AddInternalNote;
pub use change_category::ChangeTicketCategory;
pub use change_priority::ChangeTicketPriority;
pub use change_status::ChangeTicketStatus;
pub use change_subject::ChangeTicketSubject;
pub use csat::CsatScore;
pub use mark_read::MarkTicketRead;
pub use merge::MergeTicket;
pub use number::TicketNumber;
pub use open::OpenTicket;
pub use rejection::Rejection;
pub use release::ReleaseTicket;
pub use reply::ReplyToTicket;
pub use submit_csat::SubmitTicketCsat;
pub use tag::TagTicket;
pub use unassign::UnassignTicket;
pub use unmerge::UnmergeTicket;
pub use untag::UntagTicket;

use chrono::{DateTime, Utc};
use kernel::{ActorId, Aggregate, Context, Personal, Scope, Text, labelled, typed_id};
use serde::{Deserialize, Serialize};

/// What makes an actor an agent: sees and works on every ticket of the tenant.
pub const WORK: Scope = Scope::new("support.ticket:work");

/// For how many days after closing a ticket may be reopened.
pub const REOPEN_WINDOW_DAYS: i64 = 30;

/// What a ticket is about, one line.
pub type Subject = Text<3, 200>;
/// The question, a reply or a note.
pub type Content = Text<1, 5000>;
/// Why somebody changed something, for the record.
pub type Reason = Text<1, 500>;

typed_id! {
    /// A ticket: its stream.
    pub struct TicketId;
    /// A public reply on a ticket.
    pub struct TicketMessageId;
    /// An internal note on a ticket.
    pub struct TicketNoteId;
}

labelled! {
    /// Where a ticket stands.
    #[derive(Default)]
    pub enum TicketStatus("support.ticket_status") {
        /// Nobody has taken it up yet.
        #[default]
        Open: "open" | "OPEN", "Open", "Ouvert";
        /// An agent works on it.
        InProgress: "in_progress" | "IN_PROGRESS", "In progress", "En cours";
        /// The customer has to answer.
        WaitingCustomer: "waiting_customer" | "WAITING_CUSTOMER", "Waiting for customer", "En attente du client";
        /// Answered; takes no messages, may be reopened.
        Resolved: "resolved" | "RESOLVED", "Resolved", "Résolu";
        /// Over; may be reopened for a while.
        Closed: "closed" | "CLOSED", "Closed", "Fermé";
        /// Withdrawn; final.
        Cancelled: "cancelled" | "CANCELLED", "Cancelled", "Annulé";
    }
}

labelled! {
    /// How soon a ticket needs an answer.
    #[derive(Default)]
    pub enum TicketPriority("support.ticket_priority") {
        /// Can wait.
        Low: "low" | "LOW", "Low", "Basse";
        /// As usual.
        #[default]
        Medium: "medium" | "MEDIUM", "Medium", "Moyenne";
        /// Before the usual ones.
        High: "high" | "HIGH", "High", "Haute";
        /// Now.
        Urgent: "urgent" | "URGENT", "Urgent", "Urgente";
    }
}

labelled! {
    /// What a ticket is about.
    #[derive(Default)]
    pub enum TicketCategory("support.ticket_category") {
        /// Invoices and payments.
        Billing: "billing" | "BILLING", "Billing", "Facturation";
        /// How something works, or does not.
        #[default]
        Technical: "technical" | "TECHNICAL", "Technical", "Technique";
        /// Signing in, profile, rights.
        Account: "account" | "ACCOUNT", "Account", "Compte";
        /// A wish.
        FeatureRequest: "feature_request" | "FEATURE_REQUEST", "Feature request", "Demande de fonctionnalité";
        /// A defect.
        Bug: "bug" | "BUG", "Bug", "Bug";
        /// Connections with other systems.
        Integration: "integration" | "INTEGRATION", "Integration", "Intégration";
        /// Anything else.
        Other: "other" | "OTHER", "Other", "Autre";
    }
}

labelled! {
    /// Who speaks in a message. Follows from the actor, never from a request.
    pub enum TicketMessageType("support.ticket_message_type") {
        /// The customer.
        User: "user" | "USER", "Customer", "Client";
        /// An agent, to the customer.
        Agent: "agent" | "AGENT", "Agent", "Agent";
        /// Sillage itself.
        System: "system" | "SYSTEM", "System", "Système";
        /// An agent, to agents only.
        Internal: "internal" | "INTERNAL", "Internal note", "Note interne";
    }
}

labelled! {
    /// Who writes in a public thread, and who reads it.
    pub enum TicketSide("support.ticket_side") {
        /// Whose ticket it is.
        Customer: "customer", "Customer", "Client";
        /// All agents together.
        Desk: "desk", "Support desk", "Support";
    }
}

/// What may happen to a ticket.
///
/// Who and when are in the envelope. Every event that the customer may learn of names the customer; an internal
/// note does not, so that a reader keyed by customer cannot pick one up. A reply or an assignment that also moves
/// the ticket is followed by a `status_changed` in the same append: that one alone tells statuses.
///
/// Whatever is written on a ticket is about its customer, whoever wrote it: it goes when the customer is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody asked. The envelope's number is the ticket's number.
    Opened {
        /// One line.
        subject: Personal<Subject>,
        /// The question.
        description: Personal<Content>,
        /// How soon.
        priority: TicketPriority,
        /// About what.
        category: TicketCategory,
        /// Free keywords, by which lists are filtered. They are kept in clear: name nobody in them.
        tags: Tags,
        /// Whose ticket it is; not the actor where an agent opened it for somebody.
        customer_id: ActorId,
    },
    /// The customer wrote.
    CustomerReplied {
        /// The message.
        message_id: TicketMessageId,
        /// Place in the public thread: 1, 2, 3, …
        seq: i32,
        /// What was written.
        content: Personal<Content>,
        /// Whose ticket it is, and who wrote.
        customer_id: ActorId,
        /// Who should know.
        assignee_id: Option<ActorId>,
    },
    /// An agent answered the customer.
    AgentReplied {
        /// The message.
        message_id: TicketMessageId,
        /// Place in the public thread: 1, 2, 3, …
        seq: i32,
        /// What was written.
        content: Personal<Content>,
        /// Whose ticket it is.
        customer_id: ActorId,
        /// Whether no agent had answered before; true at most once per ticket.
        first_response: bool,
    },
    /// An agent wrote something that the customer never sees.
    InternalNoteAdded {
        /// The note.
        note_id: TicketNoteId,
        /// What was written.
        content: Personal<Content>,
    },
    /// An agent became responsible.
    Assigned {
        /// Who is responsible now.
        assignee_id: ActorId,
        /// Who was before.
        previous_assignee_id: Option<ActorId>,
        /// Whose ticket it is.
        customer_id: ActorId,
        /// Where the ticket stood until then.
        status: TicketStatus,
    },
    /// Nobody is responsible any more.
    Unassigned {
        /// Who was before.
        previous_assignee_id: ActorId,
        /// Whose ticket it is.
        customer_id: ActorId,
        /// Where the ticket stands.
        status: TicketStatus,
    },
    /// The ticket moved.
    StatusChanged {
        /// Where it stood.
        from: TicketStatus,
        /// Where it stands.
        to: TicketStatus,
        /// Why, where somebody said so.
        reason: Option<Personal<Reason>>,
        /// Whose ticket it is.
        customer_id: ActorId,
        /// Who is responsible.
        assignee_id: Option<ActorId>,
        /// Until when it may be reopened, where it was closed: the rule of that day.
        reopen_until: Option<DateTime<Utc>>,
    },
    /// It needs an answer sooner, or later.
    PriorityChanged {
        /// How soon until then.
        from: TicketPriority,
        /// How soon now.
        to: TicketPriority,
        /// Whose ticket it is.
        customer_id: ActorId,
    },
    /// It is about something else.
    CategoryChanged {
        /// About what until then.
        from: TicketCategory,
        /// About what now.
        to: TicketCategory,
        /// Whose ticket it is.
        customer_id: ActorId,
    },
    /// It got a better line.
    SubjectChanged {
        /// The line.
        subject: Personal<Subject>,
        /// Whose ticket it is.
        customer_id: ActorId,
    },
    /// It got keywords.
    Tagged {
        /// The new ones.
        added: Tags,
        /// All of them.
        tags: Tags,
        /// Whose ticket it is.
        customer_id: ActorId,
    },
    /// It lost keywords.
    Untagged {
        /// The lost ones.
        removed: Tags,
        /// All that are left.
        tags: Tags,
        /// Whose ticket it is.
        customer_id: ActorId,
    },
    /// The public thread was read.
    ReadUpTo {
        /// By whom.
        side: TicketSide,
        /// Up to this message.
        seq: i32,
        /// How many messages of the other side come after it.
        unread: i32,
        /// Whose ticket it is.
        customer_id: ActorId,
    },
    /// The customer said how satisfied he is with the resolution.
    CsatSubmitted {
        /// How satisfied.
        score: CsatScore,
        /// In his words.
        comment: Option<Personal<Reason>>,
        /// Whose ticket it is.
        customer_id: ActorId,
        /// Who was responsible.
        assignee_id: Option<ActorId>,
    },
    /// It goes on in another ticket. A `status_changed` to closed follows where it was open.
    MergedInto {
        /// The other ticket.
        into: TicketId,
        /// Where it stood until then.
        status: TicketStatus,
        /// Whose ticket it is, and the other one too.
        customer_id: ActorId,
    },
    /// It stands for itself again. A `status_changed` to where it stood follows.
    Unmerged {
        /// The other ticket.
        from: TicketId,
        /// Whose ticket it is.
        customer_id: ActorId,
    },
    /// Another ticket goes on in this one.
    Absorbed {
        /// The other ticket.
        ticket_id: TicketId,
        /// Whose ticket it is, and the other one too.
        customer_id: ActorId,
    },
    /// Another ticket does not go on in this one any more.
    Released {
        /// The other ticket.
        ticket_id: TicketId,
        /// Whose ticket it is.
        customer_id: ActorId,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "support.ticket";

    fn examples() -> Vec<Self> {
        examples::examples()
    }
}

/// The state of a ticket's stream: nothing before it is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    case: Option<Case>,
}

/// What decisions about an existing ticket depend on. Texts are not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Case {
    customer_id: ActorId,
    status: TicketStatus,
    assignee_id: Option<ActorId>,
    message_count: i32,
    answered: bool,
    reopen_until: Option<DateTime<Utc>>,
    priority: TicketPriority,
    category: TicketCategory,
    tags: Tags,
    /// Who wrote each public message: the first is message 1.
    written: Vec<TicketSide>,
    /// Up to which message the customer has read, and the desk.
    read: (i32, i32),
    /// Whether the customer has said how satisfied he is with this resolution.
    rated: bool,
    merged_into: Option<TicketId>,
    /// Where it stood before it was merged.
    before_merge: Option<TicketStatus>,
}

/// As what an actor stands before a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    Customer,
    Agent,
}

impl Aggregate for Ticket {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let case = match (self.case, event) {
            (_, Event::Opened { customer_id, priority, category, tags, .. }) => Some(Case {
                customer_id: *customer_id,
                status: TicketStatus::Open,
                assignee_id: None,
                message_count: 0,
                answered: false,
                reopen_until: None,
                priority: *priority,
                category: *category,
                tags: tags.clone(),
                written: Vec::new(),
                read: (0, 0),
                rated: false,
                merged_into: None,
                before_merge: None,
            }),
            (case, Event::CustomerReplied { seq, .. }) => case.map(|case| case.written(TicketSide::Customer, *seq)),
            (case, Event::AgentReplied { seq, .. }) => {
                case.map(|case| Case { answered: true, ..case.written(TicketSide::Desk, *seq) })
            }
            (
                case,
                Event::InternalNoteAdded { .. }
                | Event::SubjectChanged { .. }
                | Event::Absorbed { .. }
                | Event::Released { .. },
            ) => case,
            (case, Event::Assigned { assignee_id, .. }) => {
                case.map(|case| Case { assignee_id: Some(*assignee_id), ..case })
            }
            (case, Event::Unassigned { .. }) => case.map(|case| Case { assignee_id: None, ..case }),
            (case, Event::StatusChanged { to, reopen_until, .. }) => {
                // Another resolution may be rated again.
                let rated = |case: &Case| case.rated && matches!(to, TicketStatus::Resolved | TicketStatus::Closed);
                case.map(|case| Case { status: *to, reopen_until: *reopen_until, rated: rated(&case), ..case })
            }
            (case, Event::PriorityChanged { to, .. }) => case.map(|case| Case { priority: *to, ..case }),
            (case, Event::CategoryChanged { to, .. }) => case.map(|case| Case { category: *to, ..case }),
            (case, Event::Tagged { tags, .. } | Event::Untagged { tags, .. }) => {
                case.map(|case| Case { tags: tags.clone(), ..case })
            }
            (case, Event::ReadUpTo { side, seq, .. }) => case.map(|case| case.read(*side, *seq)),
            (case, Event::CsatSubmitted { .. }) => case.map(|case| Case { rated: true, ..case }),
            (case, Event::MergedInto { into, status, .. }) => {
                case.map(|case| Case { merged_into: Some(*into), before_merge: Some(*status), ..case })
            }
            (case, Event::Unmerged { .. }) => case.map(|case| Case { merged_into: None, before_merge: None, ..case }),
        };
        Self { case }
    }
}

impl Ticket {
    /// The ticket, where there is one that goes on by itself.
    fn existing(&self) -> Result<&Case, Rejection> {
        self.case.as_ref().ok_or(Rejection::NotFound)?.by_itself()
    }

    /// The ticket as the actor may see it, where it goes on by itself. A ticket of somebody else is not there.
    fn seen_by(&self, cx: &Context) -> Result<(&Case, Party), Rejection> {
        let (case, party) = self.found_by(cx)?;
        Ok((case.by_itself()?, party))
    }

    /// The ticket as the actor may see it, merged or not.
    fn found_by(&self, cx: &Context) -> Result<(&Case, Party), Rejection> {
        let case = self.case.as_ref().ok_or(Rejection::NotFound)?;
        if cx.may(WORK) {
            Ok((case, Party::Agent))
        } else if case.customer_id == cx.actor_id() {
            Ok((case, Party::Customer))
        } else {
            Err(Rejection::NotFound)
        }
    }
}

impl Case {
    /// Refuses everything where it goes on in another ticket.
    const fn by_itself(&self) -> Result<&Self, Rejection> {
        match self.merged_into {
            None => Ok(self),
            Some(into) => Err(Rejection::Merged { into }),
        }
    }

    /// With one more public message. Who writes has read what came before.
    fn written(self, side: TicketSide, seq: i32) -> Self {
        let mut case = Self { message_count: seq, ..self }.read(side, seq);
        case.written.push(side);
        case
    }

    fn read(self, side: TicketSide, seq: i32) -> Self {
        let (customer, desk) = self.read;
        let read = match side {
            TicketSide::Customer => (customer.max(seq), desk),
            TicketSide::Desk => (customer, desk.max(seq)),
        };
        Self { read, ..self }
    }

    const fn read_up_to(&self, side: TicketSide) -> i32 {
        match side {
            TicketSide::Customer => self.read.0,
            TicketSide::Desk => self.read.1,
        }
    }

    /// How many messages this side has written after that one.
    fn written_by(&self, side: TicketSide, after: i32) -> i32 {
        let later = self.written.iter().skip(usize::try_from(after).unwrap_or_default());
        i32::try_from(later.filter(|by| **by == side).count()).unwrap_or(i32::MAX)
    }

    /// Refuses messages on a ticket that has ended: it must be reopened first (L45).
    const fn takes_messages(&self) -> Result<(), Rejection> {
        match self.status {
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer => Ok(()),
            TicketStatus::Resolved => Err(Rejection::Resolved),
            TicketStatus::Closed => Err(Rejection::Closed),
            TicketStatus::Cancelled => Err(Rejection::Cancelled),
        }
    }

    /// Refuses changes on a ticket that nobody will work on.
    const fn takes_changes(&self) -> Result<(), Rejection> {
        match self.status {
            TicketStatus::Closed => Err(Rejection::Closed),
            TicketStatus::Cancelled => Err(Rejection::Cancelled),
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer | TicketStatus::Resolved => {
                Ok(())
            }
        }
    }

    /// The fact that the ticket moves.
    const fn moved(&self, to: TicketStatus, assignee_id: Option<ActorId>) -> Event {
        self.moved_from(self.status, to, assignee_id)
    }

    /// The same, where it has moved before in this decision.
    const fn moved_from(&self, from: TicketStatus, to: TicketStatus, assignee_id: Option<ActorId>) -> Event {
        Event::StatusChanged { from, to, reason: None, customer_id: self.customer_id, assignee_id, reopen_until: None }
    }
}
