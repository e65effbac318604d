//! A second, simple way to fold a read model, to compare the engine's work with: one event after the other, every row in
//! memory, nothing batched, nothing cached. Shares with the engine only `decode`, `keys` and `apply`.

use crate::aside::{self, Aside};
use crate::ddl::Statements;
use crate::row::{self, RowError, read_at};
use event_store::{Log, ReadError};
use futures_util::StreamExt;
use kernel::{DecodeError, EventSet, Position, ReadModel, TenantId};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, query, query_scalar, raw_sql};
use std::collections::HashMap;
use std::fmt::Debug;

/// Events read at a time.
const PAGE: usize = 1_000;

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The checkpoint at which the table was compared with the log.
    pub position: Position,
    /// Rows that were equal.
    pub rows: usize,
    /// The first row that was not.
    pub difference: Option<Difference>,
}

/// A row that the table and the log do not agree upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose row.
    pub tenant_id: TenantId,
    /// Its key.
    pub key: String,
    /// What the log says, with the position of the last event that touched it; `None`: no such row.
    pub folded: Option<String>,
    /// What the table says.
    pub stored: Option<String>,
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
    /// A row of the table could not be read, or the fold's row not be written.
    #[error("reading a row of the table")]
    Row(#[from] RowError),
    /// The table could not be read.
    #[error("reading the table")]
    Database(#[from] sqlx::Error),
}

/// The rows of a read model as the log tells them.
pub struct Fold<M: ReadModel> {
    /// The last event that was folded.
    pub position: Position,
    /// Row and position of the last event that touched it, by key.
    pub rows: HashMap<(TenantId, M::Key), (M::Row, Position)>,
    /// What is not folded.
    aside: Aside,
}

impl<M: ReadModel> Fold<M> {
    /// Nothing is folded yet, and what is set aside never will be.
    pub fn new(aside: Aside) -> Self {
        Self { position: Position::ZERO, rows: HashMap::new(), aside }
    }

    /// Folds on, up to a position.
    ///
    /// # Errors
    /// The log or an event cannot be read.
    pub async fn fold_to(&mut self, log: &Log, up_to: Position) -> Result<(), CompareError> {
        let categories = M::Event::categories();
        while self.position < up_to {
            let left = usize::try_from(up_to.0 - self.position.0).unwrap_or(PAGE);
            let events = log.read(self.position, left.min(PAGE)).await?;
            if events.is_empty() {
                return Err(ReadError::Damaged(format!("the log ends before position {up_to}")).into());
            }
            for event in events {
                let position = event.position;
                self.position = position;
                if !categories.contains(&event.category.as_str()) || self.aside.has(&event) {
                    continue;
                }
                let event = event.decode().map_err(|source| CompareError::Decode { position, source })?;
                for key in M::keys(&event).as_slice() {
                    let place = (M::home(event.tenant_id), key.clone());
                    let before = self.rows.remove(&place).map(|(row, _)| row);
                    if let Some(after) = M::apply(before, key, &event) {
                        self.rows.insert(place, (after, position));
                    }
                }
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
pub async fn compare<M: ReadModel>(log: &Log, generation: i32) -> Result<Comparison, CompareError> {
    let checkpoint = "select position from projection.checkpoints where name = $1 and generation = $2";
    let checkpoint = || query_scalar(checkpoint).bind(M::NAME).bind(generation);
    let mut pooled = log.pool().acquire().await?;
    let mut fold = Fold::<M>::new(aside::load(&mut pooled, M::NAME, generation).await?);
    drop(pooled);
    // Most of the way before the snapshot is taken, so that it is held for a short time.
    fold.fold_to(log, Position(checkpoint().fetch_one(log.pool()).await?)).await?;

    // A connection of its own, closed at the end: no transaction can stay behind.
    let mut connection = log.pool().connect_options().connect().await?;
    raw_sql("set statement_timeout = 0; begin isolation level repeatable read, read only")
        .execute(&mut connection)
        .await?;
    let position = Position(checkpoint().fetch_one(&mut connection).await?);
    let aside = aside::load(&mut connection, M::NAME, generation).await?;
    if !aside.agrees(&fold.aside, fold.position) {
        // An operator has just resumed or skipped something.
        fold = Fold::new(Aside::default());
    }
    fold.aside = aside;
    fold.fold_to(log, position).await?;

    let statements = Statements::new(M::NAME, generation, &M::TABLE);
    let mut comparison = Comparison { position, rows: 0, difference: None };
    let mut stored = query(AssertSqlSafe(statements.all)).fetch(&mut connection);
    while let Some(stored) = stored.next().await {
        let stored = stored?;
        let tenant_id = TenantId(stored.try_get(0)?);
        let key: M::Key = read_at(&M::TABLE.columns[..M::TABLE.key], &stored, 1)?;
        let row: M::Row = read_at(M::TABLE.columns, &stored, 1)?;
        let at = Position(stored.try_get(1 + M::TABLE.columns.len())?);
        let folded = fold.rows.remove(&(tenant_id, key.clone()));
        let kept = folded.as_ref().map(|(row, at)| row::kept(&M::TABLE, row).map(|row| (row, *at))).transpose()?;
        if same(kept.as_ref(), &(row.clone(), at)) {
            comparison.rows += 1;
            continue;
        }
        comparison.difference = Some(Difference {
            tenant_id,
            key: format!("{key:?}"),
            folded: kept.map(|kept| format!("{kept:?}")),
            stored: Some(format!("{:?}", (row, at))),
        });
        return Ok(comparison);
    }
    comparison.difference = fold.rows.into_iter().next().map(|((tenant_id, key), row)| Difference {
        tenant_id,
        key: format!("{key:?}"),
        folded: Some(format!("{row:?}")),
        stored: None,
    });
    Ok(comparison)
}

/// Equal, or printed equally: "not a number" never equals itself.
fn same<T: PartialEq + Debug>(folded: Option<&T>, stored: &T) -> bool {
    folded.is_some_and(|folded| folded == stored || format!("{folded:?}") == format!("{stored:?}"))
}
