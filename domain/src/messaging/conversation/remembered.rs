//! What a conversation remembers of its messages, so that it stays small at 100,000 of them.

use super::MessageId;
use kernel::BlindIndex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// Which messages there are and what they said, as fingerprints: what it takes to know a resend.
///
/// All of them are kept, since a telephone may resend after weeks: 24 bytes a message. The state of a stream is
/// copied on every append, so the bulk is in sorted runs that copies share; a copy costs at most [`Messages::LOOSE`]
/// entries and one pointer per run. Runs double in length (an old run is merged with a new one of at least its
/// length), so there are about log2 of them and an insertion costs log2 on average.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Entry>", into = "Vec<Entry>")]
pub(super) struct Messages {
    runs: Vec<Arc<[Entry]>>,
    loose: Vec<Entry>,
}

/// The message id, and 64 bits of its content's index. The content itself is sealed, so nothing else could tell.
///
/// Two different contents meet in these bits once in 2^64, and then the harm is that a client which reuses an id for
/// another text is told "already sent" instead of "conflict".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Entry(Uuid, u64);

/// Whether a message has been sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The id is new.
    Never,
    /// This very message, by this author.
    Same,
    /// The id stands for another message.
    Other,
}

impl Messages {
    /// How many entries a copy may have to copy.
    const LOOSE: usize = 64;

    /// Whether the message is known.
    pub(super) fn seen(&self, message_id: MessageId, content_index: BlindIndex) -> Seen {
        let Entry(id, fingerprint) = Entry::of(message_id, content_index);
        let found = self.loose.iter().find(|entry| entry.0 == id).or_else(|| {
            self.runs.iter().find_map(|run| run.binary_search_by_key(&id, |entry| entry.0).ok().map(|at| &run[at]))
        });
        match found {
            None => Seen::Never,
            Some(entry) if entry.1 == fingerprint => Seen::Same,
            Some(_) => Seen::Other,
        }
    }

    /// Remembers a message.
    pub(super) fn insert(&mut self, message_id: MessageId, content_index: BlindIndex) {
        self.push(Entry::of(message_id, content_index));
    }

    fn push(&mut self, entry: Entry) {
        self.loose.push(entry);
        if self.loose.len() < Self::LOOSE {
            return;
        }
        let mut run = std::mem::take(&mut self.loose);
        while let Some(older) = self.runs.pop_if(|older| older.len() <= run.len()) {
            run.extend_from_slice(&older);
        }
        // Stable, because that sort finds the runs that are sorted already and merges them.
        run.sort();
        self.runs.push(run.into());
    }
}

impl Entry {
    fn of(message_id: MessageId, content_index: BlindIndex) -> Self {
        // The second half: the first has fixed bits in it, in any version of UUID.
        let (_, fingerprint) = content_index.0.as_u64_pair();
        Self(message_id.0, fingerprint)
    }
}

impl From<Vec<Entry>> for Messages {
    fn from(entries: Vec<Entry>) -> Self {
        let mut messages = Self::default();
        for entry in entries {
            messages.push(entry);
        }
        messages
    }
}

impl From<Messages> for Vec<Entry> {
    fn from(messages: Messages) -> Self {
        messages.runs.iter().flat_map(|run| run.iter().copied()).chain(messages.loose).collect()
    }
}

/// A set of places in a conversation, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Seqs(Vec<u64>);

impl Seqs {
    /// Adds a place: 1, 2, 3, …
    pub(super) fn insert(&mut self, seq: i32) {
        let (word, bit) = Self::place(seq);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= bit;
    }

    /// How many places of the set are at most `seq`.
    pub(super) fn count_up_to(&self, seq: i32) -> i32 {
        let (word, bit) = Self::place(seq);
        let full: u32 = self.0.iter().take(word).map(|bits| bits.count_ones()).sum();
        let partial = self.0.get(word).map_or(0, |bits| (bits & (bit | (bit - 1))).count_ones());
        (full + partial).cast_signed()
    }

    /// Bit 0 is never set, since places start at 1.
    fn place(seq: i32) -> (usize, u64) {
        let seq = u32::try_from(seq).unwrap_or(0);
        ((seq / 64) as usize, 1 << (seq % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeSet, HashMap};

    fn index(n: u64) -> BlindIndex {
        BlindIndex(kernel::ids::derived(Uuid::nil(), &n.to_string()))
    }

    proptest! {
        #[test]
        fn every_message_is_known_again(ids in proptest::collection::hash_set(any::<u128>(), 0..700)) {
            let mut messages = Messages::default();
            let mut sent: HashMap<MessageId, BlindIndex> = HashMap::new();
            for id in ids {
                let (id, content) = (MessageId(Uuid::from_u128(id)), index(u64::try_from(id % 7).unwrap()));
                prop_assert_eq!(messages.seen(id, content), Seen::Never);
                messages.insert(id, content);
                sent.insert(id, content);
            }
            let snapshot: Messages = serde_json::from_str(&serde_json::to_string(&messages).unwrap()).unwrap();
            for kept in [&messages, &snapshot] {
                for (id, content) in &sent {
                    prop_assert_eq!(kept.seen(*id, *content), Seen::Same);
                    prop_assert_eq!(kept.seen(*id, index(7)), Seen::Other);
                }
            }
            prop_assert!(messages.runs.len() <= 5 && messages.loose.len() < Messages::LOOSE);
        }

        #[test]
        fn a_set_of_places_counts_as_a_naive_one(
            seqs in proptest::collection::btree_set(1i32..500, 0..200),
            up_to in proptest::collection::vec(0i32..600, 10),
        ) {
            let mut set = Seqs::default();
            for seq in &seqs {
                set.insert(*seq);
            }
            for limit in up_to {
                let naive: BTreeSet<&i32> = seqs.iter().filter(|seq| **seq <= limit).collect();
                prop_assert_eq!(usize::try_from(set.count_up_to(limit)).unwrap(), naive.len());
            }
        }
    }

    #[test]
    fn a_hundred_thousand_messages_are_few_pieces() {
        let mut messages = Messages::default();
        for n in 0..100_000u128 {
            messages.insert(
                MessageId(Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))),
                index(0),
            );
        }
        assert!(messages.runs.len() <= 12, "{} runs", messages.runs.len());
        assert_eq!(size_of::<Entry>(), 24);
        assert_eq!(messages.runs.iter().map(|run| run.len()).sum::<usize>() + messages.loose.len(), 100_000);
    }
}
