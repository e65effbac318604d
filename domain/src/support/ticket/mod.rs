//! A ticket: one customer's question, from opening to closing. This file is the stored contract.

mod add_internal_note;
mod assign;
mod attach_file;
mod attachment;
mod case;
mod change_category;
mod change_priority;
mod change_status;
mod change_subject;
mod clock;
mod csat;
mod enumerations;
mod examples;
mod from_import;
mod import;
mod import_reply;
mod issue_attachment_url;
mod keep_time;
mod mark_read;
mod merge;
mod number;
mod open;
mod rejection;
mod release;
mod reply;
mod settle_imported;
#[cfg(test)]
mod specs;
mod submit_csat;
mod tag;
#[cfg(test)]
mod time_specs;
mod unassign;
mod undo_import;
mod unmerge;
mod untag;

pub use super::tags::{Tag, Tags};
pub use add_internal_note::AddInternalNote;
pub use attach_file::AttachFile;
pub use attachment::TicketAttachment;
pub use change_category::ChangeTicketCategory;
pub use change_priority::ChangeTicketPriority;
pub use change_status::ChangeTicketStatus;
pub use change_subject::ChangeTicketSubject;
pub use csat::CsatScore;
pub use enumerations::{TicketCategory, TicketMessageType, TicketPriority, TicketSide, TicketStatus};
pub use import::{ImportTicket, REFERENCE_RESERVATION, reference_index};
pub use import_reply::ImportTicketReply;
pub use issue_attachment_url::IssueAttachmentUrl;
pub use keep_time::KeepTicketTime;
pub use mark_read::MarkTicketRead;
pub use merge::MergeTicket;
pub use number::TicketNumber;
pub use open::OpenTicket;
pub use rejection::Rejection;
pub use release::ReleaseTicket;
pub use reply::ReplyToTicket;
pub use settle_imported::SettleImportedTicket;
pub use submit_csat::SubmitTicketCsat;
pub use tag::TagTicket;
pub use unassign::UnassignTicket;
pub use undo_import::UndoTicketImport;
pub use unmerge::UnmergeTicket;
pub use untag::UntagTicket;

use super::import::ImportId;
use super::sla_terms::{SlaDue, SlaGoal, SlaTerms};
use chrono::{DateTime, Utc};
use clock::{TicketClock, Timer};
use from_import::FromImport;
use kernel::{ActorId, Aggregate, BlindIndex, Context, Personal, Scope, Text, Upcaster, typed_id};
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
/// What a ticket is called where it was imported from.
pub type ExternalReference = Text<1, 100>;

typed_id! {
    /// A ticket: its stream.
    pub struct TicketId;
    /// A public reply on a ticket.
    pub struct TicketMessageId;
    /// An internal note on a ticket.
    pub struct TicketNoteId;
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
        /// Which colleague should know; nobody where the customer himself is responsible. Absent in version 1.
        assignee_id: Option<ActorId>,
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
    /// It was opened under terms, which hold for it from then on.
    SlaClockStarted {
        /// What is promised of it.
        terms: Box<SlaTerms>,
        /// Since when its clock runs.
        at: DateTime<Utc>,
        /// When it is due.
        due: SlaDue,
    },
    /// Its clock stands: it waits for the customer, or it is over.
    SlaClockPaused {
        /// The business time that it has used.
        used_ms: i64,
    },
    /// Its clock runs again.
    SlaClockResumed {
        /// Since when.
        at: DateTime<Utc>,
        /// When it is due now.
        due: SlaDue,
    },
    /// Another priority means other targets, over all of its time.
    SlaTargetChanged {
        /// When.
        at: DateTime<Utc>,
        /// The business time that it had used by then.
        used_ms: i64,
        /// When it is due now; where its clock stands, as if it ran from then on.
        due: SlaDue,
    },
    /// Four fifths of the time of a goal are over. Told once per goal.
    SlaWarned {
        /// Which goal.
        goal: SlaGoal,
        /// When its time will be over.
        due_at: DateTime<Utc>,
        /// How soon it needs an answer.
        priority: TicketPriority,
        /// Who should know.
        assignee_id: Option<ActorId>,
    },
    /// The time of a goal is over, and it was not reached. Told once per goal.
    SlaBreached {
        /// Which goal.
        goal: SlaGoal,
        /// When its time was over.
        due_at: DateTime<Utc>,
        /// How soon it needed an answer.
        priority: TicketPriority,
        /// Who should know.
        assignee_id: Option<ActorId>,
    },
    /// It moves by itself unless it moves before: the rule of that day. The `status_changed` that it got there by is before it.
    TimerSet {
        /// Where it stands.
        from: TicketStatus,
        /// Where it will stand.
        to: TicketStatus,
        /// When.
        at: DateTime<Utc>,
    },
    /// A file was put on it, for everybody who sees the ticket.
    AttachmentLinked {
        /// The file.
        attachment: TicketAttachment,
        /// The public message that it belongs to.
        message_id: Option<TicketMessageId>,
        /// Whose ticket it is.
        customer_id: ActorId,
    },
    /// A file was put on a note, for agents alone.
    InternalAttachmentLinked {
        /// The file.
        attachment: TicketAttachment,
        /// The note.
        note_id: TicketNoteId,
    },
    /// It comes from elsewhere. What follows up to `import_settled` is told late, of when it happened.
    Imported {
        /// By which import.
        import_id: ImportId,
        /// From which row of its file.
        row: i32,
        /// What it is called where it comes from.
        reference: Option<Personal<ExternalReference>>,
        /// What that is known by, so that nothing is imported twice.
        reference_index: Option<BlindIndex>,
        /// Whose ticket it is.
        customer_id: ActorId,
    },
    /// All that was brought in of it is told. What follows is what people do with it here.
    ImportSettled {
        /// Whose ticket it is.
        customer_id: ActorId,
    },
    /// It was withdrawn with the import that made it, as if it had never been opened.
    ImportUndone {
        /// The import.
        import_id: ImportId,
        /// Public messages that it had.
        message_count: i32,
        /// Whose ticket it was.
        customer_id: ActorId,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "support.ticket";
    /// A field was added that may be missing.
    const UPCASTERS: &'static [Upcaster] = &[Upcaster { event_type: "internal_note_added", from: 1, lift: |old| old }];

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
    /// What is promised of it, where anything is.
    clock: Option<Box<TicketClock>>,
    /// Where it moves by itself.
    timer: Option<Timer>,
    /// Its public messages and its notes, to which files may belong.
    messages: Vec<TicketMessageId>,
    notes: Vec<TicketNoteId>,
    /// How many files are on it.
    attachment_count: i32,
    /// Where it was imported from, where it was.
    from_import: Option<FromImport>,
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
            (_, Event::Opened { customer_id, priority, category, tags, .. }) => {
                Some(Case::opened(*customer_id, *priority, *category, tags.clone()))
            }
            (case, Event::CustomerReplied { message_id, seq, .. }) => {
                case.map(|case| case.written(TicketSide::Customer, *message_id, *seq))
            }
            (case, Event::AgentReplied { message_id, seq, .. }) => {
                case.map(|case| Case { answered: true, ..case.written(TicketSide::Desk, *message_id, *seq) })
            }
            (case, Event::InternalNoteAdded { note_id, .. }) => case.map(|case| case.noted(*note_id)),
            (case, Event::AttachmentLinked { .. } | Event::InternalAttachmentLinked { .. }) => {
                case.map(|case| Case { attachment_count: case.attachment_count + 1, ..case })
            }
            (
                case,
                Event::SubjectChanged { .. }
                | Event::Absorbed { .. }
                | Event::Released { .. }
                | Event::ImportSettled { .. },
            ) => case,
            (case, Event::Assigned { assignee_id, .. }) => {
                case.map(|case| Case { assignee_id: Some(*assignee_id), ..case })
            }
            (case, Event::Unassigned { .. }) => case.map(|case| Case { assignee_id: None, ..case }),
            (case, Event::StatusChanged { from, to, reopen_until, .. }) => {
                // Another resolution may be rated again.
                let rated = |case: &Case| case.rated && matches!(to, TicketStatus::Resolved | TicketStatus::Closed);
                case.map(|case| {
                    let (rated, timer) = (rated(&case), case.timer_after(*from, *to));
                    Case { status: *to, reopen_until: *reopen_until, rated, timer, ..case }
                })
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
            (
                case,
                told @ (Event::SlaClockStarted { .. }
                | Event::SlaClockPaused { .. }
                | Event::SlaClockResumed { .. }
                | Event::SlaTargetChanged { .. }
                | Event::SlaWarned { .. }
                | Event::SlaBreached { .. }
                | Event::TimerSet { .. }),
            ) => case.map(|case| case.after_time(told)),
            (case, Event::Imported { import_id, reference_index, .. }) => case.map(|case| {
                let from_import = Some(FromImport::new(*import_id, *reference_index));
                Case { from_import, ..case }
            }),
            (_, Event::ImportUndone { .. }) => None,
        };
        Self { case: case.map(|case| case.seen_by_import(event)) }
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
