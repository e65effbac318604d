//! The dispatcher: gathers what waits into batches and keeps the lanes busy.
//!
//! With nothing in flight a request goes at once, alone if it is alone. While one batch is being stored the next one
//! gathers; it is sent ahead, to wait for the head inside Postgres, once it is as large as the one in flight: then
//! parsing it costs no time under the lock. No timer ever holds a request back.

use super::claims::{Claims, StreamKey, Versions};
use super::lane::{Done, Lane, Pending};
use super::{Append, AppendError};
use crate::schema;
use kernel::{Position, Version};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use std::collections::VecDeque;
use tokio::sync::{mpsc, watch};

/// Requests per commit at most.
const MAX_REQUESTS: usize = 512;
/// Events per commit at most, unless one request alone has more.
const MAX_EVENTS: usize = 4_096;
/// Payload bytes per commit at most, unless one request alone has more.
const MAX_BYTES: usize = 8 << 20;
/// Batches in flight at most: one at the head, one on its way there.
const LANES: usize = 2;
/// Streams whose version is remembered; forgotten all at once beyond.
const MAX_KNOWN: usize = 200_000;

struct Slot {
    batches: mpsc::Sender<Vec<Pending>>,
    /// What the batch in flight lays hands on; nothing when the lane is free.
    claims: Claims,
    requests: usize,
}

pub(super) struct Dispatcher {
    requests: mpsc::Receiver<Pending>,
    waiting: VecDeque<Pending>,
    slots: Vec<Slot>,
    done: mpsc::Receiver<Done>,
    /// Versions that streams have reached. Versions only grow, so a request that expects less has lost for
    /// certain; a request that expects more is for Postgres to judge. Forgotten with a connection.
    known: Versions,
    committed: watch::Sender<Position>,
    pool: PgPool,
    partition_size: i64,
    next_partition: Position,
}

impl Dispatcher {
    pub(super) fn new(
        requests: mpsc::Receiver<Pending>,
        committed: watch::Sender<Position>,
        session: &PgConnectOptions,
        pool: PgPool,
        partition_size: i64,
    ) -> Self {
        let (report, done) = mpsc::channel(LANES);
        let slots = (0..LANES)
            .map(|index| {
                let (batches, received) = mpsc::channel(1);
                let lane = Lane::new(index, session.clone(), pool.clone(), partition_size);
                tokio::spawn(lane.run(received, report.clone()));
                Slot { batches, claims: Claims::default(), requests: 0 }
            })
            .collect();
        Self {
            requests,
            waiting: VecDeque::new(),
            slots,
            done,
            known: Versions::default(),
            committed,
            pool,
            partition_size,
            next_partition: Position(partition_size),
        }
    }

    /// Dispatches until every handle is dropped and everything is stored.
    pub(super) async fn run(mut self) {
        let mut open = true;
        while open || !self.waiting.is_empty() || self.in_flight() > 0 {
            tokio::select! {
                biased;
                Some(done) = self.done.recv() => self.finish(done),
                pending = self.requests.recv(), if open && self.waiting.len() < 2 * MAX_REQUESTS => match pending {
                    Some(pending) => self.waiting.push_back(pending),
                    None => open = false,
                },
            }
            while self.waiting.len() < 2 * MAX_REQUESTS
                && let Ok(pending) = self.requests.try_recv()
            {
                self.waiting.push_back(pending);
            }
            self.dispatch();
        }
    }

    fn in_flight(&self) -> usize {
        self.slots.iter().map(|slot| slot.requests).sum()
    }

    /// Hands out the next batch, if a lane is free and it is time.
    fn dispatch(&mut self) {
        let in_flight = self.in_flight();
        if self.waiting.is_empty() || self.waiting.len() < in_flight {
            return;
        }
        let Some(free) = self.slots.iter().position(|slot| slot.claims.is_empty()) else { return };
        let (batch, claims) = self.take();
        if batch.is_empty() {
            return;
        }
        let slot = &mut self.slots[free];
        slot.claims = claims;
        slot.requests = batch.len();
        // The lane is free, so its channel has room; a lane only ends with the dispatcher.
        let _ = slot.batches.try_send(batch);
    }

    /// Takes the next batch from the front: no two requests that clash, neither with each other nor with what is in
    /// flight. The others keep their order for the next one.
    fn take(&mut self) -> (Vec<Pending>, Claims) {
        let (mut batch, mut claims) = (Vec::new(), Claims::default());
        let (mut later, mut overtaken) = (VecDeque::new(), Claims::default());
        let (mut events, mut bytes) = (0, 0);
        while batch.len() < MAX_REQUESTS
            && let Some(pending) = self.waiting.pop_front()
        {
            let append = &pending.append;
            if let Some(error) = self.lost_already(append) {
                let _ = pending.answer.send(Err(error));
                continue;
            }
            let clash = self.slots.iter().any(|slot| slot.claims.clash(append));
            if clash || claims.clash(append) || overtaken.clash(append) {
                overtaken.add(append);
                later.push_back(pending);
                continue;
            }
            events += append.changes.iter().map(|change| change.events.len()).sum::<usize>();
            bytes += append.changes.iter().flat_map(|change| &change.events).map(|e| e.data().len()).sum::<usize>();
            if !batch.is_empty() && (events > MAX_EVENTS || bytes > MAX_BYTES) {
                later.push_back(pending);
                break;
            }
            claims.add(append);
            batch.push(pending);
        }
        later.append(&mut self.waiting);
        self.waiting = later;
        (batch, claims)
    }

    fn lost_already(&self, append: &Append) -> Option<AppendError> {
        append.changes.iter().find_map(|change| {
            let known = *self.known.get(&StreamKey::of(append, change))?;
            (known > change.expected.0)
                .then_some(AppendError::Conflict { stream_id: change.stream_id, version: Version(known) })
        })
    }

    fn finish(&mut self, done: Done) {
        let slot = &mut self.slots[done.lane];
        slot.claims = Claims::default();
        slot.requests = 0;
        if done.lost || self.known.len() > MAX_KNOWN {
            self.known.clear();
        }
        for (stream, version) in done.learned {
            let known = self.known.entry(stream).or_default();
            *known = version.max(*known);
        }
        let Some(head) = done.head else { return };
        self.committed.send_if_modified(|at| head > std::mem::replace(at, head.max(*at)));
        if head >= self.next_partition {
            self.next_partition = Position(head.0 + self.partition_size);
            let (pool, size) = (self.pool.clone(), self.partition_size);
            tokio::spawn(async move {
                if let Err(error) = schema::make_partitions(&pool, size).await {
                    tracing::error!(error = %error, "partitions could not be made ahead of need");
                }
            });
        }
    }
}
