//! Building a generation: its table is made, filled, indexed and brought to the end of the log.
//!
//! Every step leaves something that can be seen in the database (a table, a checkpoint, a key, an index), and what is
//! there is not made again: a build that ends anywhere is taken up by whoever owns the generation next.

use crate::control::{self, Place};
use crate::lane::{Lane, LaneEnd, gone};
use crate::pace::Pace;
use crate::poison::{Poison, PoisonCause};
use crate::report::{Held, Phase, Progress, Report};
use crate::tables::{self, Made};
use kernel::Position;
use sqlx::PgConnection;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pause before something that Postgres would not do is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often work that says nothing of itself is told of.
const TELLING: Duration = Duration::from_secs(1);

/// A piece of a table that is to be made.
#[derive(Clone, Copy, Debug)]
enum Piece {
    Table,
    Key,
    Indexes,
}

impl Lane {
    /// What there is of the generation's table.
    pub(crate) async fn look(&mut self) -> Result<Made, LaneEnd> {
        let generation = self.member().generation.clone();
        let looked = async {
            let mut connection = tables::open(&self.shared.connect).await?;
            tables::look(&mut connection, &generation).await
        };
        match looked.await {
            Ok(made) => Ok(made),
            Err(error) => Err(LaneEnd::Away(self.release(), error.to_string())),
        }
    }

    /// Makes and folds what is missing, until the member is close to the end of the log.
    pub(crate) async fn build(&mut self, made: Made, stop: &CancellationToken) -> LaneEnd {
        if let Err(end) = self.fill(&made, stop).await {
            return end;
        }
        // What happens while the indexes are made is folded after that.
        for piece in [Some(Piece::Indexes), None] {
            match self.run(stop).await {
                LaneEnd::Reached(member) => self.put_back(member),
                other => return other,
            }
            let made = match piece {
                Some(piece) => self.piece(piece, stop).await,
                None => Ok(()),
            };
            match made {
                Ok(()) => {}
                Err(LaneEnd::Failed(member, poison)) if matches!(poison.cause, PoisonCause::Refused(_)) => {
                    tracing::warn!(error = poison.reason(), "a read model is built by small steps, to find the event");
                    self.put_back(member);
                    if let Err(end) = self.begin_again().await {
                        return end;
                    }
                }
                Err(end) => return end,
            }
        }
        self.tell(Phase::Following, None).await;
        LaneEnd::Reached(self.release())
    }

    /// Brings the table to where rows can be found in it by their keys.
    async fn fill(&mut self, made: &Made, stop: &CancellationToken) -> Result<(), LaneEnd> {
        if !made.table {
            self.piece(Piece::Table, stop).await?;
        }
        if !made.key {
            if self.member().at.position == Position::ZERO {
                let loaded = self.shared.options.memory > 0 && self.load(stop).await?;
                if !loaded {
                    self.empty().await?;
                }
            }
            self.piece(Piece::Key, stop).await?;
        }
        Ok(())
    }

    /// What a copy left that did not come to its end is no row of what is folded now.
    async fn empty(&mut self) -> Result<(), LaneEnd> {
        // Readers see the table; what is copied into it is there at once or not at all.
        if self.orders.borrow().serving {
            return Ok(());
        }
        let (generation, owner_epoch) = (self.member().generation.clone(), self.member().owner_epoch);
        let connect = self.shared.connect.clone();
        let emptying = async {
            let mut connection = tables::open(&connect).await?;
            tables::empty(&mut connection, &generation, owner_epoch).await
        };
        self.as_owner(emptying).await
    }

    /// Waits for a transaction that only the owner may commit.
    async fn as_owner(&mut self, work: impl Future<Output = Result<bool, sqlx::Error>>) -> Result<(), LaneEnd> {
        match work.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(LaneEnd::Fenced(self.release())),
            Err(error) => Err(LaneEnd::Away(self.release(), error.to_string())),
        }
    }

    /// A row does not fit an index: the table is folded from the beginning once more, with its indexes, so that the event
    /// that made the row is found and its stream parked.
    async fn begin_again(&mut self) -> Result<(), LaneEnd> {
        let (generation, table) = (self.member().generation.clone(), self.member().projection.table());
        let (connect, owner_epoch) = (self.shared.connect.clone(), self.member().owner_epoch);
        // A task of its own: no transaction is left open should this one be dropped.
        let emptying = tokio::spawn(async move {
            let mut connection = tables::open(&connect).await?;
            tables::begin_again(&mut connection, &generation, &table, owner_epoch).await
        });
        let emptied = async { emptying.await.unwrap_or_else(|stopped| Err(sqlx::Error::Io(stopped.into()))) };
        self.as_owner(emptied).await?;
        let member = self.member();
        member.comparing.forget();
        member.at = Place { epoch: member.at.epoch, ..Place::BEGINNING };
        member.projection.forget(true);
        member.aside = Arc::new(member.aside.without_parked());
        Ok(())
    }

    /// Makes a piece of the table, however long that takes.
    async fn piece(&mut self, piece: Piece, stop: &CancellationToken) -> Result<(), LaneEnd> {
        if let Some(end) = self.obey(stop).await {
            return Err(end);
        }
        self.tell(Phase::Indexing, None).await;
        loop {
            let (generation, table) = (self.member().generation.clone(), self.member().projection.table());
            let connect = self.shared.connect.clone();
            // Two at a time where nobody else wants the cores.
            let beside = (self.shared.live.left() == 100).then_some(&connect);
            if beside.is_some() && matches!(piece, Piece::Indexes) {
                self.compare_early();
            }
            let making = async {
                let mut connection = tables::open(&connect).await?;
                let made = tables::look(&mut connection, &generation).await?;
                let connection: &mut PgConnection = &mut connection;
                match piece {
                    Piece::Table => tables::make(connection, &generation, &table).await,
                    Piece::Key => tables::add_key(connection, &generation, &table, &made).await,
                    Piece::Indexes => tables::add_indexes(connection, beside, &generation, &table, &made).await,
                }
            };
            let Err(error) = self.telling(Phase::Indexing, making, |_| {}, stop).await? else { return Ok(()) };
            match &error {
                sqlx::Error::Database(refused) if control::passes(&error) => {
                    tracing::warn!(projection = generation.name, error = %refused, "a table has to wait");
                    tokio::time::sleep(PAUSE).await;
                }
                sqlx::Error::Database(_) => {
                    let at = self.member().at;
                    let cause = PoisonCause::Refused(error);
                    let poison = Poison { position: at.position, event_id: at.event_id, cause };
                    return Err(LaneEnd::Failed(self.release(), poison));
                }
                _ => return Err(LaneEnd::Away(self.release(), error.to_string())),
            }
        }
    }

    /// The rows are all there, and neither they nor those that readers see change much while indexes are made.
    fn compare_early(&mut self) {
        let pool = self.shared.log().pool().clone();
        let member = self.member();
        if member.orders.borrow().comes_next && member.generation.part.is_whole() {
            member.comparing.begin_early(&pool, &member.generation);
        }
    }

    /// After so many events, and positions of the log: pauses as long as the budget and live traffic want. Only builds do.
    pub(crate) async fn yield_to_others(&mut self, events: usize, passed: i64, stop: &CancellationToken) {
        if self.report.is_none() {
            return;
        }
        let budget = self.orders.borrow().budget;
        self.pace.passed(passed);
        let left = self.pace.left(&self.shared.live, self.gap);
        let Some((mut pause, held)) = self.pace.pause(events, budget, left) else {
            self.held = None;
            self.pace.go_on();
            return;
        };
        self.held = Some(held);
        while !pause.is_zero() && !stop.is_cancelled() && !self.orders.has_changed().unwrap_or(true) {
            let (part, rest) = Pace::part(pause);
            tokio::time::sleep(part).await;
            pause = rest;
        }
        self.pace.go_on();
    }

    /// Waits for work, however long that takes, and tells meanwhile that somebody is at it; `before` each time.
    ///
    /// Whoever goes away in the middle leaves a session whose server notices.
    pub(crate) async fn telling<T>(
        &mut self,
        phase: Phase,
        work: impl Future<Output = T>,
        mut before: impl FnMut(&mut Self),
        stop: &CancellationToken,
    ) -> Result<T, LaneEnd> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = stop.cancelled() => return Err(LaneEnd::Stopped(self.release())),
                () = gone(&mut self.orders) => return Err(LaneEnd::Gone(self.release())),
                () = tokio::time::sleep(TELLING) => {}
            }
            before(self);
            self.tell(phase, None).await;
        }
    }

    /// Tells how the build goes, now and then.
    pub(crate) async fn tell(&mut self, phase: Phase, head: Option<Position>) {
        let position = self.reached().position;
        let head = head.unwrap_or(position);
        self.tell_that(Progress { phase, position, head, rows: 0, held: self.held }).await;
    }

    /// Tells what holds the build up.
    pub(crate) async fn tell_held(&mut self, held: Held) {
        let position = self.reached().position;
        let phase = Phase::CatchingUp;
        self.tell_that(Progress { phase, position, head: position, rows: 0, held: Some(held) }).await;
    }

    pub(crate) async fn tell_that(&mut self, mut progress: Progress) {
        if !self.report.as_ref().is_some_and(|report| report.is_due(progress.phase, progress.held)) {
            return;
        }
        // A head of before is better than none.
        if let Ok(head) = self.shared.log().head().await {
            progress.head = progress.head.max(head.position);
        }
        if let Some(report) = &mut self.report {
            report.tell(progress).await;
        }
    }

    /// From now on it is told how the build goes.
    pub(crate) fn begin_report(&mut self) {
        let generation = self.member().generation.clone();
        self.report = Some(Report::new(self.shared.log().pool().clone(), generation));
    }
}
