//! What happened to a ticket, step by step: who, what, when, from what to what. For agents only.

use chrono::{DateTime, Utc};
use domain::support::ticket::{Event, Tags, TicketId, TicketSide};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Labelled, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.ticket_activities`: one row per event of a ticket. Written with the event's position, so a change and its
/// entry are there together or not at all (TL6). No query that a customer may ask reads this table.
pub struct TicketActivities;

kernel::labelled! {
    /// What happened to a ticket.
    pub enum TicketAction("support.ticket_action") {
        /// It was opened.
        Created: "created", "Created", "Créé";
        /// It moved.
        StatusChanged: "status_changed", "Status changed", "Statut modifié";
        /// It needs an answer sooner, or later.
        PriorityChanged: "priority_changed", "Priority changed", "Priorité modifiée";
        /// It is about something else.
        CategoryChanged: "category_changed", "Category changed", "Catégorie modifiée";
        /// It got a better line.
        SubjectChanged: "subject_changed", "Subject changed", "Sujet modifié";
        /// Keywords came or went.
        TagsChanged: "tags_changed", "Tags changed", "Étiquettes modifiées";
        /// Somebody became responsible.
        Assigned: "assigned", "Assigned", "Attribué";
        /// Nobody is responsible any more.
        Unassigned: "unassigned", "Unassigned", "Attribution retirée";
        /// A public message.
        MessageAdded: "message_added", "Message added", "Message ajouté";
        /// An internal note.
        NoteAdded: "note_added", "Note added", "Note ajoutée";
        /// The thread was read.
        Read: "read", "Read", "Lu";
        /// The customer said how satisfied he is.
        CsatSubmitted: "csat_submitted", "Satisfaction given", "Satisfaction donnée";
        /// It goes on in another ticket.
        Merged: "merged", "Merged", "Fusionné";
        /// It stands for itself again.
        Unmerged: "unmerged", "Unmerged", "Fusion annulée";
        /// Another ticket goes on in it.
        Absorbed: "absorbed", "Took another ticket in", "A absorbé un ticket";
        /// Another ticket does not go on in it any more.
        Released: "released", "Let another ticket go", "A libéré un ticket";
        /// Its time began to run.
        SlaClockStarted: "sla_clock_started", "Time began to run", "Délai lancé";
        /// Its time stands: it waits for the customer, or it is over.
        SlaClockPaused: "sla_clock_paused", "Time stopped", "Délai suspendu";
        /// Its time runs again.
        SlaClockResumed: "sla_clock_resumed", "Time runs again", "Délai repris";
        /// It is due at another moment.
        SlaTargetChanged: "sla_target_changed", "Due at another time", "Échéance modifiée";
        /// It will soon be due.
        SlaWarned: "sla_warned", "Due soon", "Échéance proche";
        /// It was not done in time.
        SlaBreached: "sla_breached", "Time is over", "Délai dépassé";
        /// It will move by itself.
        TimerSet: "timer_set", "Will move by itself", "Changera d'état automatiquement";
        /// A file was put on it.
        FileAttached: "file_attached", "File attached", "Pièce jointe ajoutée";
        /// It came with an import.
        Imported: "imported", "Imported", "Importé";
        /// All that the import told of it is told.
        ImportSettled: "import_settled", "Import completed", "Import terminé";
        /// It was withdrawn with its import.
        ImportUndone: "import_undone", "Import undone", "Import annulé";
    }
}

/// One step. Texts that people wrote are not repeated here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketActivityRow {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Place in the ticket's stream; orders the steps.
    pub version: Version,
    /// What happened.
    pub action: TicketAction,
    /// Who did it.
    pub actor_id: ActorId,
    /// What it was before, where that says something: a status, a priority, an assignee's id, keywords.
    pub old_value: Option<String>,
    /// What it is now: the same, the number of a message, a score, another ticket's id.
    pub new_value: Option<String>,
    /// When.
    pub occurred_at: DateTime<Utc>,
}

impl ReadModel for TicketActivities {
    type Event = Event;
    type Key = (TicketId, Version);
    type Row = TicketActivityRow;

    const NAME: &'static str = "support.ticket_activities";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("ticket_id", ColumnKind::Uuid),
            Column::new("version", ColumnKind::Integer),
            Column::new("action", ColumnKind::Text),
            Column::new("actor_id", ColumnKind::Uuid),
            Column::optional("old_value", ColumnKind::Text),
            Column::optional("new_value", ColumnKind::Text),
            Column::new("occurred_at", ColumnKind::Timestamp),
        ],
        indexes: &[Index { columns: &["actor_id", "-occurred_at"] }, Index { columns: &["-occurred_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<(TicketId, Version)> {
        Keys::One((TicketId(event.stream_id), event.version))
    }

    fn apply(
        _row: Option<TicketActivityRow>,
        key: &(TicketId, Version),
        event: &Recorded<Event>,
    ) -> Option<TicketActivityRow> {
        let (action, old_value, new_value) = step(&event.event);
        Some(TicketActivityRow {
            ticket_id: key.0,
            version: key.1,
            action,
            actor_id: event.actor.id,
            old_value,
            new_value,
            occurred_at: event.occurred_at,
        })
    }
}

fn step(event: &Event) -> (TicketAction, Option<String>, Option<String>) {
    let label = |value: &dyn ToString| Some(value.to_string());
    match event {
        Event::Opened { .. } => (TicketAction::Created, None, label(&"open")),
        Event::CustomerReplied { seq, .. } | Event::AgentReplied { seq, .. } => {
            (TicketAction::MessageAdded, None, label(seq))
        }
        Event::InternalNoteAdded { .. } => (TicketAction::NoteAdded, None, None),
        Event::Assigned { assignee_id, previous_assignee_id, .. } => {
            (TicketAction::Assigned, previous_assignee_id.map(|id| id.to_string()), label(assignee_id))
        }
        Event::Unassigned { previous_assignee_id, .. } => (TicketAction::Unassigned, label(previous_assignee_id), None),
        Event::StatusChanged { from, to, .. } => (TicketAction::StatusChanged, label(from), label(to)),
        Event::PriorityChanged { from, to, .. } => (TicketAction::PriorityChanged, label(from), label(to)),
        Event::CategoryChanged { from, to, .. } => (TicketAction::CategoryChanged, label(from), label(to)),
        Event::SubjectChanged { .. } => (TicketAction::SubjectChanged, None, None),
        Event::Tagged { added, .. } => (TicketAction::TagsChanged, None, Some(listed(added))),
        Event::Untagged { removed, .. } => (TicketAction::TagsChanged, Some(listed(removed)), None),
        Event::ReadUpTo { side, seq, .. } => (TicketAction::Read, Some(side_of(*side)), label(seq)),
        Event::CsatSubmitted { score, .. } => (TicketAction::CsatSubmitted, None, label(score)),
        Event::MergedInto { into, .. } => (TicketAction::Merged, None, label(into)),
        Event::Unmerged { from, .. } => (TicketAction::Unmerged, label(from), None),
        Event::Absorbed { ticket_id, .. } => (TicketAction::Absorbed, None, label(ticket_id)),
        Event::Released { ticket_id, .. } => (TicketAction::Released, label(ticket_id), None),
        Event::SlaClockStarted { .. } => (TicketAction::SlaClockStarted, None, None),
        Event::SlaClockPaused { .. } => (TicketAction::SlaClockPaused, None, None),
        Event::SlaClockResumed { .. } => (TicketAction::SlaClockResumed, None, None),
        Event::SlaTargetChanged { .. } => (TicketAction::SlaTargetChanged, None, None),
        Event::SlaWarned { goal, .. } => (TicketAction::SlaWarned, None, label(goal)),
        Event::SlaBreached { goal, .. } => (TicketAction::SlaBreached, None, label(goal)),
        Event::TimerSet { to, .. } => (TicketAction::TimerSet, None, label(to)),
        Event::AttachmentLinked { attachment, .. } | Event::InternalAttachmentLinked { attachment, .. } => {
            (TicketAction::FileAttached, None, label(&attachment.file_id))
        }
        Event::Imported { import_id, .. } => (TicketAction::Imported, None, label(import_id)),
        Event::ImportSettled { .. } => (TicketAction::ImportSettled, None, None),
        Event::ImportUndone { import_id, .. } => (TicketAction::ImportUndone, label(import_id), None),
    }
}

fn listed(tags: &Tags) -> String {
    tags.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn side_of(side: TicketSide) -> String {
    side.as_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tickets::tests::{ADA, BOB, TICKET, customer_replied, note, opened};
    use super::*;
    use kernel::Event as _;
    use kernel::specs::Story;

    #[test]
    fn every_event_leaves_one_entry_and_no_text() {
        let events = Event::examples();
        let count = events.len();
        let story = events.into_iter().fold(Story::new(), |story: Story<Event>, event| story.then(TICKET, BOB, event));
        let rows = story.rows::<TicketActivities>();
        assert_eq!(rows.len(), count);
        let told = format!("{rows:?}");
        for text in ["Invoice", "amount", "corrected", "Second time", "friendly"] {
            assert!(!told.contains(text), "{text}");
        }
    }

    #[test]
    fn an_entry_says_who_and_from_what_to_what() {
        let story =
            Story::new().then(TICKET, ADA, opened()).then(TICKET, ADA, customer_replied(1)).then(TICKET, BOB, note());
        let row = story.row::<TicketActivities>(&(TICKET, Version(2))).unwrap();
        assert_eq!((row.action, row.actor_id, row.new_value.as_deref()), (TicketAction::MessageAdded, ADA, Some("1")));
        let row = story.row::<TicketActivities>(&(TICKET, Version(3))).unwrap();
        assert_eq!((row.action, row.actor_id, row.new_value), (TicketAction::NoteAdded, BOB, None));
    }
}
