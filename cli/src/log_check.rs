//! Is the log whole: positions without a gap, versions of every stream without a gap, the head where it says it is.

use event_store::{Head, Log, ReadError};
use futures_util::StreamExt as _;
use kernel::{EventData, Position, Recorded};
use sqlx::{PgPool, Row as _};
use std::collections::HashMap;
use std::pin::pin;
use uuid::Uuid;

/// Between two lines of progress, in events.
const TELL_EVERY: i64 = 1_000_000;

/// What a look at the whole log found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Up to where.
    pub(crate) head: Position,
    /// How many streams there are.
    pub(crate) streams: usize,
    /// The first thing that is wrong.
    pub(crate) divergence: Option<String>,
}

/// Reads the log from its first event to its head, the events through `scanned`, which is used for nothing else.
///
/// # Errors
/// Postgres does not answer, or an event cannot be read.
pub(crate) async fn check(log: &Log, scanned: &Log, say: &dyn Fn(&str)) -> Result<Looked, ReadError> {
    let head = log.head().await?;
    let mut reader = Reader::default();
    let mut scan = pin!(scanned.scan(Position::ZERO, head.position, &[]));
    let mut told = 0;
    while let Some(events) = scan.next().await {
        for event in events? {
            if let Some(divergence) = reader.read(&event) {
                return Ok(reader.looked(head.position, Some(divergence)));
            }
        }
        if reader.position.0 - told >= TELL_EVERY {
            told = reader.position.0;
            say(&format!("log: {told} of {} events", head.position));
        }
    }
    let divergence = match reader.ends_at(&head) {
        Some(divergence) => Some(divergence),
        None => reader.compare_streams(log.pool(), &head).await?,
    };
    Ok(reader.looked(head.position, divergence))
}

/// What has been read so far.
#[derive(Default)]
struct Reader {
    position: Position,
    event_id: Option<Uuid>,
    recorded_at: Option<chrono::DateTime<chrono::Utc>>,
    epoch: i32,
    /// Category names, so that a stream costs few bytes.
    categories: HashMap<String, u16>,
    versions: HashMap<(Uuid, Uuid, u16), i32>,
}

impl Reader {
    /// Takes the next event; what is wrong with it.
    fn read(&mut self, event: &Recorded<EventData>) -> Option<String> {
        let at = event.position;
        if at != self.position.next() {
            return Some(format!("after position {} comes position {at}", self.position));
        }
        if event.epoch.0 < self.epoch {
            return Some(format!("position {at} is of epoch {} after epoch {}", event.epoch, self.epoch));
        }
        if self.recorded_at.is_some_and(|before| event.recorded_at < before) {
            return Some(format!("position {at} was recorded before the one before it"));
        }
        let next = u16::try_from(self.categories.len()).unwrap_or(u16::MAX);
        let category = *self.categories.entry(event.category.clone()).or_insert(next);
        let version = self.versions.entry((event.tenant_id.0, event.stream_id, category)).or_default();
        if event.version.0 != *version + 1 {
            return Some(format!(
                "position {at} is version {} of {} {} after version {version}",
                event.version, event.category, event.stream_id
            ));
        }
        *version += 1;
        self.position = at;
        self.event_id = Some(event.event_id.0);
        self.recorded_at = Some(event.recorded_at);
        self.epoch = event.epoch.0;
        None
    }

    fn ends_at(&self, head: &Head) -> Option<String> {
        if self.position != head.position {
            return Some(format!("the head is at {}, the last event at {}", head.position, self.position));
        }
        (self.event_id != head.event_id.map(|id| id.0))
            .then(|| format!("the head names another event than stands at position {}", head.position))
    }

    /// Every stream is recorded at the version of its last event. Streams that were written meanwhile may be further.
    async fn compare_streams(&self, pool: &PgPool, head: &Head) -> Result<Option<String>, ReadError> {
        let mut seen = 0;
        let mut rows = sqlx::query("select tenant_id, stream_id, category, version from log.streams").fetch(pool);
        let mut further = None;
        while let Some(row) = rows.next().await {
            let row = row?;
            let (tenant, stream, category): (Uuid, Uuid, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let recorded: i32 = row.try_get(3)?;
            let key = self.categories.get(category).map(|category| (tenant, stream, *category));
            let counted = key.and_then(|key| self.versions.get(&key)).copied().unwrap_or(0);
            seen += usize::from(counted > 0);
            if recorded < counted {
                return Ok(Some(format!(
                    "{category} {stream} is recorded at version {recorded}, its last event is {counted}"
                )));
            }
            if recorded > counted && further.is_none() {
                further =
                    Some(format!("{category} {stream} is recorded at version {recorded}, its last event is {counted}"));
            }
        }
        drop(rows);
        if seen != self.versions.len() {
            return Ok(Some(format!("{} streams have events, {seen} of them are recorded", self.versions.len())));
        }
        let moved = Log::new(pool.clone()).head().await?.position != head.position;
        Ok(further.filter(|_| !moved))
    }

    fn looked(&self, head: Position, divergence: Option<String>) -> Looked {
        Looked { head, streams: self.versions.len(), divergence }
    }
}
