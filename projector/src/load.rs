//! Loading: the log is folded in memory by two threads, one that reads and decodes and one that folds, and the rows are
//! copied into the bare table; the transaction that copies the last of them moves the checkpoint.
//!
//! Until that transaction nothing counts: a build that ends before begins again, and none counts an event twice. Where
//! memory is full before the end of the log, what is folded is copied all the same, and a lane goes on from there with
//! upserts.

use crate::ahead::{Chunk, Reading, read_ahead};
use crate::bulk::Bulk;
use crate::control::{self, Place};
use crate::copy::{BareTable, CopyError};
use crate::lane::{Lane, LaneEnd};
use crate::pace::{NEARLY, Pace};
use crate::poison::Poison;
use crate::report::{Held, Phase, Progress};
use crate::roster::Orders;
use crate::runner::Shared;
use event_store::ReadError;
use kernel::Position;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// One scan of the log covers at most so many positions: it pins no old snapshot for long, and stays below the statement
/// timeout unless it is slowed down.
const WINDOW: i64 = 250_000;
/// Events that are decoded and folded at a time, and chunks that are decoded ahead.
const CHUNK: usize = 2_000;
const AHEAD: usize = 6;
/// Positions that are read between two pauses: a few milliseconds of work. Postgres works on for as long as there is room to
/// send, so a build that yields to others reads to an end before it pauses.
const STEP: i64 = 1_000;
/// Of the threads of a build, as `nice` counts.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// Tries of a stretch that cannot be read, without a single event in between.
const TRIES: u32 = 3;
/// How often the progress is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Pause before a load that Postgres would not take is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause of the folding thread while it may not go on.
const REST: Duration = Duration::from_millis(20);

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
    /// Events that were folded and nanoseconds that it took, since the reading thread last asked.
    events: AtomicUsize,
    worked: AtomicU64,
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

    /// The end of the log, when it was last looked at.
    fn head(&self) -> Position {
        Position(self.head.load(Ordering::Relaxed))
    }

    /// So many events were folded, and it took so long.
    fn folded(&self, events: usize, worked: Duration) {
        self.events.fetch_add(events, Ordering::Relaxed);
        self.worked.fetch_add(u64::try_from(worked.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What was folded since the last call.
    fn take_folded(&self) -> (usize, Duration) {
        (self.events.swap(0, Ordering::Relaxed), Duration::from_nanos(self.worked.swap(0, Ordering::Relaxed)))
    }
}

impl Lane {
    /// Fills the empty table, as far as memory and the log allow. `false`: what cannot be folded in memory is left to the
    /// lane, which finds the event that is to blame.
    pub(crate) async fn load(&mut self, stop: &CancellationToken) -> Result<bool, LaneEnd> {
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
                    return Ok(false);
                }
                Folded::Away(reason) => return Err(LaneEnd::Away(self.release(), reason)),
                Folded::Stopped if self.orders.borrow().gone => return Err(LaneEnd::Gone(self.release())),
                Folded::Stopped => return Err(LaneEnd::Stopped(self.release())),
            };
            if to.position == Position::ZERO {
                return Ok(false);
            }
            self.tell(Phase::Writing, None).await;
            match self.copy(rows, to, stop).await? {
                Copied::All => return Ok(true),
                Copied::Unfit => return Ok(false),
                Copied::NotNow => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Folds the log in memory. Answers with the rows.
    async fn fold_all(&mut self, stop: &CancellationToken) -> (Box<dyn Bulk>, Folded) {
        let rows = self.member().projection.bulk();
        let reading = Reading {
            scanner: self.scanner.clone(),
            categories: self.member().projection.categories().to_vec(),
            decoder: self.member().projection.decoder(),
            aside: Arc::clone(&self.member().aside),
        };
        let board = Arc::new(Board {
            position: AtomicI64::new(0),
            head: AtomicI64::new(0),
            rows: AtomicUsize::new(0),
            events: AtomicUsize::new(0),
            worked: AtomicU64::new(0),
            held: AtomicU8::new(0),
            stop: AtomicBool::new(false),
        });
        let (sender, chunks) = mpsc::channel(AHEAD);
        let (tell, told) = oneshot::channel();
        let memory = self.orders.borrow().memory.unwrap_or(self.shared.options.memory);
        let folder =
            Folder { rows, board: Arc::clone(&board), orders: self.orders.clone(), memory, at: Place::BEGINNING };
        let reader = Reader {
            reading,
            board: Arc::clone(&board),
            orders: self.orders.clone(),
            shared: Arc::clone(&self.shared),
            chunks: sender,
            at: Position::ZERO,
            lap: i64::MAX,
            pace: Pace::new(),
        };
        let (name, runtime) = (self.member().generation.name, Handle::current());
        let reader = thread::Builder::new().name(format!("read {name}")).spawn(move || {
            stand_back();
            runtime.block_on(reader.run());
        });
        let folding = thread::Builder::new().name(format!("fold {name}")).spawn(move || {
            stand_back();
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
        let head = board.head().max(position);
        let progress = Progress { phase: Phase::Loading, position, head, rows, held: board.held() };
        self.tell_that(progress).await;
    }

    /// Copies the rows into the table and moves the checkpoint; where the rows do not fit, a lane finds out why.
    async fn copy(&mut self, rows: Box<dyn Bulk>, to: Place, stop: &CancellationToken) -> Result<Copied, LaneEnd> {
        let (shared, orders) = (Arc::clone(&self.shared), self.orders.clone());
        let serving = orders.borrow().serving;
        let member = self.member();
        let bare = BareTable {
            shared,
            generation: member.generation.clone(),
            table: member.projection.table(),
            owner_epoch: member.owner_epoch,
            orders,
            serving,
            copied: AtomicUsize::new(0),
        };
        let from = member.at;
        let tell_copied = |lane: &mut Self| {
            lane.held = bare.held();
            if let Some(report) = &mut lane.report {
                report.copied(bare.copied.load(Ordering::Relaxed));
            }
        };
        let copied = self.telling(Phase::Writing, bare.fill(rows, from, to), tell_copied, stop).await?;
        tell_copied(self);
        self.held = None;
        match copied {
            Ok(true) => {
                let member = self.member();
                member.at = to;
                member.projection.forget(false);
                Ok(Copied::All)
            }
            Ok(false) => Err(LaneEnd::Fenced(self.release())),
            Err(CopyError::Row(poison)) => {
                tracing::warn!(error = poison.reason(), "a read model is built by small steps, to find the event");
                Ok(Copied::Unfit)
            }
            Err(CopyError::Database(error @ sqlx::Error::Database(_))) => {
                let passes = control::passes(&error);
                tracing::warn!(%error, "the rows of a build could not be written");
                // What does not pass is about the rows: small steps find the event.
                Ok(if passes { Copied::NotNow } else { Copied::Unfit })
            }
            Err(CopyError::Database(error)) => Err(LaneEnd::Away(self.release(), error.to_string())),
        }
    }
}

/// What became of the rows.
enum Copied {
    All,
    /// One of them does not fit the table.
    Unfit,
    /// Postgres would not take them this time.
    NotNow,
}

/// A thread of a build takes what others leave of the cores.
pub(crate) fn stand_back() {
    // Elsewhere it would be the process that stands back, not the thread.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}

/// Stops the threads when nobody waits for them any more.
struct Stopper(Arc<Board>);

impl Drop for Stopper {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// The reading thread.
struct Reader {
    reading: Reading,
    board: Arc<Board>,
    orders: watch::Receiver<Orders>,
    shared: Arc<Shared>,
    chunks: mpsc::Sender<Result<Chunk, ReadError>>,
    at: Position,
    /// Positions from one end of the log to the next, which was looked for there.
    lap: i64,
    pace: Pace,
}

impl Reader {
    /// Reads and decodes the log up to its end, or near it, in stretches. Tells the folding thread by closing the channel.
    ///
    /// A stretch that the folding thread holds up for long runs into the statement timeout: the rest is read anew.
    async fn run(mut self) {
        let mut failed = 0;
        loop {
            // To wait for the folding thread is no work, and whoever yields reads one chunk at a time.
            if self.chunks.reserve().await.is_err() {
                return;
            }
            self.pace.go_on();
            let before = self.at;
            match self.stretch().await {
                Ok(true) => failed = 0,
                Ok(false) => return,
                Err(_) if self.at > before => failed = 0,
                Err(_) if failed < TRIES => {
                    failed += 1;
                    tokio::time::sleep(LOOK).await;
                }
                // Nobody waits for it any more if this fails.
                Err(error) => return drop(self.chunks.send(Err(error)).await),
            }
            self.pause(self.at.0 - before.0).await;
        }
    }

    /// Reads on; whether there is more to read, and anybody who wants it.
    async fn stretch(&mut self) -> Result<bool, ReadError> {
        let log = self.shared.log();
        if self.board.head() <= self.at {
            // Nobody folds an event that a crash could still take back.
            let head = log.durable_head().await?.position;
            let lap = head.0 - self.at.0;
            // Little of it, or no less than the last time: a lane goes after the rest, beside an end that moves.
            let enough = self.at > Position::ZERO && (lap <= NEARLY || lap >= self.lap);
            if lap <= 0 || enough {
                return Ok(false);
            }
            self.lap = lap;
            self.board.head.store(head.0, Ordering::Relaxed);
        }
        let last = self.board.head().min(Position(self.at.0 + self.widest()));
        let Some(event) = log.event_at(last).await? else {
            return Err(ReadError::Damaged(format!("there is no event at position {last}")));
        };
        read_ahead(&self.reading, (&mut self.at, Place::of(&event)), CHUNK, &self.chunks).await
    }

    /// Positions to read before the next pause.
    fn widest(&self) -> i64 {
        let budget = self.orders.borrow().budget;
        match budget.events_per_second {
            // A small budget is spent in small pieces.
            Some(rate) => i64::from(rate / 8).clamp(1, STEP),
            None if budget.share(self.left()) < 100 => STEP,
            None => WINDOW,
        }
    }

    /// What it may take of the time, in percent.
    fn left(&self) -> u32 {
        self.pace.left(&self.shared.live, self.board.head().0 - self.at.0)
    }

    /// After so many positions: pauses as long as the budget and live traffic want, for what was read and what was folded
    /// meanwhile.
    async fn pause(&mut self, positions: i64) {
        let (events, folding) = self.board.take_folded();
        self.pace.beside(folding);
        self.pace.passed(positions);
        let paused = self.pace.pause(events, self.orders.borrow().budget, self.left());
        // Who was told to stand still says so in the folding thread.
        if !self.orders.borrow().paused {
            self.board.hold(paused.map(|(_, held)| held));
        }
        let mut left = paused.map_or(Duration::ZERO, |(pause, _)| pause);
        while !left.is_zero() && !self.board.stop.load(Ordering::Relaxed) && !self.orders.borrow().paused {
            let (part, rest) = Pace::part(left);
            tokio::time::sleep(part).await;
            left = rest;
        }
    }
}

/// The folding thread.
struct Folder {
    rows: Box<dyn Bulk>,
    board: Arc<Board>,
    orders: watch::Receiver<Orders>,
    memory: usize,
    at: Place,
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
            let (events, began) = (chunk.decoded.len, Instant::now());
            if events > 0
                && let Err(poison) = self.rows.fold(chunk.decoded)
            {
                break Folded::Broken(poison);
            }
            self.board.folded(events, began.elapsed());
            self.at = chunk.to.unwrap_or(self.at);
            self.board.position.store(self.at.position.0, Ordering::Relaxed);
            self.board.rows.store(self.rows.rows(), Ordering::Relaxed);
            if unreadable {
                break Folded::Unreadable(self.at);
            }
            if self.rows.bytes() >= self.memory {
                break Folded::To(self.at, true);
            }
        };
        (self.rows, folded)
    }

    /// Waits while an operator wants it to. `false`: it is to end.
    fn may_go_on(&mut self) -> bool {
        while !self.board.stop.load(Ordering::Relaxed) && self.orders.borrow().paused {
            self.board.hold(Some(Held::Pause));
            thread::sleep(REST);
        }
        !self.board.stop.load(Ordering::Relaxed)
    }
}
