//! A whole read model as it was at a moment, in a table of its own: for analysts, beside everything that readers see.
//!
//! The same fold as a build's, up to that moment. Nothing is left behind where it does not come to its end: the table is
//! made, filled and given its key in one transaction. Personal texts stay sealed.

use crate::ahead::{Chunk, Reading, read_ahead};
use crate::aside::{self, Aside};
use crate::bulk::Bulk;
use crate::control::Place;
use crate::copy::{HEADER, TRAILER};
use crate::ddl;
use crate::poison::Poison;
use crate::projection::Projection;
use crate::row::{Arrays, RowError, column_list};
use crate::tables;
use event_store::{Log, ReadError};
use kernel::Position;
use sqlx::{PgConnection, PgPool, query_scalar, raw_sql};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// One scan of the log covers at most so many positions: it stays below the statement timeout.
const WINDOW: i64 = 250_000;
/// Events that are decoded and folded at a time, chunks that are decoded ahead, rows that are sent at a time.
const CHUNK: usize = 2_000;
const AHEAD: usize = 6;
const ROWS: usize = 2_000;
/// Where a table goes that names no schema.
const SCHEMA: &str = "past";
/// Schemas that are the machinery's own.
const OURS: [&str; 9] =
    ["log", "projection", "read", "secrets", "effects", "analysis", "identity", "information_schema", "pg_catalog"];
/// Longest name that Postgres keeps whole, with room for `_pkey`.
const LONGEST_NAME: usize = 58;

/// The table that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    schema: String,
    table: String,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (schema, table) = text.split_once('.').unwrap_or((SCHEMA, text));
        for name in [schema, table] {
            let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            if !plain || name.len() > LONGEST_NAME {
                return Err(format!("{text:?} is no table like things_in_june or analysts.things_in_june"));
            }
        }
        if OURS.contains(&schema) || schema.starts_with("pg_") {
            return Err(format!("schema {schema} belongs to Sillage itself; choose another one"));
        }
        Ok(Self { schema: schema.to_owned(), table: table.to_owned() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// A table that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// The last event that is in it.
    pub position: Position,
    /// The version of the code that folded it.
    pub version: i32,
    /// How many rows it has.
    pub rows: usize,
    /// Events that readers do not see either: of parked streams, and skipped.
    pub set_aside: bool,
}

/// Why no table was made.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// There is such a table.
    #[error("there is a table {0} already")]
    Exists(Target),
    /// The log is not that long.
    #[error("the log ends at position {head}, before {asked}")]
    Ahead {
        /// What was asked for.
        asked: Position,
        /// The end of the log.
        head: Position,
    },
    /// The rows take more than they may.
    #[error("{rows} rows at position {position} take more memory than they may")]
    Memory {
        /// How many there were.
        rows: usize,
        /// How far it had come.
        position: Position,
    },
    /// An event cannot be folded, or a row not be written.
    #[error("the event at position {} cannot be folded: {}", .0.position, .0.reason())]
    Poison(Poison),
    /// A row does not fit its table.
    #[error("writing a row")]
    Row(#[source] RowError),
    /// The log could not be read.
    #[error("reading the log")]
    Read(#[from] ReadError),
    /// The table could not be made.
    #[error("making the table")]
    Database(#[from] sqlx::Error),
}

/// Folds a read model up to a position and puts its rows into a new table. `told` hears how far it is.
///
/// The sessions of `owner` work as the owner of the tables; rows may take about `memory` bytes.
///
/// # Errors
/// See [`PastError`]; nothing is left behind.
pub async fn build(
    log: &Log,
    owner: &PgPool,
    model: &dyn Projection,
    up_to: Position,
    target: &Target,
    memory: usize,
    told: impl Fn(Position, usize),
) -> Result<Past, PastError> {
    let mut connection = tables::open(&owner.connect_options()).await?;
    refuse_existing(&mut connection, target).await?;
    let head = log.durable_head().await?.position;
    if up_to > head {
        return Err(PastError::Ahead { asked: up_to, head });
    }
    let aside = what_readers_miss(&mut connection, model.name()).await?;
    let set_aside = !aside.is_empty();
    let rows = fold(log, model, aside, up_to, memory, told).await?;
    let count = rows.rows();
    // A task of its own: should the caller go away, the server rolls back.
    let (table, name, version, target) = (model.table(), model.name(), model.version(), target.clone());
    let writing = tokio::spawn(async move {
        raw_sql("begin").execute(&mut connection).await?;
        make(&mut connection, &target, &table, &format!("{name}, version {version}, as of position {up_to}")).await?;
        copy(&mut connection, &target, &table, rows).await?;
        finish(&mut connection, &target, &table).await?;
        raw_sql("commit").execute(&mut connection).await?;
        Ok::<_, PastError>(())
    });
    writing.await.unwrap_or_else(|stopped| Err(sqlx::Error::Io(stopped.into()).into()))?;
    Ok(Past { position: up_to, version, rows: count, set_aside })
}

async fn refuse_existing(connection: &mut PgConnection, target: &Target) -> Result<(), PastError> {
    let known: Option<String> =
        query_scalar("select to_regclass($1)::text").bind(target.to_string()).fetch_one(connection).await?;
    if known.is_some() { Err(PastError::Exists(target.clone())) } else { Ok(()) }
}

/// What the generation that readers see has set aside: an analyst's table misses the same.
async fn what_readers_miss(connection: &mut PgConnection, name: &str) -> Result<Aside, sqlx::Error> {
    let serving: Option<i32> =
        query_scalar("select generation from projection.projections where name = $1 and serving")
            .bind(name)
            .fetch_optional(&mut *connection)
            .await?;
    match serving {
        Some(serving) => aside::load(connection, name, serving).await,
        None => Ok(Aside::default()),
    }
}

async fn fold(
    log: &Log,
    model: &dyn Projection,
    aside: Aside,
    up_to: Position,
    memory: usize,
    told: impl Fn(Position, usize),
) -> Result<Box<dyn Bulk>, PastError> {
    let reading = Reading {
        scanner: log.scanner(),
        categories: model.categories().to_vec(),
        decoder: model.decoder(),
        aside: Arc::new(aside),
    };
    let (sender, mut chunks) = mpsc::channel(AHEAD);
    let log = log.clone();
    let reader = tokio::spawn(async move { read(&log, &reading, up_to, &sender).await });
    let mut rows = model.bulk();
    while let Some(chunk) = chunks.recv().await {
        let mut chunk: Chunk = chunk?;
        if let Some(poison) = chunk.decoded.poison.take() {
            return Err(PastError::Poison(poison));
        }
        if chunk.decoded.len > 0 {
            // Folding takes no longer than a few milliseconds for a chunk.
            rows = tokio::task::spawn_blocking(move || {
                let folded = rows.fold(chunk.decoded);
                folded.map(|()| rows)
            })
            .await
            .map_err(|stopped| sqlx::Error::Io(stopped.into()))?
            .map_err(PastError::Poison)?;
        }
        let at = chunk.to.map_or(Position::ZERO, |place| place.position);
        told(at, rows.rows());
        if rows.bytes() > memory {
            return Err(PastError::Memory { rows: rows.rows(), position: at });
        }
    }
    match reader.await {
        Ok(read) => read?,
        Err(stopped) => return Err(sqlx::Error::Io(stopped.into()).into()),
    }
    Ok(rows)
}

async fn read(
    log: &Log,
    reading: &Reading,
    up_to: Position,
    chunks: &mpsc::Sender<Result<Chunk, ReadError>>,
) -> Result<(), ReadError> {
    let mut at = Position::ZERO;
    while at < up_to {
        let last = Position(up_to.0.min(at.0 + WINDOW));
        let Some(event) = log.event_at(last).await? else {
            return Err(ReadError::Damaged(format!("there is no event at position {last}")));
        };
        if !read_ahead(reading, (&mut at, Place::of(&event)), CHUNK, chunks).await? {
            return Ok(());
        }
        at = last;
    }
    Ok(())
}

async fn make(
    connection: &mut PgConnection,
    target: &Target,
    table: &kernel::Table,
    what: &str,
) -> Result<(), sqlx::Error> {
    let definitions = ddl::column_definitions(table);
    // Behind the wall as every table with a tenant; readers for one tenant have no business here.
    let statement = format!(
        "create schema if not exists {}; create table {target} ({definitions}); \
         select log.wall('{target}', 'select', ''); alter table {target} no force row level security; \
         comment on table {target} is 'read model {what}'",
        target.schema
    );
    tables::run(connection, statement).await
}

async fn copy(
    connection: &mut PgConnection,
    target: &Target,
    table: &kernel::Table,
    mut rows: Box<dyn Bulk>,
) -> Result<(), PastError> {
    let columns = ddl::copy_columns(table);
    let statement = format!("copy {target} ({columns}) from stdin (format binary, freeze)");
    let mut copy = connection.copy_in_raw(&statement).await?;
    let (mut block, mut arrays) = (HEADER.to_vec(), Arrays::of_rows(table));
    loop {
        arrays.clear();
        rows.drain(ROWS, &mut arrays).map_err(PastError::Poison)?;
        conceal(&mut arrays)?;
        arrays.copy_rows(&mut block);
        let more = !arrays.is_empty();
        if !more {
            block.extend_from_slice(&TRAILER);
        }
        copy.send(std::mem::take(&mut block)).await?;
        if !more {
            copy.finish().await?;
            return Ok(());
        }
    }
}

/// Personal texts stay sealed: an erasure need not look for them in tables that nobody keeps a list of.
fn conceal(arrays: &mut Arrays) -> Result<(), PastError> {
    arrays.fill(std::iter::empty()).map_err(PastError::Row)
}

async fn finish(connection: &mut PgConnection, target: &Target, table: &kernel::Table) -> Result<(), sqlx::Error> {
    let key = column_list(&table.columns[..table.key], "");
    let statement = format!("alter table {target} add primary key (tenant_id, {key}); analyze {target}");
    tables::run(connection, statement).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_goes_where_nothing_of_the_machinery_is() {
        assert_eq!("things".parse::<Target>().unwrap().to_string(), "past.things");
        assert_eq!("june.things_1".parse::<Target>().unwrap().to_string(), "june.things_1");
        for bad in ["", "a.b.c", "Things", "log.events", "read.x", "pg_temp.x", "x; drop table y", "a\"b", "1a"] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?}");
        }
    }
}
