//! Loading: the log is folded in memory by two threads, one that reads and decodes and one that folds, and the rows are
//! copied into the bare table in the transaction that moves the checkpoint.
//!
//! Until that transaction nothing is kept: a build that ends before begins again, and none counts an event twice. Where
//! memory is full before the end of the log, what is folded is copied all the same, and a lane goes on from there with
//! upserts.

use crate::ahead::{Chunk, Reading, read_ahead};
use crate::build::NEARLY;
use crate::bulk::Bulk;
use crate::clear::{self, cause};
use crate::control::{self, Generation, Owned, Place};
use crate::ddl::{self, Statements};
use crate::lane::{Lane, LaneEnd};
use crate::pace::Pace;
use crate::poison::Poison;
use crate::projection::FoldError;
use crate::report::{Held, Phase, Progress};
use crate::roster::{Budget, Orders};
use crate::runner::Shared;
use crate::tables;
use event_store::{Log, ReadError, Vault};
use kernel::Position;
use sqlx::raw_sql;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// One scan of the log covers at most so many positions: it pins no old snapshot for long, and stays below the statement
/// timeout unless it is slowed down.
const WINDOW: i64 = 250_000;
/// Events that are decoded and folded at a time, and chunks that are decoded ahead.
const CHUNK: usize = 2_000;
const AHEAD: usize = 6;
/// Rows that are encoded and sent at a time.
const ROWS: usize = 2_000;
/// Tries of a stretch that cannot be read, without a single event in between.
const TRIES: u32 = 3;
/// How often the progress is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Pause before a load that Postgres would not take is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause of the folding thread while it may not go on.
const REST: Duration = Duration::from_millis(20);

/// `PGCOPY\n\377\r\n\0`, no flags, no header extension.
pub(crate) const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The field count that no row has.
pub(crate) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// What became of the fold.
enum Folded {
    /// Up to this place, which is the end of the log or where memory was full (`true`).
    To(Place, bool),
    /// Up to this place; the next event cannot be read.
    Unreadable(Place),
    /// The read model panicked: nothing in memory is of use.
    Broken(Poison),
    /// The log could not be read.
    Away(String),
    /// Somebody wanted it to end.
    Stopped,
}

/// What the folding thread tells, and is told, while it works.
struct Board {
    position: AtomicI64,
    head: AtomicI64,
    rows: AtomicUsize,
    held: AtomicU8,
    stop: AtomicBool,
}

impl Board {
    fn hold(&self, held: Option<Held>) {
        let held = match held {
            None => 0,
            Some(Held::Pause) => 1,
            Some(Held::Budget) => 2,
            Some(Held::Live) => 3,
        };
        self.held.store(held, Ordering::Relaxed);
    }

    fn held(&self) -> Option<Held> {
        match self.held.load(Ordering::Relaxed) {
            1 => Some(Held::Pause),
            2 => Some(Held::Budget),
            3 => Some(Held::Live),
            _ => None,
        }
    }
}

impl Lane {
    /// Fills the empty table, as far as memory and the log allow. What cannot be folded in memory is left to the lane,
    /// which finds the event that is to blame.
    pub(crate) async fn load(&mut self, stop: &CancellationToken) -> Result<(), LaneEnd> {
        loop {
            if let Some(end) = self.obey(stop).await {
                return Err(end);
            }
            self.tell(Phase::Loading, None).await;
            let (rows, folded) = self.fold_all(stop).await;
            let to = match folded {
                Folded::To(place, full) => {
                    if full && let Some(report) = &mut self.report {
                        report.spilled();
                    }
                    place
                }
                Folded::Unreadable(place) => place,
                Folded::Broken(poison) => {
                    tracing::warn!(error = poison.reason(), "a read model is built by small steps, to find the event");
                    return Ok(());
                }
                Folded::Away(reason) => return Err(LaneEnd::Away(self.release(), reason)),
                Folded::Stopped if self.orders.borrow().gone => return Err(LaneEnd::Gone(self.release())),
                Folded::Stopped => return Err(LaneEnd::Stopped(self.release())),
            };
            if to.position == Position::ZERO {
                return Ok(());
            }
            self.tell(Phase::Writing, None).await;
            if self.copy(rows, to, stop).await? {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Folds the log in memory. Answers with the rows.
    async fn fold_all(&mut self, stop: &CancellationToken) -> (Box<dyn Bulk>, Folded) {
        let rows = self.member().projection.bulk();
        let reading = Reading {
            categories: self.member().projection.categories().to_vec(),
            decoder: self.member().projection.decoder(),
            aside: Arc::clone(&self.member().aside),
        };
        let board = Arc::new(Board {
            position: AtomicI64::new(0),
            head: AtomicI64::new(0),
            rows: AtomicUsize::new(0),
            held: AtomicU8::new(0),
            stop: AtomicBool::new(false),
        });
        let (sender, chunks) = mpsc::channel(AHEAD);
        let (tell, told) = oneshot::channel();
        let memory = self.orders.borrow().memory.unwrap_or(self.shared.options.memory);
        let folder = Folder {
            rows,
            board: Arc::clone(&board),
            orders: self.orders.clone(),
            shared: Arc::clone(&self.shared),
            memory,
            at: Place::BEGINNING,
            pace: Pace::new(),
        };
        let (log, runtime) = (self.shared.log().clone(), Handle::current());
        let (name, read_to) = (self.member().generation.name, Arc::clone(&board));
        let reader = thread::Builder::new()
            .name(format!("read {name}"))
            .spawn(move || runtime.block_on(read_log(&log, &reading, &read_to, &sender)));
        let folding = thread::Builder::new().name(format!("fold {name}")).spawn(move || {
            // Who no longer waits has set the board's stop.
            let _ = tell.send(folder.run(chunks));
        });
        if let Err(error) = reader.and(folding) {
            return (self.member().projection.bulk(), Folded::Away(error.to_string()));
        }
        // Also where this future is dropped: the threads end by themselves.
        let _stopper = Stopper(Arc::clone(&board));
        let mut told = told;
        loop {
            tokio::select! {
                outcome = &mut told => {
                    return outcome.unwrap_or_else(|_| {
                        (self.member().projection.bulk(), Folded::Away("the folding thread has panicked".to_owned()))
                    });
                }
                () = tokio::time::sleep(LOOK) => {}
            }
            let orders = self.orders.borrow().clone();
            if stop.is_cancelled() || orders.gone {
                board.stop.store(true, Ordering::Relaxed);
            }
            self.tell_board(&board).await;
        }
    }

    async fn tell_board(&mut self, board: &Board) {
        let position = Position(board.position.load(Ordering::Relaxed));
        let rows = board.rows.load(Ordering::Relaxed);
        let head = Position(board.head.load(Ordering::Relaxed)).max(position);
        let progress = Progress { phase: Phase::Loading, position, head, rows, held: board.held() };
        self.tell_that(progress).await;
    }

    /// Copies the rows into the table and moves the checkpoint, in one transaction; where the rows do not fit, nothing is
    /// written, and a lane finds out. `false`: Postgres would not do it this time.
    async fn copy(&mut self, rows: Box<dyn Bulk>, to: Place, stop: &CancellationToken) -> Result<bool, LaneEnd> {
        let mut owned = Owned::default();
        let member = self.member();
        owned.push(&member.generation, member.owner_epoch);
        let (from, generation, table) = (member.at, member.generation.clone(), member.projection.table());
        let serving = self.orders.borrow().serving;
        let count = rows.rows();
        let copying = copy_rows(&self.shared, &generation, &table, serving, rows, (&owned, from, to));
        let copied = tokio::select! {
            copied = copying => copied,
            () = stop.cancelled() => return Err(LaneEnd::Stopped(self.release())),
            () = crate::lane::gone(&mut self.orders) => return Err(LaneEnd::Gone(self.release())),
        };
        match copied {
            Ok(true) => {
                let member = self.member();
                member.at = to;
                member.projection.forget(false);
                if let Some(report) = &mut self.report {
                    report.copied(count);
                }
                Ok(true)
            }
            Ok(false) => Err(LaneEnd::Fenced(self.release())),
            Err(CopyError::Row(poison)) => {
                tracing::warn!(error = poison.reason(), "a read model is built by small steps, to find the event");
                Ok(true)
            }
            Err(CopyError::Database(error @ sqlx::Error::Database(_))) => {
                let passes = control::passes(&error);
                tracing::warn!(%error, "the rows of a build could not be written");
                // What does not pass is about the rows: small steps find the event.
                Ok(!passes)
            }
            Err(CopyError::Database(error)) => Err(LaneEnd::Away(self.release(), error.to_string())),
        }
    }
}

/// Stops the threads when nobody waits for them any more.
struct Stopper(Arc<Board>);

impl Drop for Stopper {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Reads and decodes the log up to its end, in stretches. Tells the folding thread by closing the channel.
///
/// A stretch that the folding thread holds up for long runs into the statement timeout: the rest is read anew.
async fn read_log(log: &Log, reading: &Reading, board: &Board, chunks: &mpsc::Sender<Result<Chunk, ReadError>>) {
    let (mut at, mut failed) = (Position::ZERO, 0);
    loop {
        let before = at;
        match read_stretch(log, reading, board, &mut at, chunks).await {
            Ok(true) => failed = 0,
            Ok(false) => return,
            Err(_) if at > before => failed = 0,
            Err(_) if failed < TRIES => {
                failed += 1;
                tokio::time::sleep(LOOK).await;
            }
            // Nobody waits for it any more if this fails.
            Err(error) => return drop(chunks.send(Err(error)).await),
        }
    }
}

/// Reads on from `at`; whether there is more to read, and anybody who wants it.
async fn read_stretch(
    log: &Log,
    reading: &Reading,
    board: &Board,
    at: &mut Position,
    chunks: &mpsc::Sender<Result<Chunk, ReadError>>,
) -> Result<bool, ReadError> {
    // Nobody folds an event that a crash could still take back.
    let head = log.durable_head().await?.position;
    board.head.store(head.0, Ordering::Relaxed);
    if head <= *at {
        return Ok(false);
    }
    let last = Position(head.0.min(at.0 + WINDOW));
    let Some(event) = log.event_at(last).await? else {
        return Err(ReadError::Damaged(format!("there is no event at position {last}")));
    };
    read_ahead(log, reading, (at, Place::of(&event)), CHUNK, chunks).await
}

/// The folding thread.
struct Folder {
    rows: Box<dyn Bulk>,
    board: Arc<Board>,
    orders: watch::Receiver<Orders>,
    shared: Arc<Shared>,
    memory: usize,
    at: Place,
    pace: Pace,
}

impl Folder {
    fn run(mut self, mut chunks: mpsc::Receiver<Result<Chunk, ReadError>>) -> (Box<dyn Bulk>, Folded) {
        let folded = loop {
            if !self.may_go_on() {
                break Folded::Stopped;
            }
            let mut chunk = match chunks.blocking_recv() {
                None => break Folded::To(self.at, false),
                Some(Err(error)) => break Folded::Away(error.to_string()),
                Some(Ok(chunk)) => chunk,
            };
            let unreadable = chunk.decoded.poison.take().is_some();
            let events = chunk.decoded.len;
            if events > 0
                && let Err(poison) = self.rows.fold(chunk.decoded)
            {
                break Folded::Broken(poison);
            }
            self.at = chunk.to.unwrap_or(self.at);
            self.board.position.store(self.at.position.0, Ordering::Relaxed);
            self.board.rows.store(self.rows.rows(), Ordering::Relaxed);
            if unreadable {
                break Folded::Unreadable(self.at);
            }
            if self.rows.bytes() >= self.memory {
                break Folded::To(self.at, true);
            }
            self.pause(events);
        };
        (self.rows, folded)
    }

    /// Waits while an operator wants it to. `false`: it is to end.
    fn may_go_on(&mut self) -> bool {
        while !self.board.stop.load(Ordering::Relaxed) && self.orders.borrow().paused {
            self.board.hold(Some(Held::Pause));
            thread::sleep(REST);
            self.pace.go_on();
        }
        !self.board.stop.load(Ordering::Relaxed)
    }

    /// Pauses as long as the budget and live traffic want.
    fn pause(&mut self, events: usize) {
        let budget = self.orders.borrow().budget;
        // What is nearly done is done soonest at full speed.
        let gap = self.board.head.load(Ordering::Relaxed) - self.at.position.0;
        let left = if gap <= NEARLY { 100 } else { self.shared.live.left() };
        let paused = self.pace.pause(events, budget, left);
        self.board.hold(paused.map(|(_, held)| held));
        let mut left = paused.map_or(Duration::ZERO, |(pause, _)| pause);
        while !left.is_zero() && !self.board.stop.load(Ordering::Relaxed) && !self.orders.borrow().paused {
            let (part, rest) = Pace::part(left);
            thread::sleep(part);
            left = rest;
        }
        self.pace.go_on();
    }
}

/// Why rows were not copied.
enum CopyError {
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

/// One transaction. `false`: another owner has taken over, or the log tells another history.
async fn copy_rows(
    shared: &Shared,
    generation: &Generation,
    table: &kernel::Table,
    serving: bool,
    rows: Box<dyn Bulk>,
    (owned, from, to): (&Owned, Place, Place),
) -> Result<bool, CopyError> {
    // As the table's owner: Postgres copies into no table whose row level security holds for whoever copies.
    let mut connection = tables::open(&shared.connect).await?;
    let (target, columns) = ddl::copy_target(generation.name, generation.number, table);
    raw_sql("begin").execute(&mut connection).await?;
    let freeze = if serving {
        // Readers have the table before them, and are not to wait.
        ""
    } else {
        // Nobody sees it yet. Rows of a table that was emptied in the same transaction need no second look, ever.
        tables::run(&mut connection, format!("truncate {target}")).await?;
        ", freeze"
    };
    let vault = shared.log().vault().cloned();
    let statements = Statements::new(generation.name, generation.number, table);
    clear::guard(&mut connection, &statements, vault.as_ref()).await?;
    let statement = format!("copy {target} ({columns}) from stdin (format binary{freeze})");
    let (sender, mut blocks) = mpsc::channel::<Result<Vec<u8>, CopyError>>(AHEAD);
    let runtime = Handle::current();
    let encoding = tokio::task::spawn_blocking(move || encode(rows, vault.as_ref(), &runtime, &sender));
    let mut copy = connection.copy_in_raw(&statement).await?;
    let mut pace = Pace::new();
    while let Some(block) = blocks.recv().await {
        match block {
            Ok(block) => drop(copy.send(block).await?),
            Err(error) => return Err(error),
        }
        if let Some((pause, _)) = pace.pause(0, Budget::default(), shared.live.left()) {
            tokio::time::sleep(pause).await;
        }
        pace.go_on();
    }
    copy.finish().await?;
    // It has ended, or the channel would be open.
    let _ = encoding.await;
    let advanced = control::advance(&mut connection, owned, from, to).await?;
    if advanced {
        raw_sql("commit").execute(&mut connection).await?;
    }
    Ok(advanced)
}

/// Turns all rows into blocks of a binary `COPY`.
fn encode(
    mut rows: Box<dyn Bulk>,
    vault: Option<&Vault>,
    runtime: &Handle,
    blocks: &mpsc::Sender<Result<Vec<u8>, CopyError>>,
) {
    let mut block = HEADER.to_vec();
    loop {
        let opened = rows.drain(ROWS).map_err(CopyError::Row).and_then(|arrays| {
            runtime.block_on(clear::open(arrays, vault))?;
            arrays.copy_rows(&mut block);
            Ok(!arrays.is_empty())
        });
        let more = match opened {
            Ok(more) => more,
            Err(error) => return drop(blocks.blocking_send(Err(error))),
        };
        if !more {
            block.extend_from_slice(&TRAILER);
        }
        if blocks.blocking_send(Ok(std::mem::take(&mut block))).is_err() || !more {
            return;
        }
    }
}
