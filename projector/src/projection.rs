//! A read model at work: decodes its events, loads the rows they touch, folds, writes.

use crate::bulk::{Bulk, Rows};
use crate::clear;
use crate::ddl::Statements;
use crate::hot_rows::HotRows;
use crate::naive::{self, CompareError, Comparison, Limits};
use crate::parking::{ParkingError, Request};
use crate::part::Part;
use crate::poison::{Poison, PoisonCause, panic_message};
use crate::resume::{self, Resumed};
use crate::row::{Arrays, RowError, read_at};
use event_store::verify::Pace;
use event_store::{Log, Vault, VaultError};
use kernel::{EventData, EventSet, Keys, Position, ReadModel, Recorded, Table, TenantId};
use sqlx::{PgConnection, Row, query};
use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

/// A future of a trait object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a projection reads stored events: a plain function, so that it can run ahead in another task.
pub type Decoder = fn(Vec<Recorded<EventData>>) -> Decoded;

/// Events as one read model understands them, with the rows they touch.
pub struct Decoded {
    /// `Vec<Touching<M>>` of the read model that decoded them.
    pub(crate) events: Box<dyn Any + Send>,
    /// How many they are.
    pub len: usize,
    /// The event at which decoding stopped; those before it are decoded.
    pub poison: Option<Poison>,
}

impl Decoded {
    /// No event.
    pub(crate) fn nothing() -> Self {
        Self { events: Box::new(()), len: 0, poison: None }
    }
}

/// What a batch writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows inserted or updated.
    pub rows: usize,
    /// Rows deleted.
    pub deleted: usize,
    /// What the rows were sent as.
    pub bytes: usize,
}

impl Written {
    /// No row at all.
    pub const fn is_nothing(&self) -> bool {
        self.rows == 0 && self.deleted == 0
    }
}

/// Why a batch was not folded.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The read model or its data.
    #[error(transparent)]
    Poison(#[from] Poison),
    /// Postgres; whether it is about the data or about Postgres is for the caller to see.
    #[error("reading and writing rows")]
    Database(#[from] sqlx::Error),
    /// What the table holds is not what the read model wrote.
    #[error("loading rows")]
    Load(#[source] RowError),
    /// Personal data does not open.
    #[error("opening personal data")]
    Vault(#[source] VaultError),
    /// Personal data that the table cannot keep.
    #[error("writing personal data")]
    Clear(#[source] RowError),
    /// The log was given without its vault.
    #[error("rows with personal data are written, and there is no vault to open it")]
    NoVault,
}

/// A read model without its types, for the machinery that runs many. Made by [`projection`].
pub trait Projection: Send + Sync + 'static {
    /// Another one of the same read model, with nothing in memory.
    fn fresh(&self) -> Box<dyn Projection>;
    /// `support.tickets`.
    fn name(&self) -> &'static str;
    /// The version that the code declares.
    fn version(&self) -> i32;
    /// The columns.
    fn table(&self) -> Table;
    /// Whether parts of it are worth having.
    fn splits(&self) -> bool;
    /// The categories of events it listens to.
    fn categories(&self) -> &[&'static str];
    /// Reads stored events of those categories.
    fn decoder(&self) -> Decoder;
    /// Folds the log in memory alone, from its beginning, for a table that has no row yet.
    fn bulk(&self) -> Box<dyn Bulk>;
    /// Works on a generation's table from now on, for the rows of one part. `empty` says that the table has no row.
    fn open(&mut self, statements: Statements, part: Part, hot_rows: usize, empty: bool);
    /// Keeps at most so many rows in memory from now on.
    fn bound(&mut self, hot_rows: usize);
    /// Loads the rows that the events touch and folds them, in memory. Answers how many rows wait to be written.
    fn absorb<'a>(
        &'a mut self,
        events: Decoded,
        connection: &'a mut PgConnection,
    ) -> Boxed<'a, Result<usize, FoldError>>;
    /// Prepares what was absorbed for writing. Answers what there is to write.
    ///
    /// # Errors
    /// A row does not fit its table.
    fn encode(&mut self) -> Result<Written, Poison>;
    /// Writes what was encoded, inside the connection's open transaction. After its commit comes [`Projection::keep`], after
    /// anything else [`Projection::forget`].
    fn write<'a>(
        &'a mut self,
        connection: &'a mut PgConnection,
        vault: Option<&'a Vault>,
    ) -> Boxed<'a, Result<(), FoldError>>;
    /// What was absorbed is committed: the rows stay in memory.
    fn keep(&mut self);
    /// What was absorbed is not known to be committed: nothing in memory is to be trusted. `empty` says that the table has no
    /// row.
    fn forget(&mut self, empty: bool);
    /// Folds the events that wait in a parked stream: see [`crate::resume`].
    fn resume<'a>(&'a self, log: &'a Log, request: &'a Request) -> Boxed<'a, Result<Resumed, ParkingError>>;
    /// Folds the whole log again, one event at a time, and compares with a generation's table.
    fn compare<'a>(
        &'a self,
        log: &'a Log,
        generation: i32,
        limits: Limits,
        pace: &'a mut Pace,
    ) -> Boxed<'a, Result<Comparison, CompareError>>;
}

/// The projection of a read model.
pub fn projection<M: ReadModel>() -> Box<dyn Projection> {
    Box::new(Typed::<M> {
        categories: M::Event::categories(),
        statements: Statements::new(M::NAME, 0, &M::TABLE),
        part: Part::WHOLE,
        hot: HotRows::new(1, false),
        batch: Batch::default(),
        keys: Arrays::of_keys(&M::TABLE),
        rows: Arrays::of_rows(&M::TABLE),
        deleted: Arrays::of_keys(&M::TABLE),
        model: PhantomData,
    })
}

/// An event and the rows it touches.
pub(crate) struct Touching<M: ReadModel> {
    pub(crate) event: Recorded<M::Event>,
    pub(crate) keys: Keys<M::Key>,
}

/// Reads a stored event as the read model understands it.
pub(crate) fn touching<M: ReadModel>(event: Recorded<EventData>) -> Result<Touching<M>, PoisonCause> {
    let read = catch_unwind(AssertUnwindSafe(|| {
        let event = event.decode::<M::Event>()?;
        let keys = M::keys(&event);
        Ok(Touching { event, keys })
    }));
    match read {
        Ok(read) => read.map_err(PoisonCause::Decode),
        Err(panic) => Err(PoisonCause::Panic(panic_message(&*panic))),
    }
}

/// A row inside a batch.
struct Slot<M: ReadModel> {
    tenant_id: TenantId,
    key: M::Key,
    row: Option<M::Row>,
    /// Whether the table has it.
    stored: bool,
    /// Whether it may stay in memory as it is.
    exact: bool,
    /// The last event that touched it.
    at: i64,
}

/// The rows that a batch touches, in the order of first touch.
struct Batch<M: ReadModel> {
    index: HashMap<(TenantId, M::Key), usize>,
    slots: Vec<Slot<M>>,
    /// For each event in hand and each of its keys in turn, the slot.
    touches: Vec<usize>,
    /// Slots whose rows must be loaded.
    missing: Vec<usize>,
}

impl<M: ReadModel> Default for Batch<M> {
    fn default() -> Self {
        Self { index: HashMap::new(), slots: Vec::new(), touches: Vec::new(), missing: Vec::new() }
    }
}

impl<M: ReadModel> Batch<M> {
    fn clear(&mut self) {
        self.index.clear();
        self.slots.clear();
        self.touches.clear();
        self.missing.clear();
    }
}

struct Typed<M: ReadModel> {
    categories: Vec<&'static str>,
    statements: Statements,
    part: Part,
    hot: HotRows<(TenantId, M::Key), M::Row>,
    batch: Batch<M>,
    keys: Arrays,
    rows: Arrays,
    deleted: Arrays,
    model: PhantomData<fn() -> M>,
}

impl<M: ReadModel> Projection for Typed<M> {
    fn fresh(&self) -> Box<dyn Projection> {
        projection::<M>()
    }

    fn name(&self) -> &'static str {
        M::NAME
    }

    fn version(&self) -> i32 {
        M::VERSION
    }

    fn table(&self) -> Table {
        M::TABLE
    }

    fn splits(&self) -> bool {
        M::SPLITS
    }

    fn categories(&self) -> &[&'static str] {
        &self.categories
    }

    fn decoder(&self) -> Decoder {
        decode::<M>
    }

    fn bulk(&self) -> Box<dyn Bulk> {
        Box::new(Rows::<M>::default())
    }

    fn open(&mut self, statements: Statements, part: Part, hot_rows: usize, empty: bool) {
        self.statements = statements;
        self.part = part;
        self.hot = HotRows::new(hot_rows, empty);
        self.batch.clear();
    }

    fn bound(&mut self, hot_rows: usize) {
        self.hot.bound(hot_rows);
    }

    fn absorb<'a>(
        &'a mut self,
        events: Decoded,
        connection: &'a mut PgConnection,
    ) -> Boxed<'a, Result<usize, FoldError>> {
        Box::pin(async move {
            let Ok(events) = events.events.downcast::<Vec<Touching<M>>>() else {
                unreachable!("a projection absorbs what its own decoder read")
            };
            self.touch(&events)?;
            self.load(connection).await?;
            self.apply(&events)?;
            Ok(self.batch.slots.len())
        })
    }

    fn encode(&mut self) -> Result<Written, Poison> {
        catch_unwind(AssertUnwindSafe(|| self.fill_arrays())).unwrap_or_else(|panic| {
            let at = self.batch.slots.iter().map(|slot| slot.at).max().unwrap_or_default();
            let cause = PoisonCause::Panic(panic_message(&*panic));
            Err(Poison { position: Position(at), event_id: None, cause })
        })?;
        Ok(Written { rows: self.rows.len(), deleted: self.deleted.len(), bytes: self.rows.bytes() })
    }

    fn write<'a>(
        &'a mut self,
        connection: &'a mut PgConnection,
        vault: Option<&'a Vault>,
    ) -> Boxed<'a, Result<(), FoldError>> {
        Box::pin(async move {
            clear::upsert(&mut *connection, &self.statements, &mut self.rows, vault).await?;
            if !self.deleted.is_empty() {
                let statement = sqlx::AssertSqlSafe(self.statements.delete.clone());
                self.deleted.bind(query(statement)).execute(&mut *connection).await?;
            }
            Ok(())
        })
    }

    fn keep(&mut self) {
        self.batch.index.clear();
        for slot in self.batch.slots.drain(..) {
            match slot.row {
                Some(row) if slot.exact => self.hot.put((slot.tenant_id, slot.key), row),
                Some(_) => self.hot.miss(),
                None => {}
            }
        }
        self.batch.clear();
    }

    fn forget(&mut self, empty: bool) {
        self.batch.clear();
        self.hot.clear(empty);
    }

    fn resume<'a>(&'a self, log: &'a Log, request: &'a Request) -> Boxed<'a, Result<Resumed, ParkingError>> {
        Box::pin(resume::resume::<M>(log, request))
    }

    fn compare<'a>(
        &'a self,
        log: &'a Log,
        generation: i32,
        limits: Limits,
        pace: &'a mut Pace,
    ) -> Boxed<'a, Result<Comparison, CompareError>> {
        Box::pin(naive::compare::<M>(log, generation, limits, pace))
    }
}

impl<M: ReadModel> Typed<M> {
    /// Finds or makes the slot of every row that the events touch.
    fn touch(&mut self, events: &[Touching<M>]) -> Result<(), Poison> {
        self.batch.touches.clear();
        self.batch.missing.clear();
        self.keys.clear();
        for Touching { event, keys } in events {
            let tenant_id = M::home(event.tenant_id);
            for key in keys.as_slice().iter().filter(|key| self.part.has(tenant_id, key)) {
                let slots = &mut self.batch.slots;
                let index = match self.batch.index.entry((tenant_id, key.clone())) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        let row = self.hot.take(new.key());
                        let stored = row.is_some();
                        if !stored && !self.hot.is_whole() {
                            self.keys.push_key(tenant_id, key).map_err(|error| poison(event, error))?;
                            self.batch.missing.push(slots.len());
                        }
                        slots.push(Slot { tenant_id, key: key.clone(), row, stored, exact: true, at: 0 });
                        *new.insert(slots.len() - 1)
                    }
                };
                self.batch.touches.push(index);
            }
        }
        Ok(())
    }

    /// Loads the rows that are not in memory, in one query.
    async fn load(&mut self, connection: &mut PgConnection) -> Result<(), FoldError> {
        if self.batch.missing.is_empty() {
            return Ok(());
        }
        let rows =
            self.keys.bind(query(sqlx::AssertSqlSafe(self.statements.load.clone()))).fetch_all(connection).await?;
        for row in &rows {
            // `with ordinality` counts from 1.
            let ordinal = usize::try_from(row.try_get::<i64, _>(0)? - 1).unwrap_or(usize::MAX);
            let slot = &mut self.batch.slots[self.batch.missing[ordinal]];
            slot.row = Some(read_at(M::TABLE.columns, row, 1).map_err(FoldError::Load)?);
            slot.stored = true;
        }
        Ok(())
    }

    /// Folds the events into their rows, in order.
    fn apply(&mut self, events: &[Touching<M>]) -> Result<(), Poison> {
        let mut touches = self.batch.touches.iter();
        for Touching { event, keys } in events {
            let tenant_id = M::home(event.tenant_id);
            let own = keys.as_slice().iter().filter(|key| self.part.has(tenant_id, key));
            for (key, index) in own.zip(&mut touches) {
                let slot = &mut self.batch.slots[*index];
                let before = slot.row.take();
                slot.row = catch_unwind(AssertUnwindSafe(|| M::apply(before, key, event)))
                    .map_err(|panic| panicked(event, &*panic))?;
                slot.at = event.position.0;
            }
        }
        Ok(())
    }

    /// Turns the rows into arrays: those to write and those to delete.
    fn fill_arrays(&mut self) -> Result<(), Poison> {
        self.rows.clear();
        self.deleted.clear();
        for slot in &mut self.batch.slots {
            let encoded = match &slot.row {
                Some(row) => self.rows.push_row(slot.tenant_id, row, slot.at).map(|exact| slot.exact = exact),
                None if slot.stored => self.deleted.push_key(slot.tenant_id, &slot.key),
                None => Ok(()),
            };
            encoded.map_err(|error| Poison {
                position: Position(slot.at),
                event_id: None,
                cause: PoisonCause::Row(error),
            })?;
        }
        Ok(())
    }
}

/// Reads events until one cannot be read.
fn decode<M: ReadModel>(stored: Vec<Recorded<EventData>>) -> Decoded {
    let mut events: Vec<Touching<M>> = Vec::with_capacity(stored.len());
    let mut poison = None;
    for event in stored {
        let (position, event_id) = (event.position, event.event_id);
        match touching(event) {
            Ok(touching) => events.push(touching),
            Err(cause) => {
                poison = Some(Poison { position, event_id: Some(event_id), cause });
                break;
            }
        }
    }
    let len = events.len();
    Decoded { events: Box::new(events), len, poison }
}

fn poison<E>(event: &Recorded<E>, error: RowError) -> Poison {
    Poison { position: event.position, event_id: Some(event.event_id), cause: PoisonCause::Row(error) }
}

pub(crate) fn panicked<E>(event: &Recorded<E>, panic: &(dyn Any + Send)) -> Poison {
    let cause = PoisonCause::Panic(panic_message(panic));
    Poison { position: event.position, event_id: Some(event.event_id), cause }
}
