//! A ticket: one customer's question, from opening to closing. This file is the stored contract.

mod add_internal_note;
mod assign;
mod change_status;
mod number;
mod open;
mod rejection;
mod reply;
#[cfg(test)]
mod specs;
mod tags;
mod unassign;

pub use add_internal_note::AddInternalNote;
pub use assign::AssignTicket;
pub use change_status::ChangeTicketStatus;
pub use number::TicketNumber;
pub use open::OpenTicket;
pub use rejection::Rejection;
pub use reply::ReplyToTicket;
pub use tags::{Tag, Tags};
pub use unassign::UnassignTicket;

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
        /// Free keywords.
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
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "support.ticket";

    fn examples() -> Vec<Self> {
        examples()
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
            (_, Event::Opened { customer_id, .. }) => Some(Case {
                customer_id: *customer_id,
                status: TicketStatus::Open,
                assignee_id: None,
                message_count: 0,
                answered: false,
                reopen_until: None,
            }),
            (case, Event::CustomerReplied { seq, .. }) => case.map(|case| Case { message_count: *seq, ..case }),
            (case, Event::AgentReplied { seq, .. }) => {
                case.map(|case| Case { message_count: *seq, answered: true, ..case })
            }
            (case, Event::InternalNoteAdded { .. }) => case,
            (case, Event::Assigned { assignee_id, .. }) => {
                case.map(|case| Case { assignee_id: Some(*assignee_id), ..case })
            }
            (case, Event::Unassigned { .. }) => case.map(|case| Case { assignee_id: None, ..case }),
            (case, Event::StatusChanged { to, reopen_until, .. }) => {
                case.map(|case| Case { status: *to, reopen_until: *reopen_until, ..case })
            }
        };
        Self { case }
    }
}

impl Ticket {
    /// The ticket, where there is one.
    fn existing(&self) -> Result<&Case, Rejection> {
        self.case.as_ref().ok_or(Rejection::NotFound)
    }

    /// The ticket as the actor may see it. A ticket of somebody else is not there.
    fn seen_by(&self, cx: &Context) -> Result<(&Case, Party), Rejection> {
        let case = self.existing()?;
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
    /// Refuses messages on a ticket that has ended: it must be reopened first (L45).
    const fn takes_messages(&self) -> Result<(), Rejection> {
        match self.status {
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer => Ok(()),
            TicketStatus::Resolved => Err(Rejection::Resolved),
            TicketStatus::Closed => Err(Rejection::Closed),
            TicketStatus::Cancelled => Err(Rejection::Cancelled),
        }
    }

    /// Refuses a change of assignee on a ticket that nobody will work on.
    const fn takes_assignee(&self) -> Result<(), Rejection> {
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
        Event::StatusChanged {
            from: self.status,
            to,
            reason: None,
            customer_id: self.customer_id,
            assignee_id,
            reopen_until: None,
        }
    }
}

fn examples() -> Vec<Event> {
    let id = |n: u128| uuid::Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0000 + n);
    let (customer_id, agent, colleague) = (ActorId(id(1)), ActorId(id(2)), ActorId(id(3)));
    let text = |text: &str| Personal::new(customer_id, Content::parse(text).expect("an example is valid"));
    vec![
        Event::Opened {
            subject: Personal::new(customer_id, Subject::parse("Invoice of March").expect("an example is valid")),
            description: text("The amount is wrong."),
            priority: TicketPriority::High,
            category: TicketCategory::Billing,
            tags: Tags::parse(["vip", "invoice"]).expect("an example is valid"),
            customer_id,
        },
        Event::CustomerReplied {
            message_id: TicketMessageId(id(10)),
            seq: 1,
            content: text("Any news?"),
            customer_id,
            assignee_id: Some(agent),
        },
        Event::AgentReplied {
            message_id: TicketMessageId(id(11)),
            seq: 2,
            content: text("Here is the corrected invoice."),
            customer_id,
            first_response: true,
        },
        Event::InternalNoteAdded { note_id: TicketNoteId(id(12)), content: text("Second time this month.") },
        Event::Assigned {
            assignee_id: agent,
            previous_assignee_id: Some(colleague),
            customer_id,
            status: TicketStatus::Open,
        },
        Event::Unassigned { previous_assignee_id: agent, customer_id, status: TicketStatus::InProgress },
        Event::StatusChanged {
            from: TicketStatus::Resolved,
            to: TicketStatus::Closed,
            reason: Reason::parse("The customer is content.").ok().map(|reason| Personal::new(customer_id, reason)),
            customer_id,
            assignee_id: Some(agent),
            reopen_until: DateTime::from_timestamp(1_771_066_800, 0),
        },
    ]
}
