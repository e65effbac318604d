//! Whom what happens to a ticket is told.

use crate::notifications::feed::{FeedNews, NotificationTopic, ThreadId, UpdateFeed, feed_id};
use crate::support::ticket::{Event, TicketStatus};
use chrono::TimeDelta;
use kernel::{ActorId, ActorKind, Reaction, Reactor, Recorded};

/// Tells the customer and whoever is responsible what happens to a ticket, and notes what they have seen of it.
///
/// Nobody is told of what he did himself. What a note says is told to nobody: whoever is responsible learns that there is one. An
/// old log tells nothing: it would only be late; nor does what is told long after it happened, as an import does.
pub struct NotifyAboutTickets;

impl NotifyAboutTickets {
    /// From when on something is told too late to be news. Longer than anything may wait to be mailed.
    pub const LATE: TimeDelta = TimeDelta::hours(2);
}

impl Reactor for NotifyAboutTickets {
    type Event = Event;
    type Command = UpdateFeed;
    const NAME: &'static str = "processes.notify_about_tickets";

    fn react(event: &Recorded<Event>) -> Vec<Reaction<UpdateFeed>> {
        if event.recorded_at - event.occurred_at > Self::LATE {
            return Vec::new();
        }
        let thread_id = ThreadId(event.stream_id);
        let actor_id = (event.actor.kind != ActorKind::System).then_some(event.actor.id);
        let reaction = |step, recipient_id, news| Reaction {
            step,
            tenant_id: event.tenant_id,
            target: feed_id(event.tenant_id, recipient_id).0,
            command: UpdateFeed { recipient_id, thread_id, news },
        };
        let seen = actor_id.filter(|_| has_seen(&event.event)).map(|who| reaction("seen", who, FeedNews::Seen {}));
        let told = told(&event.event).filter(|told| Some(told.recipient_id) != actor_id).map(|told| {
            let news = FeedNews::Happened { topic: told.topic, actor_id, at: event.occurred_at };
            reaction(told.step, told.recipient_id, news)
        });
        seen.into_iter().chain(told).collect()
    }
}

struct Told {
    step: &'static str,
    recipient_id: ActorId,
    topic: NotificationTopic,
}

/// Who is told what, whoever did it. Somebody who is both customer and responsible is told once.
fn told(event: &Event) -> impl Iterator<Item = Told> {
    let (customer, assignee) = match event {
        Event::AgentReplied { customer_id, .. } => (Some((*customer_id, NotificationTopic::Answered)), None),
        Event::CustomerReplied { assignee_id, .. } => {
            (None, assignee_id.map(|who| (who, NotificationTopic::CustomerReplied)))
        }
        Event::InternalNoteAdded { assignee_id, .. } => (None, assignee_id.map(|who| (who, NotificationTopic::Noted))),
        Event::Assigned { assignee_id, .. } => (None, Some((*assignee_id, NotificationTopic::Assigned))),
        Event::StatusChanged { from, to, customer_id, assignee_id, .. } => {
            let topic = moved(*from, *to);
            let assignee = assignee_id.filter(|assignee_id| assignee_id != customer_id);
            (topic.map(|topic| (*customer_id, topic)), assignee.zip(topic))
        }
        Event::SlaWarned { assignee_id, .. } => (None, assignee_id.map(|who| (who, NotificationTopic::DueSoon))),
        Event::SlaBreached { assignee_id, .. } => (None, assignee_id.map(|who| (who, NotificationTopic::Overdue))),
        Event::Opened { .. }
        | Event::Unassigned { .. }
        | Event::PriorityChanged { .. }
        | Event::CategoryChanged { .. }
        | Event::SubjectChanged { .. }
        | Event::Tagged { .. }
        | Event::Untagged { .. }
        | Event::ReadUpTo { .. }
        | Event::CsatSubmitted { .. }
        | Event::MergedInto { .. }
        | Event::Unmerged { .. }
        | Event::Absorbed { .. }
        | Event::Released { .. }
        | Event::SlaClockStarted { .. }
        | Event::SlaClockPaused { .. }
        | Event::SlaClockResumed { .. }
        | Event::SlaTargetChanged { .. }
        | Event::TimerSet { .. }
        | Event::AttachmentLinked { .. }
        | Event::InternalAttachmentLinked { .. }
        | Event::Imported { .. }
        | Event::ImportSettled { .. }
        | Event::ImportUndone { .. } => (None, None),
    };
    let told = |step| move |(recipient_id, topic)| Told { step, recipient_id, topic };
    customer.map(told("customer")).into_iter().chain(assignee.map(told("assignee")))
}

const fn moved(from: TicketStatus, to: TicketStatus) -> Option<NotificationTopic> {
    match (from, to) {
        (_, TicketStatus::Resolved) => Some(NotificationTopic::Resolved),
        (_, TicketStatus::Closed) => Some(NotificationTopic::Closed),
        (
            TicketStatus::Resolved | TicketStatus::Closed,
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer,
        ) => Some(NotificationTopic::Reopened),
        _ => None,
    }
}

/// Whether whoever does this has seen what was said on the ticket until then.
const fn has_seen(event: &Event) -> bool {
    matches!(
        event,
        Event::ReadUpTo { .. }
            | Event::CustomerReplied { .. }
            | Event::AgentReplied { .. }
            | Event::InternalNoteAdded { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notifications::feed::NotificationTopic as Topic;
    use kernel::specs::{Story, noon};
    use kernel::{Actor, Event as _};
    use uuid::Uuid;

    const TICKET: Uuid = Uuid::from_u128(0x71c);
    const ADA: ActorId = ActorId(Uuid::from_u128(0xada));
    const BOB: ActorId = ActorId(Uuid::from_u128(0xb0b));
    const EVE: ActorId = ActorId(Uuid::from_u128(0xe5e));

    /// Who hears what when somebody does this: `None` is that he has seen the ticket.
    fn heard(actor: Actor, event: Event) -> Vec<(ActorId, Option<Topic>)> {
        let told = Story::new().then(TICKET, actor.id, event).events()[0].clone();
        let reactions = NotifyAboutTickets::react(&Recorded { actor, ..told });
        let heard = reactions.into_iter().map(|reaction| {
            let command = reaction.command;
            assert_eq!(reaction.target, feed_id(reaction.tenant_id, command.recipient_id).0);
            assert_eq!(command.thread_id.0, TICKET);
            match command.news {
                FeedNews::Seen {} => (command.recipient_id, None),
                FeedNews::Happened { topic, actor_id, at } => {
                    assert!(at > noon() && actor_id == (actor.kind != ActorKind::System).then_some(actor.id));
                    (command.recipient_id, Some(topic))
                }
            }
        });
        heard.collect()
    }

    #[test]
    fn what_is_told_late_is_no_news() {
        let told = Story::new().then(TICKET, BOB, example("agent_replied")).events()[0].clone();
        assert!(!NotifyAboutTickets::react(&told).is_empty());
        let occurred_at = told.recorded_at - TimeDelta::days(300);
        assert!(NotifyAboutTickets::react(&Recorded { occurred_at, ..told }).is_empty());
    }

    /// An example of an event, between Ada, whose ticket it is, and Bob, who is responsible.
    fn example(name: &str) -> Event {
        let found = Event::examples().into_iter().find(|event| {
            let stored = kernel::specs::sealed(|| serde_json::to_value(event).unwrap());
            stored.get(name).is_some()
        });
        match found.unwrap_or_else(|| panic!("no example of {name}")) {
            Event::AgentReplied { message_id, seq, content, first_response, .. } => {
                Event::AgentReplied { message_id, seq, content, customer_id: ADA, first_response }
            }
            Event::CustomerReplied { message_id, seq, content, .. } => {
                Event::CustomerReplied { message_id, seq, content, customer_id: ADA, assignee_id: Some(BOB) }
            }
            Event::InternalNoteAdded { note_id, content, .. } => {
                Event::InternalNoteAdded { note_id, content, assignee_id: Some(BOB) }
            }
            Event::Assigned { status, .. } => {
                Event::Assigned { assignee_id: BOB, previous_assignee_id: None, customer_id: ADA, status }
            }
            Event::SlaBreached { goal, due_at, priority, .. } => {
                Event::SlaBreached { goal, due_at, priority, assignee_id: Some(BOB) }
            }
            Event::SlaWarned { goal, due_at, priority, .. } => {
                Event::SlaWarned { goal, due_at, priority, assignee_id: Some(BOB) }
            }
            other => other,
        }
    }

    fn moved(from: TicketStatus, to: TicketStatus) -> Event {
        let assignee_id = Some(BOB);
        Event::StatusChanged { from, to, reason: None, customer_id: ADA, assignee_id, reopen_until: None }
    }

    #[test]
    fn a_reply_is_told_to_the_other_one_and_whoever_writes_has_seen_the_rest() {
        assert_eq!(heard(Actor::user(BOB), example("agent_replied")), [(BOB, None), (ADA, Some(Topic::Answered))]);
        assert_eq!(
            heard(Actor::user(ADA), example("customer_replied")),
            [(ADA, None), (BOB, Some(Topic::CustomerReplied))]
        );
        assert_eq!(heard(Actor::user(ADA), example("read_up_to")), [(ADA, None)]);
    }

    #[test]
    fn a_note_reaches_colleagues_alone() {
        let note = || example("internal_note_added");
        assert_eq!(heard(Actor::user(EVE), note()), [(EVE, None), (BOB, Some(Topic::Noted))]);
        assert_eq!(heard(Actor::user(BOB), note()), [(BOB, None)], "his own");
    }

    #[test]
    fn whoever_takes_a_ticket_himself_is_not_told() {
        assert_eq!(heard(Actor::user(EVE), example("assigned")), [(BOB, Some(Topic::Assigned))]);
        assert_eq!(heard(Actor::user(BOB), example("assigned")), []);
    }

    #[test]
    fn where_a_ticket_got_to_is_told_to_both_but_to_whoever_moved_it() {
        use TicketStatus::{Cancelled, Closed, InProgress, Open, Resolved, WaitingCustomer};
        let by_time = |from, to| heard(Actor::SYSTEM, moved(from, to));
        let both = |topic| vec![(ADA, Some(topic)), (BOB, Some(topic))];
        assert_eq!(by_time(WaitingCustomer, Resolved), both(Topic::Resolved));
        assert_eq!(by_time(Resolved, Closed), both(Topic::Closed));
        let by = |who, from, to| heard(Actor::user(who), moved(from, to));
        assert_eq!(by(ADA, Closed, Open), [(BOB, Some(Topic::Reopened))]);
        assert_eq!(by(BOB, InProgress, Resolved), [(ADA, Some(Topic::Resolved))]);
        for (from, to) in [(Open, InProgress), (InProgress, WaitingCustomer), (Open, Cancelled)] {
            assert_eq!(by(BOB, from, to), []);
        }
        let own = Event::StatusChanged {
            from: Open,
            to: Closed,
            reason: None,
            customer_id: ADA,
            assignee_id: Some(ADA),
            reopen_until: None,
        };
        assert_eq!(heard(Actor::SYSTEM, own), [(ADA, Some(Topic::Closed))], "once");
    }

    #[test]
    fn what_is_due_is_told_to_whoever_is_responsible() {
        assert_eq!(heard(Actor::SYSTEM, example("sla_warned")), [(BOB, Some(Topic::DueSoon))]);
        assert_eq!(heard(Actor::SYSTEM, example("sla_breached")), [(BOB, Some(Topic::Overdue))]);
    }
}
