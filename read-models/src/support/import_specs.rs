//! An import and its rollback leave every row of everything else as it was, and no row of what nobody has touched.

use super::tickets::tests::{ADA, BOB, agent_replied, customer_replied, opened};
use super::{CustomerTickets, TicketMessages, Tickets};
use domain::support::import::ImportId;
use domain::support::ticket::{Event, TicketId, TicketStatus};
use kernel::ReadModel;
use kernel::specs::Story;
use proptest::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

const IMPORT: ImportId = ImportId(Uuid::from_u128(0x1111));

/// Of one ticket: what was said on it, and whether somebody worked on it after the import.
type Made = (u8, bool);

fn ticket(number: usize) -> TicketId {
    TicketId(Uuid::from_u128(0x7000 + number as u128))
}

fn told(story: Story<Event>, id: TicketId, said: u8) -> (Story<Event>, i32) {
    (1..=i32::from(said)).fold((story, 0), |(story, _), seq| {
        let event = if seq % 2 == 0 { customer_replied(seq) } else { agent_replied(seq, seq == 1) };
        (story.then(id, BOB, event), seq)
    })
}

fn rows_of<M: ReadModel<Event = Event>>(story: &Story<Event>, of: impl Fn(&M::Key) -> bool) -> HashMap<M::Key, M::Row> {
    story.rows::<M>().into_iter().filter(|(key, _)| of(key)).collect()
}

proptest! {
    // Each story is folded live and rebuilt, which takes a while.
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_rollback_leaves_everything_else_as_it_was(
        others in proptest::collection::vec(0u8..4, 0..5),
        imported in proptest::collection::vec((0u8..5, any::<bool>()), 0..8),
    ) {
        let mut story = Story::<Event>::new();
        for (number, said) in others.iter().enumerate() {
            let opened = story.then_numbered(ticket(number), ADA, i64::try_from(number).ok(), opened());
            story = told(opened, ticket(number), *said).0;
        }
        let count = others.len();
        let is_other = |id: &TicketId| (0..count).any(|number| ticket(number) == *id);
        let before = (
            rows_of::<Tickets>(&story, is_other),
            rows_of::<CustomerTickets>(&story, is_other),
            rows_of::<TicketMessages>(&story, |(id, _)| is_other(id)),
        );
        let mut made: Vec<(TicketId, i32, Made)> = Vec::new();
        for (number, row) in imported.iter().enumerate() {
            let (id, customer_id) = (ticket(count + number), ADA);
            let number = i32::try_from(number).unwrap();
            let imported = Event::Imported { import_id: IMPORT, row: number, reference: None, reference_index: None, customer_id };
            story = story.then_numbered(id, BOB, Some(100 + i64::from(number)), opened()).then(id, BOB, imported);
            let (said, message_count) = told(story, id, row.0);
            let (from, to) = (TicketStatus::Open, TicketStatus::Closed);
            let moved = Event::StatusChanged { from, to, reason: None, customer_id, assignee_id: None, reopen_until: None };
            story = said.then(id, BOB, moved).then(id, BOB, Event::ImportSettled { customer_id });
            made.push((id, message_count, *row));
        }
        for (id, message_count, (_, touched)) in &made {
            story = if *touched {
                story.then(*id, BOB, agent_replied(message_count + 1, *message_count == 0))
            } else {
                let undone = Event::ImportUndone { import_id: IMPORT, message_count: *message_count, customer_id: ADA };
                story.then(*id, BOB, undone)
            };
        }
        let after = (
            rows_of::<Tickets>(&story, is_other),
            rows_of::<CustomerTickets>(&story, is_other),
            rows_of::<TicketMessages>(&story, |(id, _)| is_other(id)),
        );
        prop_assert!(before == after, "what the import did not make is as it was");
        let left: Vec<&(TicketId, i32, Made)> = made.iter().filter(|(_, _, (_, touched))| *touched).collect();
        prop_assert_eq!(story.rows::<Tickets>().len(), count + left.len());
        prop_assert_eq!(story.rows::<CustomerTickets>().len(), count + left.len());
        let messages: i32 = left.iter().map(|(_, messages, _)| messages + 1).sum();
        let others: i32 = others.iter().map(|said| i32::from(*said)).sum();
        prop_assert_eq!(story.rows::<TicketMessages>().len(), usize::try_from(messages + others).unwrap());
    }
}
