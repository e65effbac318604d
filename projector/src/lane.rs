//! Catching up: a projection that is behind folds long stretches of the log by itself, on a connection of its own.
//!
//! Reading and decoding run ahead in another task while rows are written. A batch that cannot be folded is tried again in
//! halves, so that everything before the event that is to blame is committed and the projection stops right before it.

use crate::control::Place;
use crate::metrics;
use crate::poison::Poison;
use crate::projection::{Decoded, Decoder};
use crate::runner::Shared;
use crate::writer::{Member, WriteError, Writer};
use event_store::{Log, ReadError};
use futures_util::StreamExt;
use kernel::{EventData, Position, Recorded};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// One scan of the log covers at most so many positions: it stays far below the statement timeout, and pins no old
/// snapshot for long.
const WINDOW: i64 = 100_000;
/// Longest pause before something that Postgres would not do is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How a lane ends.
pub(crate) enum LaneEnd {
    /// The member is close to the end of the log.
    Reached(Member),
    /// The member stands right before an event that it cannot fold.
    Failed(Member, Poison),
    /// The lane was told to stop.
    Stopped(Member),
    /// The checkpoint was refused: another owner, or another history.
    Fenced(Member),
    /// Postgres is away.
    Away(Member, String),
}

/// Folds until the member is close to the end of the log.
pub(crate) async fn catch_up(member: Member, shared: Arc<Shared>, stop: CancellationToken) -> LaneEnd {
    let permit = tokio::select! {
        permit = shared.lanes.acquire() => permit,
        () = stop.cancelled() => return LaneEnd::Stopped(member),
    };
    let mut member = member;
    member.projection.bound(shared.options.catch_up_hot_rows);
    let (name, from, began) = (member.projection.name(), member.at.position, Instant::now());
    let mut lane = Lane {
        writer: Writer::new(shared.connect.clone()),
        size: shared.options.catch_up_batch,
        pause: Duration::from_millis(50),
        member: Some(member),
        shared: Arc::clone(&shared),
    };
    let end = lane.run(&stop).await;
    drop(permit);
    if let LaneEnd::Reached(member) = &end {
        let events = member.at.position.0 - from.0;
        if events > 0 {
            let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(projection = name, events, elapsed_ms, "caught up with the log");
        }
    }
    end
}

struct Lane {
    writer: Writer,
    /// Events per transaction; smaller after a failure.
    size: usize,
    pause: Duration,
    /// Always there but while a batch is being written.
    member: Option<Member>,
    shared: Arc<Shared>,
}

/// A part of the log as one projection reads it.
struct Chunk {
    decoded: Decoded,
    /// The last place that it covers.
    to: Place,
}

/// What to do after a chunk.
enum After {
    Continue,
    /// Read again from the checkpoint.
    Again,
    End(LaneEnd),
}

impl Lane {
    async fn run(&mut self, stop: &CancellationToken) -> LaneEnd {
        // A member that was put here by an event which the group could not fold is close to the end already: it must get
        // past what was the end when it came before it may go back.
        let mut must_reach = None;
        loop {
            let (at, name) = match &self.member {
                Some(member) => (member.at, member.projection.name()),
                None => unreachable!("a lane has its member between batches"),
            };
            let head = match self.shared.log().head().await {
                Ok(head) => head,
                Err(error) => return LaneEnd::Away(self.release(), error.to_string()),
            };
            let must = *must_reach.get_or_insert(head.position);
            let gap = head.position.0 - at.position.0;
            metrics::gap(name, gap);
            if at.position >= must && gap <= self.shared.near() {
                return LaneEnd::Reached(self.release());
            }
            match self.window(at, head.position, stop).await {
                After::Continue => self.size = (self.size * 2).min(self.shared.options.catch_up_batch),
                After::Again => {}
                After::End(end) => return end,
            }
        }
    }

    fn release(&mut self) -> Member {
        match self.member.take() {
            Some(member) => member,
            None => unreachable!("a lane has its member between batches"),
        }
    }

    /// Folds the next stretch.
    async fn window(&mut self, at: Place, head: Position, stop: &CancellationToken) -> After {
        let widest = if self.size < self.shared.options.catch_up_batch {
            // After a failure: little steps, until they succeed and grow again.
            i64::try_from(self.size.saturating_mul(8)).unwrap_or(WINDOW).min(WINDOW)
        } else {
            WINDOW
        };
        let last = Position(head.0.min(at.position.0 + widest));
        let up_to = match self.shared.log().event_at(last).await {
            Ok(Some(event)) => Place { epoch: event.epoch, position: event.position, event_id: Some(event.event_id) },
            Ok(None) => return After::End(LaneEnd::Away(self.release(), format!("no event at position {last}"))),
            Err(error) => return After::End(LaneEnd::Away(self.release(), error.to_string())),
        };
        let Some(member) = &self.member else { return After::Again };
        let (sender, mut chunks) = mpsc::channel(2);
        let reader = read_ahead(
            self.shared.scans.clone(),
            member.projection.categories().to_vec(),
            member.projection.decoder(),
            (at.position, up_to),
            self.size,
            sender,
        );
        tokio::spawn(reader);
        loop {
            let chunk = tokio::select! {
                biased;
                () = stop.cancelled() => return After::End(LaneEnd::Stopped(self.release())),
                chunk = chunks.recv() => chunk,
            };
            match chunk {
                None => return After::Continue,
                Some(Err(error)) => return After::End(LaneEnd::Away(self.release(), error.to_string())),
                Some(Ok(chunk)) => match self.fold(chunk).await {
                    After::Continue => {}
                    other => return other,
                },
            }
        }
    }

    async fn fold(&mut self, mut chunk: Chunk) -> After {
        let poison = chunk.decoded.poison.take();
        let (events, began) = (chunk.decoded.len, Instant::now());
        let member = self.release();
        let name = member.projection.name();
        if poison.is_none() || events > 0 {
            let (members, written) = self.writer.write(vec![member], vec![chunk.decoded], chunk.to).await;
            self.member = members.into_iter().next();
            match written {
                Ok(written) => {
                    self.pause = Duration::from_millis(50);
                    metrics::batch(name, events, began.elapsed(), written.first().copied().unwrap_or_default());
                }
                Err(error) => return self.failed(error, events).await,
            }
            if let Some(member) = &self.member {
                self.shared.progress.tell(&member.generation, member.at.position);
            }
        } else {
            self.member = Some(member);
        }
        match poison {
            Some(poison) => After::End(LaneEnd::Failed(self.release(), poison)),
            None => After::Continue,
        }
    }

    async fn failed(&mut self, error: WriteError, events: usize) -> After {
        match error {
            WriteError::Poison(_, poison) if events <= 1 => After::End(LaneEnd::Failed(self.release(), poison)),
            WriteError::Poison(..) => {
                self.size = (self.size.min(events) / 2).max(1);
                After::Again
            }
            WriteError::Busy(_, error) => {
                tracing::warn!(error = %error, "a batch of a projection has to be tried again");
                tokio::time::sleep(self.pause).await;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                self.size = (self.size.min(events) / 2).max(1);
                After::Again
            }
            WriteError::Fenced => After::End(LaneEnd::Fenced(self.release())),
            WriteError::Away(error) => After::End(LaneEnd::Away(self.release(), error.to_string())),
        }
    }
}

/// Reads a stretch of the log in chunks of `size` events and decodes them; the last chunk reaches `up_to` even if
/// the projection wants none of the events before it.
async fn read_ahead(
    log: Log,
    categories: Vec<&'static str>,
    decoder: Decoder,
    (after, up_to): (Position, Place),
    size: usize,
    chunks: mpsc::Sender<Result<Chunk, ReadError>>,
) {
    let mut scan = pin!(log.scan(after, up_to.position, &categories));
    let mut waiting: Vec<Recorded<EventData>> = Vec::with_capacity(size);
    loop {
        let (events, last) = match scan.next().await {
            Some(Ok(events)) => (events, false),
            Some(Err(error)) => {
                // Nobody waits for it any more if this fails, here and below.
                let _ = chunks.send(Err(error)).await;
                return;
            }
            None => (Vec::new(), true),
        };
        waiting.extend(events);
        while waiting.len() >= size || last {
            let rest = waiting.split_off(waiting.len().min(size));
            let part = std::mem::replace(&mut waiting, rest);
            let end = (last && waiting.is_empty()).then_some(up_to);
            let chunk = decode(decoder, part, end);
            let stop = end.is_some() || chunk.decoded.poison.is_some();
            if chunks.send(Ok(chunk)).await.is_err() || stop {
                return;
            }
        }
    }
}

fn decode(decoder: Decoder, events: Vec<Recorded<EventData>>, end: Option<Place>) -> Chunk {
    let place = |event: &Recorded<EventData>| Place {
        epoch: event.epoch,
        position: event.position,
        event_id: Some(event.event_id),
    };
    let places: Vec<Place> = events.iter().map(place).collect();
    let decoded = decoder(events);
    let read = decoded.len.checked_sub(1).and_then(|last| places.get(last)).copied();
    let to = match (&decoded.poison, end) {
        (None, Some(end)) => end,
        // Where not even the first event could be read, nothing is written and the place does not matter.
        _ => read.or(end).unwrap_or(Place { epoch: kernel::Epoch::ZERO, position: Position::ZERO, event_id: None }),
    };
    Chunk { decoded, to }
}
