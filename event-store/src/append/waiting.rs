//! What waits: requests in their order, and the next batch out of them.

use super::claims::{Claims, StreamKey, Versions};
use super::lane::Pending;
use super::{Append, AppendError};
use kernel::Version;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;

/// Requests per commit at most.
const MAX_REQUESTS: usize = 512;
/// Events per commit at most, unless one request alone has more.
const MAX_EVENTS: usize = 4_096;
/// Payload bytes per commit at most, unless one request alone has more.
const MAX_BYTES: usize = 8 << 20;
/// Streams whose version is remembered; forgotten all at once beyond.
const MAX_KNOWN: usize = 200_000;

/// Requests for one commit.
pub(super) struct Load {
    pub(super) requests: Vec<Pending>,
    /// Nobody else is waiting: the commit itself waits for the disk, and saves the flusher's round trip.
    pub(super) alone: bool,
}

/// Requests that have come and have not yet gone.
pub(super) struct Waiting {
    coming: mpsc::Receiver<Pending>,
    here: VecDeque<Pending>,
    /// Versions that streams have reached. Versions only grow, so a request that expects less has lost for
    /// certain; a request that expects more is for Postgres to judge.
    known: Versions,
    doubt: Arc<AtomicBool>,
}

impl Waiting {
    pub(super) fn new(coming: mpsc::Receiver<Pending>, doubt: Arc<AtomicBool>) -> Self {
        Self { coming, here: VecDeque::new(), known: Versions::default(), doubt }
    }

    /// Everything that waits, up to a batch; waits only while there is nothing. `None` when nothing can come any more.
    pub(super) async fn next(&mut self) -> Option<Load> {
        loop {
            if self.here.is_empty() {
                let first = self.coming.recv().await?;
                self.here.push_back(first);
            }
            while self.here.len() < 2 * MAX_REQUESTS
                && let Ok(pending) = self.coming.try_recv()
            {
                self.here.push_back(pending);
            }
            if self.doubt.swap(false, Ordering::AcqRel) {
                self.forget();
            }
            let requests = self.take();
            if !requests.is_empty() {
                let alone = requests.len() == 1 && self.here.is_empty();
                return Some(Load { requests, alone });
            }
        }
    }

    /// Takes the next batch from the front: no two requests that clash. The others keep their order for the next one.
    fn take(&mut self) -> Vec<Pending> {
        let (mut batch, mut claims) = (Vec::new(), Claims::default());
        let (mut later, mut overtaken) = (VecDeque::new(), Claims::default());
        let (mut events, mut bytes) = (0, 0);
        while batch.len() < MAX_REQUESTS
            && let Some(pending) = self.here.pop_front()
        {
            let append = &pending.append;
            if let Some(error) = self.lost_already(append) {
                let _ = pending.answer.send(Err(error));
                continue;
            }
            if claims.clash(append) || overtaken.clash(append) {
                overtaken.add(append);
                later.push_back(pending);
                continue;
            }
            let added = append.changes.iter().flat_map(|change| &change.events);
            let (count, size) = added.fold((0, 0), |(count, size), event| (count + 1, size + event.data().len()));
            (events, bytes) = (events + count, bytes + size);
            if !batch.is_empty() && (events > MAX_EVENTS || bytes > MAX_BYTES) {
                later.push_back(pending);
                break;
            }
            claims.add(append);
            batch.push(pending);
        }
        later.append(&mut self.here);
        self.here = later;
        batch
    }

    fn lost_already(&self, append: &Append) -> Option<AppendError> {
        append.changes.iter().find_map(|change| {
            let known = *self.known.get(&StreamKey::of(append, change))?;
            (known > change.expected.0)
                .then_some(AppendError::Conflict { stream_id: change.stream_id, version: Version(known) })
        })
    }

    /// A stream has reached a version.
    pub(super) fn learn(&mut self, stream: StreamKey, version: i32) {
        if self.known.len() > MAX_KNOWN {
            self.known.clear();
        }
        let known = self.known.entry(stream).or_default();
        *known = version.max(*known);
    }

    /// The connection is gone: the next one may lead to another database.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}
