//! Streams of notes, added to the log in bulk, a stretch at a time.

use super::copy::{self, Envelope, Writer};
use crate::Failure;
use crate::identity::STUDIO;
use crate::notes::{Streams, note};
use crate::servers::Database;
use chrono::Utc;
use kernel::Event;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// What is told by the new events, for those who follow the log.
const SETTLE: &str = "insert into log.streams (tenant_id, stream_id, category, version) \
        select tenant_id, stream_id, category, max(version) from log.events where position > $1 group by 1, 2, 3 \
        on conflict (tenant_id, stream_id, category) do update set version = excluded.version";
const HEAD: &str = "update log.head set (position, recorded_at, event_id) = \
        (select position, recorded_at, event_id from log.events order by position desc limit 1)";

/// A log of notes as one writer would fill it.
pub(crate) struct History {
    streams: Streams,
    position: i64,
}

impl History {
    pub(crate) const fn new() -> Self {
        Self { streams: Streams::new(7), position: 0 }
    }

    /// The last position that was written.
    pub(crate) const fn position(&self) -> i64 {
        self.position
    }

    /// Adds so many events; readers see all of them at once.
    pub(crate) async fn add(&mut self, database: &Database, events: i64) -> Result<(), Failure> {
        let before = self.position;
        // A connection of its own: the pool's sessions would time out.
        let mut connection = PgConnection::connect(&database.url).await?;
        let mut inside = connection.begin().await?;
        let mut writer = Writer::begin(&mut inside).await?;
        for _ in 0..events {
            let (stream_id, version) = self.streams.next();
            self.position += 1;
            let envelope = Envelope {
                position: self.position,
                at: Utc::now(),
                number: None,
                version: version + 1,
                stream_id,
                command_id: Uuid::now_v7(),
                actor_id: STUDIO,
                category: "bench.note",
            };
            copy::put(writer.buffer(), &envelope, &note(version + 1).encode())?;
            writer.flush_if_full().await?;
        }
        writer.finish().await?;
        sqlx::query(SETTLE).bind(before).execute(&mut *inside).await?;
        sqlx::query(HEAD).execute(&mut *inside).await?;
        inside.commit().await?;
        sqlx::raw_sql("analyze log.events; checkpoint").execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}
