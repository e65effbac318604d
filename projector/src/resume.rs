//! The way back for a parked stream: its events are folded by the code as it is now, and it goes on with the others.
//!
//! The result is what folding the log in its order gives. Where no other stream has touched the same rows since, the rows of
//! the table are folded on: they are as they were when the stream was parked. Where one has, those rows alone are folded
//! again from the beginning of the log. The rows, the end of the parking and the record of the act are one transaction; it
//! holds the checkpoint, so that nothing is folded twice or not at all, and ends the ownership of whoever keeps the old rows
//! in memory.

use crate::acts::{Act, Queue as Told};
use crate::aside::{self, Aside, StreamName};
use crate::clear::{self, cause};
use crate::ddl::Statements;
use crate::parking::{ParkingError, Request, checkpoint, end_ownership, moved, not_parked, open, record, unpark};
use crate::poison::{PoisonCause, chain, panic_message};
use crate::projection::{Touching, touching};
use crate::row::{Arrays, read_at};
use event_store::Log;
use futures_util::StreamExt;
use kernel::{EventData, EventSet, Position, ReadModel, Recorded, TenantId, Version};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, query};
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

/// Events of the queue read at a time.
const PAGE: i64 = 1_000;
/// Rows whose change is shown.
const SAMPLE: usize = 5;
/// So often the owner may move on, or a wrong event be looked for, before an operator is told.
const ATTEMPTS: usize = 60;

/// What resuming a stream did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ResumedStream)]
pub struct Resumed {
    /// Events that were folded.
    pub folded: usize,
    /// Events that still wait, as far as they are known.
    pub waiting: usize,
    /// Rows that were written.
    pub rows: usize,
    /// Rows that are gone.
    pub deleted: usize,
    /// Whether other streams had touched the rows, so that these were folded from the beginning of the log.
    pub from_the_beginning: bool,
    /// The event at which it stopped; none: nothing waits any more.
    pub stopped: Option<Stopped>,
    /// Some of the rows, before and after.
    pub changes: Vec<Change>,
}

/// An event that still cannot be folded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = StoppedAt)]
pub struct Stopped {
    /// The event.
    pub position: Position,
    /// Why not.
    pub reason: String,
}

/// What became of a row, as the read model's code prints it: personal data does not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ResumedRow)]
pub struct Change {
    /// Whose row.
    pub tenant_id: TenantId,
    /// Its key.
    pub key: String,
    /// As the table has it.
    pub before: Option<String>,
    /// As it is now.
    pub after: Option<String>,
}

/// Resumes a parked stream, or tries what would happen.
///
/// # Errors
/// It is not parked, the log or the table cannot be read, or the owner was always faster.
pub(crate) async fn resume<M: ReadModel>(log: &Log, request: &Request) -> Result<Resumed, ParkingError> {
    let mut connection = open(log, M::NAME).await?;
    let work = Work { log, request, statements: Statements::new(M::NAME, request.generation, &M::TABLE) };
    let mut limits = Limits { whole: false, stop: None };
    // While looking for the event to blame: so many events can be folded, so many cannot, and where they stand.
    let mut bounds: Option<(usize, usize, Vec<Position>, String)> = None;
    for _ in 0..ATTEMPTS {
        let looking = bounds.as_ref().is_some_and(|(good, bad, ..)| bad - good > 1);
        match work.attempt::<M>(&mut connection, &limits, request.dry_run || looking).await? {
            Attempt::Again { whole } => limits.whole |= whole,
            Attempt::Done(resumed) if !looking => return Ok(resumed),
            Attempt::Done(resumed) => {
                if let Some((good, ..)) = &mut bounds {
                    *good = resumed.folded.max(*good);
                }
            }
            Attempt::Refused { folded, reason } => match &mut bounds {
                // Even that which was possible a moment ago is not.
                Some(_) if !looking => return Err(ParkingError::Refused(reason)),
                Some((_, bad, _, said)) => (*bad, *said) = (folded.len(), reason),
                None if folded.is_empty() => return Err(ParkingError::Refused(reason)),
                None => bounds = Some((0, folded.len(), folded, reason)),
            },
        }
        if let Some((good, bad, positions, reason)) = &bounds {
            let first_left_out = if bad - good > 1 { usize::midpoint(*good, *bad) } else { *good };
            limits.stop = Some(Stopped { position: positions[first_left_out], reason: reason.clone() });
        }
    }
    Err(ParkingError::Busy)
}

/// How an attempt is bounded.
struct Limits {
    /// Fold the rows from the beginning of the log.
    whole: bool,
    /// Leave this event and those behind it.
    stop: Option<Stopped>,
}

enum Attempt {
    Done(Resumed),
    /// The generation moved on, or other streams have touched the rows: `whole`.
    Again {
        whole: bool,
    },
    /// Postgres, or the table's columns, refuse what these events lead to.
    Refused {
        folded: Vec<Position>,
        reason: String,
    },
}

struct Work<'a> {
    log: &'a Log,
    request: &'a Request,
    statements: Statements,
}

impl Work<'_> {
    async fn attempt<M: ReadModel>(
        &self,
        connection: &mut PgConnection,
        limits: &Limits,
        take_back: bool,
    ) -> Result<Attempt, ParkingError> {
        let (request, missing) = (self.request, || not_parked(M::NAME, self.request));
        let known = checkpoint(connection, M::NAME, request.generation, false).await?.ok_or_else(missing)?;
        let aside = aside::load(connection, M::NAME, request.generation).await?;
        let (aside, from) = aside.without(&request.stream);
        let from = from.ok_or_else(missing)?;
        let mut queue = Queue::<M>::new(from, limits.stop.clone());
        queue.read(self.log, &request.stream, known).await?;
        let mut refold = Refold { rows: HashMap::new(), at: Position(from.0 - 1), folded: Vec::new() };
        if limits.whole {
            refold.at = Position::ZERO;
        } else {
            refold.rows = self.load::<M>(connection, queue.keys.iter()).await?;
        }
        if refold.fold_to(self.log, known, &mut queue, &aside, &request.stream, limits.whole).await? == Fold::Shared {
            return Ok(Attempt::Again { whole: true });
        }

        let mut transaction = connection.begin().await?;
        let at = checkpoint(&mut transaction, M::NAME, request.generation, !take_back).await?.ok_or_else(missing)?;
        if at > known {
            // Little has happened meanwhile; it is folded while the owner waits.
            let keys = queue.keys.len();
            queue.read(self.log, &request.stream, at).await?;
            let aside = aside::load(&mut transaction, M::NAME, request.generation).await?.without(&request.stream).0;
            if queue.keys.len() > keys {
                return Ok(Attempt::Again { whole: false });
            }
            let folded = refold.fold_to(self.log, at, &mut queue, &aside, &request.stream, limits.whole);
            if folded.await? == Fold::Shared {
                return Ok(Attempt::Again { whole: true });
            }
        }
        let changes = self.changes::<M>(&mut transaction, &queue, &refold).await?;
        let (rows, deleted) = match self.write::<M>(&mut transaction, &queue, &refold).await {
            Ok(written) => written,
            Err(cause) => return refused(cause, refold.folded),
        };
        let resumed = Resumed {
            folded: refold.folded.len(),
            waiting: queue.events - refold.folded.len(),
            rows,
            deleted,
            from_the_beginning: limits.whole,
            stopped: queue.stop,
            changes,
        };
        self.settle(&mut transaction, M::NAME, from, &resumed).await?;
        if take_back {
            transaction.rollback().await?;
        } else {
            transaction.commit().await?;
        }
        Ok(Attempt::Done(resumed))
    }

    /// Writes the rows as the fold left them.
    async fn write<M: ReadModel>(
        &self,
        connection: &mut PgConnection,
        queue: &Queue<M>,
        refold: &Refold<M>,
    ) -> Result<(usize, usize), PoisonCause> {
        if refold.folded.is_empty() {
            return Ok((0, 0));
        }
        let (mut rows, mut gone) = (Arrays::of_rows(&M::TABLE), Arrays::of_keys(&M::TABLE));
        for (tenant_id, key) in &queue.keys {
            let pushed = match refold.rows.get(&(*tenant_id, key.clone())) {
                // Nothing that is folded has touched it.
                Some((_, Position::ZERO)) => Ok(()),
                Some((row, at)) => rows.push_row(*tenant_id, row, at.0).map(drop),
                None => gone.push_key(*tenant_id, key),
            };
            pushed.map_err(PoisonCause::Row)?;
        }
        clear::upsert(&mut *connection, &self.statements, &mut rows, self.log.vault()).await.map_err(cause)?;
        let mut deleted = 0;
        if !gone.is_empty() {
            let delete = gone.bind(query(AssertSqlSafe(self.statements.delete.clone())));
            deleted = delete.execute(connection).await.map_err(PoisonCause::Refused)?.rows_affected();
        }
        Ok((rows.len(), usize::try_from(deleted).unwrap_or(usize::MAX)))
    }

    /// Records what became of the stream.
    async fn settle(
        &self,
        connection: &mut PgConnection,
        name: &str,
        from: Position,
        resumed: &Resumed,
    ) -> Result<(), sqlx::Error> {
        let request = self.request;
        let outcome = if let Some(stopped) = &resumed.stopped {
            moved(connection, name, request, stopped.position, &stopped.reason, true).await?;
            format!("{} folded; stopped at {}: {}", resumed.folded, stopped.position, stopped.reason)
        } else {
            unpark(connection, name, request).await?;
            format!("{} folded; unparked", resumed.folded)
        };
        if resumed.folded > 0 || resumed.stopped.is_none() {
            end_ownership(connection, name, request.generation).await?;
        }
        let told = Told {
            stream: request.stream.clone(),
            position: from,
            folded: i64::try_from(resumed.folded).unwrap_or(i64::MAX),
            next_position: resumed.stopped.as_ref().map(|stopped| stopped.position),
        };
        record(connection, Act::StreamResumed, name, request, &told, &outcome).await
    }

    /// Rows as the table has them.
    async fn load<'k, M: ReadModel>(
        &self,
        connection: &mut PgConnection,
        keys: impl Iterator<Item = &'k (TenantId, M::Key)>,
    ) -> Result<Rows<M>, ParkingError> {
        let keys: Vec<_> = keys.collect();
        let mut arrays = Arrays::of_keys(&M::TABLE);
        for (tenant_id, key) in &keys {
            arrays.push_key(*tenant_id, key)?;
        }
        let loaded = arrays.bind(query(AssertSqlSafe(self.statements.load.clone()))).fetch_all(connection).await?;
        let mut rows = HashMap::new();
        for row in &loaded {
            // `with ordinality` counts from 1.
            let ordinal = usize::try_from(row.try_get::<i64, _>(0)? - 1).unwrap_or(usize::MAX);
            // Whatever is folded into it says where.
            rows.insert(keys[ordinal].clone(), (read_at(M::TABLE.columns, row, 1)?, Position::ZERO));
        }
        Ok(rows)
    }

    async fn changes<M: ReadModel>(
        &self,
        connection: &mut PgConnection,
        queue: &Queue<M>,
        refold: &Refold<M>,
    ) -> Result<Vec<Change>, ParkingError> {
        let before = self.load::<M>(connection, queue.keys.iter().take(SAMPLE)).await?;
        let print = |row: Option<&(M::Row, Position)>| row.map(|(row, _)| format!("{row:?}"));
        let sample = queue.keys.iter().take(SAMPLE);
        Ok(sample
            .map(|place| Change {
                tenant_id: place.0,
                key: format!("{:?}", place.1),
                before: print(before.get(place)),
                after: print(refold.rows.get(place)),
            })
            .collect())
    }
}

/// What is wrong with the rows, or with Postgres.
fn refused(cause: PoisonCause, folded: Vec<Position>) -> Result<Attempt, ParkingError> {
    if cause.parks() {
        return Ok(Attempt::Refused { folded, reason: chain(&cause) });
    }
    match cause {
        // Deadlock, lock not available.
        PoisonCause::Refused(sqlx::Error::Database(error))
            if matches!(error.code().as_deref().and_then(|code| code.get(..2)), Some("40" | "55")) =>
        {
            Ok(Attempt::Again { whole: false })
        }
        PoisonCause::Refused(error) => Err(error.into()),
        PoisonCause::Row(error) | PoisonCause::Table(error) => Err(error.into()),
        PoisonCause::Decode(_)
        | PoisonCause::Sealed(_)
        | PoisonCause::Panic(_)
        | PoisonCause::Archived { .. }
        | PoisonCause::TooMany { .. } => Err(ParkingError::Refused(chain(&cause))),
    }
}

type Rows<M> = HashMap<(TenantId, <M as ReadModel>::Key), (<M as ReadModel>::Row, Position)>;

/// The events that wait, and the rows that they touch.
struct Queue<M: ReadModel> {
    from: Position,
    /// How far it was read: the version of the last event.
    read: Option<Version>,
    keys: HashSet<(TenantId, M::Key)>,
    /// The first that is left.
    stop: Option<Stopped>,
    /// How many there are.
    events: usize,
}

impl<M: ReadModel> Queue<M> {
    fn new(from: Position, stop: Option<Stopped>) -> Self {
        Self { from, read: None, keys: HashSet::new(), stop, events: 0 }
    }

    /// Reads on, up to a position.
    async fn read(&mut self, log: &Log, stream: &StreamName, up_to: Position) -> Result<(), ParkingError> {
        let mut after = match self.read {
            Some(version) => version,
            None => log.event_at(self.from).await?.map_or(Version(0), |event| Version(event.version.0 - 1)),
        };
        loop {
            let events =
                log.stream(stream.tenant_id, &stream.category, stream.stream_id, after, Some(up_to), PAGE).await?;
            let Some(last) = events.last() else { break };
            after = last.version;
            for event in events {
                self.take(event);
            }
        }
        self.read = Some(after);
        Ok(())
    }

    fn take(&mut self, event: Recorded<EventData>) {
        let position = event.position;
        self.events += 1;
        if self.stop.as_ref().is_some_and(|stop| position >= stop.position) {
            return;
        }
        match touching::<M>(event) {
            Ok(Touching { event, keys }) => {
                self.keys.extend(keys.as_slice().iter().map(|key| (M::home(event.tenant_id), key.clone())));
            }
            Err(cause) => {
                self.stop = Some(Stopped { position, reason: chain(&cause) });
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Fold {
    Done,
    /// Another stream has touched the rows since, and they are not folded from the beginning.
    Shared,
}

/// The rows that the queue touches, folded in the order of the log.
struct Refold<M: ReadModel> {
    rows: Rows<M>,
    at: Position,
    /// The events of the queue that were folded.
    folded: Vec<Position>,
}

impl<M: ReadModel> Refold<M> {
    async fn fold_to(
        &mut self,
        log: &Log,
        up_to: Position,
        queue: &mut Queue<M>,
        aside: &Aside,
        stream: &StreamName,
        whole: bool,
    ) -> Result<Fold, ParkingError> {
        let mut scan = pin!(log.scan(self.at, up_to, &M::Event::categories()));
        while let Some(events) = scan.next().await {
            for event in events? {
                let position = event.position;
                let waits = position >= queue.from
                    && (event.tenant_id, event.stream_id) == (stream.tenant_id, stream.stream_id)
                    && event.category == stream.category;
                let left = waits && queue.stop.as_ref().is_some_and(|stop| position >= stop.position);
                if left || aside.has(&event) {
                    continue;
                }
                let folded = touching::<M>(event).and_then(|Touching { event, keys }| {
                    let places = keys.as_slice().iter().map(|key| (M::home(event.tenant_id), key.clone()));
                    let places: Vec<_> = places.filter(|place| queue.keys.contains(place)).collect();
                    if !waits && !whole && !places.is_empty() {
                        return Ok(Fold::Shared);
                    }
                    self.apply(&event, &places)?;
                    Ok(Fold::Done)
                });
                match folded {
                    Ok(Fold::Shared) => return Ok(Fold::Shared),
                    Ok(Fold::Done) if waits => self.folded.push(position),
                    Ok(Fold::Done) => {}
                    Err(cause) if waits => {
                        queue.stop = Some(Stopped { position, reason: chain(&cause) });
                    }
                    Err(cause) => return Err(ParkingError::Elsewhere { position, reason: chain(&cause) }),
                }
            }
        }
        self.at = up_to;
        Ok(Fold::Done)
    }

    /// Folds one event into its rows: into all of them or none.
    fn apply(&mut self, event: &Recorded<M::Event>, places: &[(TenantId, M::Key)]) -> Result<(), PoisonCause> {
        let before: Vec<_> = places.iter().map(|place| (place.clone(), self.rows.get(place).cloned())).collect();
        let applied = catch_unwind(AssertUnwindSafe(|| {
            for place in places {
                let row = self.rows.remove(place).map(|(row, _)| row);
                if let Some(row) = M::apply(row, &place.1, event) {
                    self.rows.insert(place.clone(), (row, event.position));
                }
            }
        }));
        applied.map_err(|panic| {
            for (place, row) in before {
                match row {
                    Some(row) => drop(self.rows.insert(place, row)),
                    None => drop(self.rows.remove(&place)),
                }
            }
            PoisonCause::Panic(panic_message(&*panic))
        })
    }
}
