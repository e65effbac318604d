//! Catching up: a projection that is behind folds long stretches of the log by itself, on a connection of its own.
//!
//! Reading and decoding run ahead in another task. Events are folded in memory until enough rows wait to be written; a row
//! that many events touch is then written once. A transaction that fails is tried again in halves, so that everything
//! before the event that is to blame is committed; its stream is then parked and everything else goes on.

use crate::ahead::{Chunk, Reading, read_ahead};
use crate::aside;
use crate::control::Place;
use crate::metrics;
use crate::pace::Pace;
use crate::poison::{Poison, PoisonCause};
use crate::projection::Decoded;
use crate::report::{Held, Phase, Report};
use crate::roster::Orders;
use crate::runner::Shared;
use crate::writer::{Member, WriteError, Writer};
use event_store::Scanner;
use kernel::Position;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// One scan of the log covers at most so many positions: it stays far below the statement timeout, and pins no old
/// snapshot for long.
const WINDOW: i64 = 100_000;
/// Events that are read, decoded and folded at a time.
const CHUNK: usize = 5_000;
/// Chunks that are decoded while others are written.
const AHEAD: usize = 8;
/// Rows that wait may be so large together, as they are sent; in memory they take two or three times as much.
const WAITING_BYTES: usize = 64 << 20;
/// What is folded is written after so long, so that progress can be seen and a crash costs little.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Pauses before something that Postgres would not do is tried again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How a lane ends.
pub(crate) enum LaneEnd {
    /// The member is close to the end of the log.
    Reached(Member),
    /// The member stands right before an event that it cannot fold, and that is not about one stream alone.
    Failed(Member, Poison),
    /// An operator wants the member to stand still: others may have its lane.
    Paused(Member),
    /// The lane was told to stop.
    Stopped(Member),
    /// The generation is not wanted any more.
    Gone(Member),
    /// The checkpoint was refused: another owner, or another history.
    Fenced(Member),
    /// Postgres is away.
    Away(Member, String),
}

impl LaneEnd {
    /// The slot of the member.
    pub(crate) const fn slot(&self) -> usize {
        let (Self::Reached(member)
        | Self::Failed(member, _)
        | Self::Paused(member)
        | Self::Stopped(member)
        | Self::Gone(member)
        | Self::Fenced(member)
        | Self::Away(member, _)) = self;
        member.slot
    }
}

/// Folds until the member is close to the end of the log; what is missing of its table is made on the way.
pub(crate) async fn catch_up(member: Member, shared: Arc<Shared>, stop: CancellationToken) -> LaneEnd {
    let (name, from, began) = (member.generation.name, member.at.position, Instant::now());
    let mut lane = Lane::new(member, Arc::clone(&shared));
    let end = lane.catch_up(&stop).await;
    if let LaneEnd::Reached(member) = &end {
        let events = member.at.position.0 - from.0;
        if events > 0 {
            let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(projection = name, events, elapsed_ms, "caught up with the log");
        }
    }
    end
}

pub(crate) struct Lane {
    pub(crate) shared: Arc<Shared>,
    writer: Writer,
    pub(crate) scanner: Scanner,
    member: Option<Member>,
    pub(crate) orders: watch::Receiver<Orders>,
    /// Where the generation is being built: how that goes.
    pub(crate) report: Option<Report>,
    pub(crate) pace: Pace,
    /// Events to go, when that was last looked at.
    pub(crate) gap: i64,
    /// What held it up when it last paused.
    pub(crate) held: Option<Held>,
    /// Most events per transaction; fewer after a failure.
    size: usize,
    /// Most rows that wait; follows from how large they are.
    rows: usize,
    pause: Duration,
    waiting: Waiting,
}

/// What is folded in memory and not yet written.
pub(crate) struct Waiting {
    events: usize,
    rows: usize,
    to: Option<Place>,
    /// The last event that was folded; `to` may be further.
    last: Option<Position>,
    since: Instant,
}

impl Waiting {
    fn nothing() -> Self {
        Self { events: 0, rows: 0, to: None, last: None, since: Instant::now() }
    }
}

/// What to do next.
pub(crate) enum After {
    Continue,
    /// Read again from the checkpoint.
    Again,
    End(Box<LaneEnd>),
}

impl After {
    pub(crate) fn end(end: LaneEnd) -> Self {
        Self::End(Box::new(end))
    }
}

impl Lane {
    fn new(mut member: Member, shared: Arc<Shared>) -> Self {
        member.projection.bound(shared.options.catch_up_rows);
        Self {
            writer: Writer::new(shared.fold.clone(), shared.log().vault().cloned()),
            scanner: shared.log().scanner(),
            orders: member.orders.clone(),
            member: Some(member),
            report: None,
            pace: Pace::new(),
            gap: 0,
            held: None,
            size: shared.options.catch_up_batch.max(1),
            rows: shared.options.catch_up_rows.min(CHUNK),
            pause: FIRST_PAUSE,
            waiting: Waiting::nothing(),
            shared,
        }
    }

    async fn catch_up(&mut self, stop: &CancellationToken) -> LaneEnd {
        if let Some(end) = self.archived().await {
            return end;
        }
        let made = match self.look().await {
            Ok(made) => made,
            Err(end) => return end,
        };
        let shared = Arc::clone(&self.shared);
        let table = self.member().projection.table();
        let whole = made.is_whole(&self.member().generation, &table);
        let turn = if whole { &shared.lanes } else { &shared.builds };
        if !whole {
            self.begin_report();
            self.tell(Phase::Waiting, None).await;
        }
        let _permit = tokio::select! {
            permit = turn.acquire() => permit,
            () = stop.cancelled() => return LaneEnd::Stopped(self.release()),
            () = gone(&mut self.orders) => return LaneEnd::Gone(self.release()),
        };
        if whole { self.run(stop).await } else { self.build(made, stop).await }
    }

    /// The end, if what comes next is in files only: no waiting helps, and nobody else is concerned.
    async fn archived(&mut self) -> Option<LaneEnd> {
        let at = self.member().at;
        match self.shared.log().archived().await {
            Ok(Some(archived)) if at.position < archived.last => {
                let cause = PoisonCause::Archived { from: at.position.next(), up_to: archived.last };
                let poison = Poison { position: at.position.next(), event_id: None, cause };
                Some(LaneEnd::Failed(self.release(), poison))
            }
            Ok(_) => None,
            Err(error) => Some(LaneEnd::Away(self.release(), error.to_string())),
        }
    }

    /// Folds until the member is close to the end of the log.
    pub(crate) async fn run(&mut self, stop: &CancellationToken) -> LaneEnd {
        // A member that was put here by an event which the group could not fold is close to the end already: it must get
        // past what was the end when it came before it may go back.
        let mut must_reach = None;
        loop {
            if let Some(end) = self.obey(stop).await {
                return end;
            }
            // Nobody folds an event that a crash could still take back.
            let head = match self.shared.log().durable_head().await {
                Ok(head) => head.position,
                Err(error) => return LaneEnd::Away(self.release(), error.to_string()),
            };
            let must = *must_reach.get_or_insert(head);
            let at = self.reached();
            self.gap = head.0 - at.position.0;
            let hold = self.orders.borrow().hold_at;
            let head = hold.map_or(head, |hold| hold.min(head));
            let near = match hold {
                // Exactly there the parts of a generation meet.
                Some(_) => at.position >= head,
                None => at.position >= must && head.0 - at.position.0 <= self.shared.near(),
            };
            let after = if near { self.flush().await } else { self.window(at, head, stop).await };
            match after {
                After::Continue if near => return LaneEnd::Reached(self.release()),
                After::Continue => self.size = (self.size * 2).min(self.shared.options.catch_up_batch),
                After::Again => {}
                After::End(end) => return *end,
            }
            if let Some(member) = &self.member {
                metrics::gap(member.generation.name, head.0 - member.at.position.0);
            }
            self.tell(Phase::CatchingUp, Some(head)).await;
        }
    }

    /// A build waits while an operator wants it to, with all that it has in memory; who has a whole table comes back to a lane
    /// when it may go on. The end if the generation is not wanted any more.
    pub(crate) async fn obey(&mut self, stop: &CancellationToken) -> Option<LaneEnd> {
        let orders = self.orders.borrow_and_update().clone();
        if orders.gone {
            return Some(LaneEnd::Gone(self.release()));
        }
        if !orders.paused {
            return None;
        }
        let flushed = self.flush().await;
        self.pace.go_on();
        if let After::End(end) = flushed {
            return Some(*end);
        }
        if self.report.is_none() {
            return Some(LaneEnd::Paused(self.release()));
        }
        self.tell_held(Held::Pause).await;
        tokio::select! {
            () = stop.cancelled() => Some(LaneEnd::Stopped(self.release())),
            gone = resumed(&mut self.orders) => gone.then(|| LaneEnd::Gone(self.release())),
        }
    }

    pub(crate) fn member(&mut self) -> &mut Member {
        match &mut self.member {
            Some(member) => member,
            None => unreachable!("a lane has its member until it ends"),
        }
    }

    pub(crate) fn release(&mut self) -> Member {
        match self.member.take() {
            Some(member) => member,
            None => unreachable!("a lane has its member until it ends"),
        }
    }

    pub(crate) fn put_back(&mut self, member: Member) {
        self.member = Some(member);
    }

    /// The place up to which events are folded, be it only in memory.
    pub(crate) fn reached(&mut self) -> Place {
        self.waiting.to.unwrap_or_else(|| self.member().at)
    }

    /// Folds the next stretch.
    async fn window(&mut self, at: Place, head: Position, stop: &CancellationToken) -> After {
        // What was done before, be it to load the table, is paid for.
        self.pace.go_on();
        let widest = if self.size < CHUNK {
            // After a failure: little steps, until they succeed and grow again.
            i64::try_from(self.size.saturating_mul(8)).unwrap_or(WINDOW)
        } else {
            WINDOW
        };
        let last = Position(head.0.min(at.position.0 + widest));
        let up_to = match self.shared.log().event_at(last).await {
            Ok(Some(event)) => Place::of(&event),
            Ok(None) => return After::end(LaneEnd::Away(self.release(), format!("no event at position {last}"))),
            Err(error) => return After::end(LaneEnd::Away(self.release(), error.to_string())),
        };
        let (sender, mut chunks) = mpsc::channel(AHEAD);
        let projection = &self.member().projection;
        let (categories, decoder) = (projection.categories().to_vec(), projection.decoder());
        let aside = Arc::clone(&self.member().aside);
        let reading = Reading { scanner: self.scanner.clone(), categories, decoder, aside };
        // A small budget is spent in small pieces.
        let budget = self.orders.borrow().budget.events_per_second.filter(|_| self.report.is_some());
        let affordable = budget.and_then(|rate| usize::try_from(rate / 8).ok()).unwrap_or(CHUNK).max(1);
        let size = self.size.min(CHUNK).min(affordable);
        let mut folded = false;
        tokio::spawn(async move {
            let mut sent = at.position;
            if let Err(error) = read_ahead(&reading, (&mut sent, up_to), size, &sender).await {
                // Nobody waits for it any more if this fails.
                let _ = sender.send(Err(error)).await;
            }
        });
        loop {
            let chunk = tokio::select! {
                biased;
                () = stop.cancelled() => return match self.flush().await {
                    After::Continue | After::Again => After::end(LaneEnd::Stopped(self.release())),
                    end @ After::End(_) => end,
                },
                chunk = chunks.recv() => chunk,
            };
            match chunk {
                None => return After::Continue,
                // A scan that a slow projection holds up runs into the statement timeout: the rest is another scan.
                Some(Err(_)) if folded => return After::Again,
                Some(Err(error)) => return After::end(LaneEnd::Away(self.release(), error.to_string())),
                Some(Ok(chunk)) => {
                    let (events, before) = (chunk.decoded.len, self.reached().position);
                    match self.fold(chunk).await {
                        After::Continue => folded = true,
                        other => return other,
                    }
                    let passed = self.reached().position.0 - before.0;
                    self.yield_to_others(events, passed, stop).await;
                }
            }
            if self.orders.has_changed().unwrap_or(false)
                && let Some(end) = self.obey(stop).await
            {
                return After::end(end);
            }
            self.tell(Phase::CatchingUp, Some(head)).await;
        }
    }

    /// Folds a chunk in memory, and writes if enough is waiting or the next event cannot be read.
    async fn fold(&mut self, mut chunk: Chunk) -> After {
        let poison = chunk.decoded.poison.take();
        self.waiting.events += chunk.decoded.len;
        self.waiting.to = chunk.to.or(self.waiting.to);
        self.waiting.last = chunk.last.or(self.waiting.last);
        if let Some(to) = chunk.to
            && chunk.decoded.len > 0
        {
            let Some(member) = &mut self.member else { return After::Again };
            match self.writer.absorb(member, chunk.decoded, to).await {
                Ok(rows) => self.waiting.rows = rows,
                Err(error) => return self.failed(error).await,
            }
        }
        let full = self.waiting.events >= self.size
            || self.waiting.rows >= self.rows
            || self.waiting.since.elapsed() >= LONGEST_WAIT;
        if full || poison.is_some() {
            match self.flush().await {
                After::Continue => {}
                other => return other,
            }
        }
        match poison {
            Some(poison) => self.park(poison).await,
            None => After::Continue,
        }
    }

    /// Parks the stream of the event that cannot be folded, if it is about that stream alone; everything before it is
    /// written.
    async fn park(&mut self, mut poison: Poison) -> After {
        // What one part sets aside the others would fold: it stands still, and they go on.
        if !self.member().generation.part.is_whole() {
            return After::end(LaneEnd::Failed(self.release(), poison));
        }
        let parked = self.member().aside.parked();
        if poison.parks() && parked >= self.shared.options.parked_streams {
            poison.cause = PoisonCause::TooMany { parked, cause: Box::new(poison.cause) };
        }
        if !poison.parks() {
            return After::end(LaneEnd::Failed(self.release(), poison));
        }
        let log = self.shared.log().clone();
        let event = match log.event_at(poison.position).await {
            Ok(Some(event)) => event,
            Ok(None) => return After::end(LaneEnd::Fenced(self.release())),
            Err(error) => return After::end(LaneEnd::Away(self.release(), error.to_string())),
        };
        let error = poison.reason();
        let member = self.member();
        match aside::park(log.pool(), &member.generation, member.owner_epoch, member.at, &event, &error).await {
            Ok(true) => {}
            Ok(false) => return After::end(LaneEnd::Fenced(self.release())),
            Err(error) => return After::end(LaneEnd::Away(self.release(), error.to_string())),
        }
        tracing::error!(
            projection = member.generation.name,
            generation = member.generation.number,
            position = event.position.0,
            category = event.category,
            stream_id = %event.stream_id,
            error,
            "a stream is parked: its events wait, the others go on; see `sillage projections parked`"
        );
        Arc::make_mut(&mut member.aside).park(&event);
        metrics::parked(member.generation.name, member.aside.parked());
        member.at = Place::of(&event);
        if member.orders.borrow().serving {
            let name = member.generation.name;
            self.shared.progress.tell(name, event.position);
        }
        After::Again
    }

    /// Writes what waits, with the checkpoint, in one transaction.
    pub(crate) async fn flush(&mut self) -> After {
        let Some(to) = self.waiting.to else { return After::Continue };
        let began = Instant::now();
        let member = self.release();
        let (members, written) = self.writer.write(vec![member], vec![Decoded::nothing()], to).await;
        self.member = members.into_iter().next();
        match written {
            Ok(written) => {
                let events = std::mem::replace(&mut self.waiting, Waiting::nothing()).events;
                self.pause = FIRST_PAUSE;
                let written = written.first().copied().unwrap_or_default();
                if let Some(row_bytes) = written.bytes.checked_div(written.rows) {
                    self.rows = (WAITING_BYTES / row_bytes.max(1)).min(self.shared.options.catch_up_rows);
                }
                let rows = self.rows;
                let member = self.member();
                member.projection.bound(rows);
                metrics::batch(member.generation.name, events, began.elapsed(), written);
                if member.orders.borrow().serving && member.generation.part.is_whole() {
                    let name = member.generation.name;
                    self.shared.progress.tell(name, to.position);
                }
                After::Continue
            }
            Err(error) => self.failed(error).await,
        }
    }

    /// Nothing that waited was written, and nothing of it is in memory any more.
    async fn failed(&mut self, error: WriteError) -> After {
        let Waiting { events, last, .. } = std::mem::replace(&mut self.waiting, Waiting::nothing());
        match error {
            WriteError::Poison(_, poison) if events <= 1 => {
                // What Postgres refuses is not told by event: it can only be this one.
                let position = last.unwrap_or(poison.position);
                return self.park(Poison { position, ..poison }).await;
            }
            WriteError::Poison(..) => {}
            WriteError::Busy(_, error) => {
                tracing::warn!(projection = self.member().generation.name, error = %error, "a batch has to be tried again");
                tokio::time::sleep(self.pause).await;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            }
            WriteError::Fenced => return After::end(LaneEnd::Fenced(self.release())),
            WriteError::Away(error) => return After::end(LaneEnd::Away(self.release(), error.to_string())),
        }
        self.size = (self.size.min(events) / 2).max(1);
        After::Again
    }
}

/// Resolves when the generation is not wanted any more.
pub(crate) async fn gone(orders: &mut watch::Receiver<Orders>) {
    let told = orders.wait_for(|orders| orders.gone).await.is_ok();
    if !told {
        // The tenure that told so has ended, and stops its lanes itself.
        std::future::pending::<()>().await;
    }
}

/// Resolves when the generation is no longer paused. Answers whether it is not wanted any more.
async fn resumed(orders: &mut watch::Receiver<Orders>) -> bool {
    let gone = orders.wait_for(|orders| orders.gone || !orders.paused).await.map(|orders| orders.gone);
    match gone {
        Ok(gone) => gone,
        Err(_) => std::future::pending().await,
    }
}
