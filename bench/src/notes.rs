//! The events of the synthetic benchmarks: 300 bytes of JSON in streams of which every fourth event opens a new one.

use crate::identity::STUDIO;
use kernel::Event;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// Of how many of its streams a writer continues any.
const STREAMS: usize = 64;
/// How large a payload is.
const PAYLOAD_BYTES: usize = 300;

/// What somebody wrote, over and over.
const TEXT: &str = "The customer asks when the second delivery arrives. ";

/// What the streams hold: 300 bytes of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Noted {
    /// Somebody wrote.
    Written { note_id: Uuid, author_id: Uuid, nth: i32, text: String },
}

impl Event for Noted {
    const CATEGORY: &'static str = "bench.note";
    fn examples() -> Vec<Self> {
        vec![note(1)]
    }
}

/// The nth event of a stream.
pub(crate) fn note(nth: i32) -> Noted {
    let written = |text: String| Noted::Written { note_id: Uuid::now_v7(), author_id: STUDIO, nth, text };
    let bare = written(String::new()).encode().data().len();
    written(TEXT.repeat(6)[..PAYLOAD_BYTES - bare].to_owned())
}

/// Which stream comes next: every fourth one is new, the others continue one of the last 64.
pub(crate) struct Streams {
    mine: Vec<(Uuid, i32)>,
    newest: usize,
    nth: usize,
    seed: u64,
}

impl Streams {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { mine: Vec::new(), newest: 0, nth: 0, seed }
    }

    /// The stream and the version it has, counted on at once: one writer never loses to another.
    pub(crate) fn next(&mut self) -> (Uuid, i32) {
        self.nth += 1;
        if self.nth % 4 == 1 {
            let created = (Uuid::now_v7(), 1);
            if self.mine.len() < STREAMS {
                self.mine.push(created);
            } else {
                self.newest = (self.newest + 1) % STREAMS;
                self.mine[self.newest] = created;
            }
            return (created.0, 0);
        }
        // xorshift: the same streams in every run.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let length = self.mine.len();
        let chosen = usize::try_from(self.seed % length as u64).unwrap_or_default();
        let (id, version) = &mut self.mine[chosen];
        *version += 1;
        (*id, *version - 1)
    }
}

/// The same as a request to the minimal server: 300 bytes that also say where they belong.
pub(crate) fn body(stream_id: Uuid, version: i32) -> String {
    let body =
        |text: &str| json!({"stream_id": stream_id, "version": version, "author_id": STUDIO, "text": text}).to_string();
    let bare = body("").len();
    body(&TEXT.repeat(6)[..PAYLOAD_BYTES - bare])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_the_size_that_is_promised() {
        for nth in [1, 99, 12_345] {
            assert_eq!(note(nth).encode().data().len(), PAYLOAD_BYTES);
            assert_eq!(body(Uuid::now_v7(), nth).len(), PAYLOAD_BYTES);
        }
    }

    #[test]
    fn every_fourth_stream_is_new_and_versions_follow_each_other() {
        let mut streams = Streams::new(7);
        let mut versions = std::collections::HashMap::new();
        let mut created = 0;
        for _ in 0..4_000 {
            let (id, version) = streams.next();
            let known = versions.entry(id).or_insert(0);
            assert_eq!(*known, version);
            *known += 1;
            created += usize::from(version == 0);
        }
        assert_eq!(created, 1_000);
    }
}
