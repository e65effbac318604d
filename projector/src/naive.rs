//! A second, simple way to fold a read model, to compare the engine's work with: one event after the other, every row in
//! memory, nothing batched, nothing cached. Shares with the engine only `decode`, `keys` and `apply`.
//!
//! Memory is bounded: a read model with more rows than fit is folded and compared in slices of its keys, the whole log once
//! for each.

use crate::aside::{self, Aside};
use crate::ddl::Statements;
use crate::part::Part;
use crate::poison::chain;
use crate::row::{self, RowError, read_at};
use crate::shown::Shown;
use chrono::{DateTime, Utc};
use event_store::verify::{Divergence, Pace};
use event_store::{Log, ReadError, VaultError};
use futures_util::StreamExt;
use kernel::{DecodeError, EventData, EventSet, Position, ReadModel, Recorded, TenantId};
use serde::Serialize;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row, query, query_scalar, raw_sql};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;

/// How much may be folded at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows that are kept in memory.
    pub rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 500_000 }
    }
}

/// Clear texts that are compared at a time.
const CHECKED: usize = 500;

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The checkpoint at which the table was compared with the log.
    pub position: Position,
    /// Rows that were equal.
    pub rows: usize,
    /// The first thing that was not.
    pub divergence: Option<Divergence>,
}

/// Why a comparison came to no result.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event could not be read.
    #[error("reading the event at position {position}")]
    Decode {
        /// The event.
        position: Position,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// The first events are in archives only.
    #[error("the events up to position {0} are in archives only, and with them what the rows began with")]
    Cold(Position),
    /// There is no such generation.
    #[error("{name} has no generation {generation}")]
    NoGeneration {
        /// The read model.
        name: &'static str,
        /// The generation.
        generation: i32,
    },
    /// A row of the table could not be read, or the fold's row not be written.
    #[error("reading a row of the table")]
    Row(#[from] RowError),
    /// The table has personal data, and the log was given without its vault.
    #[error("the table has personal data, and there is no vault to open it")]
    NoVault,
    /// Personal data does not open.
    #[error("opening personal data")]
    Vault(#[from] VaultError),
    /// The table could not be read.
    #[error("reading the table")]
    Database(#[from] sqlx::Error),
}

impl CompareError {
    /// The same as a divergence, where it is one: an event that cannot be read.
    pub fn divergence(&self, name: &str) -> Option<Divergence> {
        let Self::Decode { position, source } = self else { return None };
        Some(Divergence {
            part: name.to_owned(),
            position: Some(*position),
            subject: String::new(),
            field: "data".to_owned(),
            expected: "an event that this program can read".to_owned(),
            found: chain(source),
        })
    }
}

/// The keys of one slice of all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    number: u64,
    of: u64,
}

impl Slice {
    fn has<K: Hash>(self, place: &K) -> bool {
        if self.of == 1 {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        place.hash(&mut hasher);
        hasher.finish() % self.of == self.number
    }
}

/// The rows of a read model as the log tells them.
struct Fold<M: ReadModel> {
    /// The last event that was folded.
    position: Position,
    /// Row and position of the last event that touched it, by key.
    rows: HashMap<(TenantId, M::Key), (M::Row, Position)>,
    /// What is not folded.
    aside: Aside,
    slice: Slice,
    /// Of a table that is folded in parts: how far each of them is. None: all rows are as far.
    parts: Vec<(Part, Position)>,
}

impl<M: ReadModel> Fold<M> {
    fn new(aside: Aside, slice: Slice) -> Self {
        Self { position: Position::ZERO, rows: HashMap::new(), aside, slice, parts: Vec::new() }
    }

    /// Folds on, up to a position. Answers `false` where there are too many rows.
    async fn fold_to(
        &mut self,
        log: &Log,
        up_to: Position,
        limits: Limits,
        pace: &mut Pace,
    ) -> Result<bool, CompareError> {
        let categories = M::Event::categories();
        while self.position < up_to {
            let window = Position(up_to.0.min(self.position.0 + pace.window()));
            let mut scan = pin!(log.scan(self.position, window, &[]));
            while let Some(events) = scan.next().await {
                let events = events?;
                let looked = events.len();
                for event in events {
                    if event.position != self.position.next() {
                        let missing = self.position.next();
                        return Err(ReadError::Damaged(format!("position {missing} is missing")).into());
                    }
                    self.position = event.position;
                    if categories.contains(&event.category.as_str()) && !self.aside.has(&event) {
                        self.fold(event)?;
                    }
                }
                if self.rows.len() > limits.rows {
                    return Ok(false);
                }
                pace.spend(looked).await;
            }
            if self.position < window {
                return Err(ReadError::Damaged(format!("the log ends before position {window}")).into());
            }
        }
        Ok(true)
    }

    fn fold(&mut self, event: Recorded<EventData>) -> Result<(), CompareError> {
        let position = event.position;
        let event = event.decode::<M::Event>().map_err(|source| CompareError::Decode { position, source })?;
        for key in M::keys(&event).as_slice() {
            let place = (M::home(event.tenant_id), key.clone());
            let part = self.parts.iter().find(|(part, _)| part.has(place.0, &place.1));
            if !self.slice.has(&place) || part.is_some_and(|(_, until)| position > *until) {
                continue;
            }
            let before = self.rows.remove(&place).map(|(row, _)| row);
            if let Some(after) = M::apply(before, key, &event) {
                self.rows.insert(place, (after, position));
            }
        }
        Ok(())
    }
}

/// Folds the log, but for what the generation has set aside, up to its checkpoint and compares with its table, row by row.
/// Readers and writers go on: the table and the checkpoint are read as of one moment.
///
/// # Errors
/// The log, an event or the table cannot be read.
pub async fn compare<M: ReadModel>(
    log: &Log,
    generation: i32,
    limits: Limits,
    pace: &mut Pace,
) -> Result<Comparison, CompareError> {
    let cold: i64 = query_scalar("select log.cold_up_to()").fetch_one(log.pool()).await?;
    if cold > 0 {
        return Err(CompareError::Cold(Position(cold)));
    }
    let mut slices = 1;
    loop {
        if let Some(whole) = compare_slices::<M>(log, generation, slices, limits, pace).await? {
            return Ok(whole);
        }
        slices *= 2;
    }
}

/// `None`: one of the slices has too many rows.
async fn compare_slices<M: ReadModel>(
    log: &Log,
    generation: i32,
    slices: u64,
    limits: Limits,
    pace: &mut Pace,
) -> Result<Option<Comparison>, CompareError> {
    let mut whole = Comparison { position: Position::ZERO, rows: 0, divergence: None };
    for number in 0..slices {
        let slice = Slice { number, of: slices };
        let Some(part) = compare_slice::<M>(log, generation, slice, limits, pace).await? else { return Ok(None) };
        whole = Comparison { rows: whole.rows + part.rows, ..part };
        if whole.divergence.is_some() {
            break;
        }
    }
    Ok(Some(whole))
}

/// `None`: it has too many rows.
async fn compare_slice<M: ReadModel>(
    log: &Log,
    generation: i32,
    slice: Slice,
    limits: Limits,
    pace: &mut Pace,
) -> Result<Option<Comparison>, CompareError> {
    // A connection of its own, closed at the end: no transaction can stay behind.
    let mut connection = log.pool().connect_options().connect().await?;
    let mut fold = Fold::<M>::new(aside::load(&mut connection, M::NAME, generation).await?, slice);
    // Most of the way before the snapshot is taken, so that it is held for a short time.
    let most_of_the_way = checkpoint::<M>(&mut connection, generation).await?;
    if !fold.fold_to(log, most_of_the_way, limits, pace).await? {
        return Ok(None);
    }
    raw_sql("set statement_timeout = 0; begin isolation level repeatable read, read only")
        .execute(&mut connection)
        .await?;
    let position = checkpoint::<M>(&mut connection, generation).await?;
    let since = query_scalar("select now()").fetch_one(&mut connection).await?;
    let aside = aside::load(&mut connection, M::NAME, generation).await?;
    if !aside.agrees(&fold.aside, fold.position) {
        // An operator has just resumed or skipped something.
        fold = Fold::new(Aside::default(), slice);
    }
    fold.aside = aside;
    fold.parts = parts::<M>(&mut connection, generation).await?;
    let furthest = fold.parts.iter().map(|(_, until)| *until).max().unwrap_or(position);
    if !fold.fold_to(log, furthest, limits, pace).await? {
        return Ok(None);
    }
    compare_rows(&mut connection, log, generation, fold, (position, since)).await.map(Some)
}

async fn checkpoint<M: ReadModel>(connection: &mut PgConnection, generation: i32) -> Result<Position, CompareError> {
    let position = query_scalar("select position from projection.checkpoints where name = $1 and generation = $2")
        .bind(M::NAME)
        .bind(generation)
        .fetch_optional(connection)
        .await?;
    position.map(Position).ok_or(CompareError::NoGeneration { name: M::NAME, generation })
}

async fn parts<M: ReadModel>(
    connection: &mut PgConnection,
    generation: i32,
) -> Result<Vec<(Part, Position)>, CompareError> {
    let rows = query("select part, of, position from projection.parts where name = $1 and generation = $2")
        .bind(M::NAME)
        .bind(generation)
        .fetch_all(connection)
        .await?;
    let one = |row: &sqlx::postgres::PgRow| {
        Ok((Part { number: row.try_get(0)?, of: row.try_get(1)? }, Position(row.try_get(2)?)))
    };
    rows.iter().map(one).collect()
}

async fn compare_rows<M: ReadModel>(
    connection: &mut PgConnection,
    log: &Log,
    generation: i32,
    mut fold: Fold<M>,
    (position, since): (Position, DateTime<Utc>),
) -> Result<Comparison, CompareError> {
    let mut shown = Shown::new(&M::TABLE, since);
    let statements = Statements::new(M::NAME, generation, &M::TABLE);
    let mut comparison = Comparison { position, rows: 0, divergence: None };
    let mut table = query(AssertSqlSafe(statements.all)).fetch(connection);
    while let Some(found) = table.next().await {
        let found = found?;
        let tenant_id = TenantId(found.try_get(0)?);
        let place: (TenantId, M::Key) = (tenant_id, read_at(&M::TABLE.columns[..M::TABLE.key], &found, 1)?);
        if !fold.slice.has(&place) {
            continue;
        }
        let row: M::Row = read_at(M::TABLE.columns, &found, 1)?;
        let at = Position(found.try_get(1 + M::TABLE.columns.len())?);
        let Some((folded, folded_at)) = fold.rows.remove(&place) else {
            comparison.divergence = Some(diverges::<M>(&place, at, "row", "none", "a row"));
            return Ok(comparison);
        };
        // The row as its table gives it back.
        let folded = row::kept(&M::TABLE, &folded)?;
        if !same(&folded, &row) {
            let (field, expected, found) = match row::differing(&M::TABLE, &folded, &row)? {
                Some(differing) => (differing.column, differing.one, differing.other),
                None => ("row", format!("{folded:?}"), format!("{row:?}")),
            };
            comparison.divergence = Some(diverges::<M>(&place, folded_at, field, expected, found));
            return Ok(comparison);
        }
        if folded_at != at {
            let (expected, found) = (folded_at.to_string(), at.to_string());
            comparison.divergence = Some(diverges::<M>(&place, folded_at, "at_position", expected, found));
            return Ok(comparison);
        }
        comparison.rows += 1;
        shown.push((tenant_id, &place.1, at), &row, &found)?;
        comparison.divergence = shown.check(M::NAME, log, CHECKED).await?;
        if comparison.divergence.is_some() {
            return Ok(comparison);
        }
    }
    comparison.divergence = shown.check(M::NAME, log, 1).await?;
    if comparison.divergence.is_some() {
        return Ok(comparison);
    }
    // Of the rows that are missing, the one that was touched first: the same each time.
    let missing = fold.rows.iter().min_by_key(|(_, (_, at))| *at);
    comparison.divergence = missing.map(|(place, (_, at))| diverges::<M>(place, *at, "row", "a row", "none"));
    Ok(comparison)
}

fn diverges<M: ReadModel>(
    (tenant_id, key): &(TenantId, M::Key),
    at: Position,
    field: &str,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Divergence {
    Divergence {
        part: M::NAME.to_owned(),
        position: Some(at),
        subject: format!("tenant {tenant_id}, key {key:?}"),
        field: field.to_owned(),
        expected: expected.into(),
        found: found.into(),
    }
}

/// Equal, or written equally: "not a number" never equals itself.
fn same<T: PartialEq + Serialize>(folded: &T, stored: &T) -> bool {
    let written = |row: &T| serde_json::to_string(row).ok();
    folded == stored || (written(folded).is_some() && written(folded) == written(stored))
}
