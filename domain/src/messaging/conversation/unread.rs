//! How many messages somebody has not read, from four numbers that only ever grow.

use serde::{Deserialize, Serialize};

/// Where one participant stands in a conversation.
///
/// Every number is absolute and comes from an event; none is incremented or decremented by a reader, so the count
/// that follows from them cannot drift and a repeated event cannot hurt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadState {
    /// The last message of the conversation; 0 for none.
    pub last_seq: i32,
    /// How many messages the participant wrote.
    pub own_count: i32,
    /// Up to which message the participant has read; 0 for none.
    pub read_seq: i32,
    /// How many of the messages up to `read_seq` the participant wrote.
    pub own_read_count: i32,
}

impl ReadState {
    /// The number of messages by others behind the cursor: `count(author != me and seq > my cursor)`.
    ///
    /// Messages behind the cursor, without the participant's own among them.
    pub const fn unread(self) -> i32 {
        (self.last_seq - self.read_seq) - (self.own_count - self.own_read_count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(seqs: impl Iterator<Item = bool>) -> i32 {
        i32::try_from(seqs.filter(|counted| *counted).count()).unwrap()
    }

    proptest! {
        /// `authors[i]` wrote message `i + 1`: 0 is me, 1 the other one, 2 the system.
        #[test]
        fn the_formula_counts_as_a_naive_count(
            authors in proptest::collection::vec(0u8..3, 0..200), cursor in any::<proptest::sample::Index>(),
        ) {
            let cursor = cursor.index(authors.len() + 1);
            let naive = count(authors.iter().skip(cursor).map(|author| *author != 0));
            let state = ReadState {
                last_seq: i32::try_from(authors.len()).unwrap(),
                own_count: count(authors.iter().map(|author| *author == 0)),
                read_seq: i32::try_from(cursor).unwrap(),
                own_read_count: count(authors.iter().take(cursor).map(|author| *author == 0)),
            };
            prop_assert_eq!(state.unread(), naive);
        }
    }

    #[test]
    fn a_page_read_to_its_end_leaves_nothing_unread() {
        let before = ReadState { last_seq: 120, ..ReadState::default() };
        assert_eq!(before.unread(), 120);
        assert_eq!(ReadState { read_seq: 70, ..before }.unread(), 50);
        assert_eq!(ReadState { read_seq: 120, ..before }.unread(), 0);
    }
}
