//! Copying: rows that were folded in memory go into the bare table by binary `COPY`, and with the last of them the checkpoint
//! moves.
//!
//! In one transaction where nobody is to be yielded to. A copy that yields takes many: as long as a transaction is open Postgres
//! cleans up after none that began later, and each command has to walk over all that was left of the few rows that every
//! command changes. What such a copy has left behind, should it not come to its end, is taken out by whoever begins again.

use crate::bulk::Bulk;
use crate::clear::{self, cause};
use crate::control::{self, Generation, Owned, Place};
use crate::ddl::{self, Statements};
use crate::load::stand_back;
use crate::pace::Pace;
use crate::poison::Poison;
use crate::projection::FoldError;
use crate::report::Held;
use crate::roster::Orders;
use crate::row::Arrays;
use crate::runner::Shared;
use crate::tables;
use kernel::{Position, Table};
use sqlx::{PgConnection, raw_sql};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as asking};
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

/// Rows in a block.
const ROWS: usize = 2_000;
/// In one of a copy that yields: some ten milliseconds of work. Postgres makes the words of a row in 150 us, ten times as
/// long as it takes for all else.
const STEP_ROWS: usize = 300;
const STEP_ROWS_WITH_WORDS: usize = 100;
/// Blocks that are made ahead, and threads that make them: one fetches keys of personal data while the other one opens.
const AHEAD: usize = 6;
const THREADS: usize = 2;
/// Pause before a look at whether it is still to wait.
const REST: Duration = Duration::from_millis(20);

/// `PGCOPY\n\377\r\n\0`, no flags, no header extension.
pub(crate) const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The field count that no row has.
pub(crate) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Why rows were not copied.
pub(crate) enum CopyError {
    Row(Poison),
    Database(sqlx::Error),
}

impl From<FoldError> for CopyError {
    fn from(error: FoldError) -> Self {
        match error {
            FoldError::Database(error) => Self::Database(error),
            other => Self::Row(Poison { position: Position::ZERO, event_id: None, cause: cause(other) }),
        }
    }
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// A table without a key, and who fills it.
pub(crate) struct BareTable {
    pub(crate) shared: Arc<Shared>,
    pub(crate) generation: Generation,
    pub(crate) table: Table,
    pub(crate) owner_epoch: i64,
    pub(crate) orders: watch::Receiver<Orders>,
    /// Readers have it before them: they see all of the rows at once, and soon, and are not locked out.
    pub(crate) serving: bool,
    /// How many rows are there.
    pub(crate) copied: AtomicUsize,
}

impl BareTable {
    /// Copies the rows and moves the checkpoint. `false`: another owner has taken over, or the log tells another history.
    pub(crate) async fn fill(&self, rows: Box<dyn Bulk>, from: Place, to: Place) -> Result<bool, CopyError> {
        // As the table's owner: Postgres copies into no table whose row level security holds for whoever copies.
        let mut connection = tables::open(&self.shared.connect).await?;
        let statements = Statements::new(self.generation.name, self.generation.number, &self.table);
        let (target, columns) = ddl::copy_target(self.generation.name, self.generation.number, &self.table);
        let mut blocks = Blocks::of(rows, &self.table, &self.shared)?;
        let mut pace = Pace::new();
        let mut to_empty = !self.serving;
        loop {
            raw_sql("begin").execute(&mut connection).await?;
            // Rows of a table that was emptied in the same transaction need no second look, ever.
            let freeze = if to_empty { ", freeze" } else { "" };
            if to_empty {
                tables::run(&mut connection, format!("truncate {target}")).await?;
            }
            clear::guard(&mut connection, &statements, self.shared.log().vault()).await?;
            let statement = format!("copy {target} ({columns}) from stdin (format binary{freeze})");
            self.copy(&mut connection, &statement, &mut blocks, &mut pace).await?;
            if blocks.are_all() {
                break;
            }
            if !self.keep(&mut connection, from).await? {
                return Ok(false);
            }
            let budget = self.orders.borrow().budget;
            if let Some((pause, _)) = pace.pause(0, budget, self.shared.live.left()) {
                tokio::time::sleep(pause).await;
            }
            while self.held() == Some(Held::Pause) {
                tokio::time::sleep(REST).await;
            }
            to_empty = false;
        }
        let mut owned = Owned::default();
        owned.push(&self.generation, self.owner_epoch);
        let advanced = control::advance(&mut connection, &owned, from, to).await?;
        if advanced {
            raw_sql("commit").execute(&mut connection).await?;
        }
        Ok(advanced)
    }

    /// What keeps it from working all the time; nothing, where readers wait for one transaction.
    pub(crate) fn held(&self) -> Option<Held> {
        if self.serving {
            return None;
        }
        let orders = self.orders.borrow();
        if orders.paused {
            return Some(Held::Pause);
        }
        orders.budget.holder(self.shared.live.left())
    }

    fn step(&self) -> usize {
        if ddl::has_words(&self.table) { STEP_ROWS_WITH_WORDS } else { STEP_ROWS }
    }

    /// Copies what is left, or as much as is copied before somebody is yielded to. No block is made before the transaction
    /// whose guard its clear texts need, nor for a later one.
    async fn copy(
        &self,
        connection: &mut PgConnection,
        statement: &str,
        blocks: &mut Blocks,
        pace: &mut Pace,
    ) -> Result<(), CopyError> {
        let mut copy = connection.copy_in_raw(statement).await?;
        copy.send(HEADER.as_slice()).await?;
        pace.go_on();
        blocks.ask(if self.held().is_some() { (1, self.step()) } else { (AHEAD, ROWS) })?;
        while let Some(Tuples { bytes, rows }) = blocks.next().await? {
            copy.send(bytes).await?;
            self.copied.fetch_add(rows, Ordering::Relaxed);
            if self.held().is_none() {
                // Whoever comes now is yielded to for what comes now.
                pace.go_on();
                blocks.ask((AHEAD, ROWS))?;
            }
        }
        copy.send(TRAILER.as_slice()).await?;
        copy.finish().await?;
        Ok(())
    }

    /// Commits what was copied so far, though a crash may take it back. `false`: another owner has taken over.
    async fn keep(&self, connection: &mut PgConnection, from: Place) -> Result<bool, sqlx::Error> {
        let holds = control::holds(connection, &self.generation, self.owner_epoch, from).await?;
        if holds {
            raw_sql("set local synchronous_commit = off; commit").execute(connection).await?;
        }
        Ok(holds)
    }
}

/// Rows for a binary `COPY`.
struct Tuples {
    bytes: Vec<u8>,
    rows: usize,
}

/// None where no rows are left.
type Block = Result<Option<Tuples>, CopyError>;

/// Rows on their way into blocks: as many as were asked for, in no order.
struct Blocks {
    ask: asking::Sender<usize>,
    made: mpsc::UnboundedReceiver<Block>,
    /// Those that were asked for and did not come yet.
    under_way: usize,
    ended: bool,
}

impl Blocks {
    fn of(rows: Box<dyn Bulk>, table: &Table, shared: &Arc<Shared>) -> Result<Self, sqlx::Error> {
        let (ask, asked) = asking::channel();
        let (sender, made) = mpsc::unbounded_channel();
        let (rows, asked) = (Arc::new(Mutex::new(rows)), Arc::new(Mutex::new(asked)));
        for _ in 0..THREADS {
            let encoder = Encoder {
                rows: Arc::clone(&rows),
                asked: Arc::clone(&asked),
                arrays: Arrays::of_rows(table),
                runtime: Handle::current(),
                shared: Arc::clone(shared),
                made: sender.clone(),
            };
            let name = "encode rows".to_owned();
            thread::Builder::new().name(name).spawn(move || encoder.run()).map_err(sqlx::Error::Io)?;
        }
        Ok(Self { ask, made, under_way: 0, ended: false })
    }

    /// Asks for blocks of so many rows until so many are under way.
    fn ask(&mut self, (blocks, rows): (usize, usize)) -> Result<(), sqlx::Error> {
        while !self.ended && self.under_way < blocks {
            self.ask.send(rows).map_err(|_| sqlx::Error::WorkerCrashed)?;
            self.under_way += 1;
        }
        Ok(())
    }

    /// The next block of those that were asked for.
    async fn next(&mut self) -> Block {
        while self.under_way > 0 {
            let block = self.made.recv().await.ok_or(sqlx::Error::WorkerCrashed)??;
            self.under_way -= 1;
            if block.is_some() {
                return Ok(block);
            }
            self.ended = true;
        }
        Ok(None)
    }

    /// Whether all rows were in them.
    const fn are_all(&self) -> bool {
        self.ended && self.under_way == 0
    }
}

/// A thread that turns rows into blocks.
struct Encoder {
    rows: Arc<Mutex<Box<dyn Bulk>>>,
    asked: Arc<Mutex<asking::Receiver<usize>>>,
    arrays: Arrays,
    runtime: Handle,
    shared: Arc<Shared>,
    made: mpsc::UnboundedSender<Block>,
}

impl Encoder {
    fn run(mut self) {
        stand_back();
        loop {
            let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(count) = asked else { return };
            // Somebody waits for it, and the other thread knows nothing of it.
            let block = catch_unwind(AssertUnwindSafe(|| self.block(count)));
            let block = block.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()));
            let failed = block.is_err();
            if self.made.send(block).is_err() || failed {
                return;
            }
        }
    }

    fn block(&mut self, count: usize) -> Block {
        self.arrays.clear();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.drain(count, &mut self.arrays).map_err(CopyError::Row)?;
        drop(rows);
        if self.arrays.is_empty() {
            return Ok(None);
        }
        self.runtime.block_on(clear::open(&mut self.arrays, self.shared.log().vault()))?;
        let mut bytes = Vec::new();
        self.arrays.copy_rows(&mut bytes);
        Ok(Some(Tuples { bytes, rows: self.arrays.len() }))
    }
}
