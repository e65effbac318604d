//! Reading ahead: stretches of the log, decoded for one projection while earlier ones are folded.

use crate::aside::Aside;
use crate::control::Place;
use crate::projection::{Decoded, Decoder};
use event_store::{ReadError, Scanner};
use futures_util::StreamExt;
use kernel::{EventData, Position, Recorded};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A part of the log as one projection reads it.
pub(crate) struct Chunk {
    pub(crate) decoded: Decoded,
    /// The last event that was decoded.
    pub(crate) last: Option<Position>,
    /// The last place that it covers; none where it covers nothing.
    pub(crate) to: Option<Place>,
}

/// What is read, and how.
pub(crate) struct Reading {
    pub(crate) scanner: Scanner,
    pub(crate) categories: Vec<&'static str>,
    pub(crate) decoder: Decoder,
    pub(crate) aside: Arc<Aside>,
}

/// Reads a stretch of the log in chunks of `size` events and decodes them; the last chunk reaches `up_to` even if
/// the projection wants none of the events before it. Answers whether all of it was read and somebody wants more; `sent`
/// says how far it came.
///
/// # Errors
/// The log cannot be read on.
pub(crate) async fn read_ahead(
    reading: &Reading,
    (sent, up_to): (&mut Position, Place),
    size: usize,
    chunks: &mpsc::Sender<Result<Chunk, ReadError>>,
) -> Result<bool, ReadError> {
    let mut scan = pin!(reading.scanner.scan(*sent, up_to.position, &reading.categories));
    let mut waiting: Vec<Recorded<EventData>> = Vec::with_capacity(size);
    loop {
        let (events, last) = match scan.next().await {
            Some(events) => (events?, false),
            None => (Vec::new(), true),
        };
        waiting.extend(events);
        while waiting.len() >= size || last {
            let rest = waiting.split_off(waiting.len().min(size));
            let part = std::mem::replace(&mut waiting, rest);
            let end = (last && waiting.is_empty()).then_some(up_to);
            let chunk = decode(reading, part, end);
            let (poisoned, to) = (chunk.decoded.poison.is_some(), chunk.to);
            if chunks.send(Ok(chunk)).await.is_err() || poisoned {
                return Ok(false);
            }
            *sent = to.map_or(*sent, |to| to.position);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

fn decode(reading: &Reading, events: Vec<Recorded<EventData>>, end: Option<Place>) -> Chunk {
    let covers = end.or_else(|| events.last().map(Place::of));
    let (events, unknown) = reading.aside.sift(events, reading.decoder);
    let places: Vec<Place> = events.iter().map(Place::of).collect();
    let mut decoded = (reading.decoder)(events);
    decoded.poison = decoded.poison.or(unknown);
    let last = decoded.len.checked_sub(1).and_then(|last| places.get(last)).copied();
    let to = if decoded.poison.is_none() { covers } else { last };
    Chunk { decoded, last: last.map(|place| place.position), to }
}
