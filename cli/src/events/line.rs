//! An event as one line for people.

use crate::failure::Failure;
use crate::terminal::Style;
use event_store::Head;
use kernel::{EventData, Recorded};
use query_api::analyst::Outgoing;

/// Longest part of a payload in a line, in characters.
const SHOWN: usize = 120;

/// Writes events as people or programs read them. Personal data is masked.
pub(super) struct Lines {
    outgoing: Outgoing,
    style: Style,
    as_json: bool,
}

impl Lines {
    pub(super) fn new(head: &Head, as_json: bool) -> Self {
        Self { outgoing: Outgoing::new(head, false), style: Style::detect(), as_json }
    }

    /// One event in one line.
    pub(super) fn line(&self, event: Recorded<EventData>) -> Result<String, Failure> {
        if self.as_json { self.json(event) } else { Ok(self.pretty(event)) }
    }

    /// A `CloudEvent`.
    pub(super) fn json(&self, event: Recorded<EventData>) -> Result<String, Failure> {
        let position = event.position;
        let bytes = self.outgoing.event(event);
        let bytes = bytes.map_err(|_| Failure::failed(format!("the event at position {position} is no JSON")))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn pretty(&self, event: Recorded<EventData>) -> String {
        let event = self.outgoing.shown(event);
        let payload = String::from_utf8_lossy(&event.event.data);
        let mut shown: String = payload.chars().take(SHOWN).collect();
        if shown.len() < payload.len() {
            shown.push('…');
        }
        format!(
            "{:>9}  {}  {} {} v{}  {} {}  {}",
            event.position,
            event.recorded_at.format("%Y-%m-%d %H:%M:%S%.3f"),
            self.style.bold(&format!("{}.{}", event.category, event.event.event_type)),
            event.stream_id,
            event.version,
            event.actor.kind.as_str(),
            event.actor.id,
            self.style.dim(&shown)
        )
    }
}
