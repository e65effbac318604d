//! Splitting a generation by the keys of its rows, and merging it again, while it is folded.
//!
//! Splitting is one transaction: the parts begin where the whole stands, and the whole's owner is fenced. Merging waits until
//! all parts stand at the same place, which those that are ahead wait for; then it is one transaction too. Between the two
//! the generation's own checkpoint is that of the part that is furthest behind: what readers wait for, and what a switch
//! compares. [ADR 0027](../../docs/adr/0027-parts-of-a-projection.md).

use crate::acts::{self, Act, By};
use crate::control::{self, Checkpoint, Generation, Place};
use crate::operate::{Known, Named, OperateError, Operator};
use crate::part::{MOST, Part};
use crate::projection::Projection;
use crate::status::State;
use kernel::{Epoch, EventId, Position};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row, query, query_scalar};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// For so long parts that are ahead wait for the others after the last word of whoever merges.
const HOLD: &str = "10 seconds";
/// Between two looks at how far the parts are.
const LOOK: Duration = Duration::from_millis(100);

/// A part as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ProjectionPart)]
pub struct PartStatus {
    /// The read model.
    pub name: String,
    /// The generation.
    pub generation: i32,
    /// 0, 1, 2, …
    pub part: i32,
    /// How many parts there are.
    pub of: i32,
    /// The last position that it has folded.
    pub position: Position,
    /// Events of the log that it has not folded.
    pub gap: i64,
    /// The process that folds it: host and process id.
    pub owner: Option<String>,
    /// Why it stands still.
    pub error: Option<String>,
}

/// Every part of every generation that is split.
///
/// # Errors
/// Postgres does not answer.
pub async fn parts(pool: &PgPool) -> Result<Vec<PartStatus>, sqlx::Error> {
    let rows = query(
        "select name, generation, part, of, p.position, greatest(h.position - p.position, 0), error \
         from projection.parts p cross join log.head h order by name, generation, part",
    )
    .fetch_all(pool)
    .await?;
    let owners = query("select lock_key, place from projection.leases join projection.processes using (process)")
        .fetch_all(pool)
        .await?;
    let owners: Vec<(i64, String)> =
        owners.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?;
    let one = |row: &PgRow| {
        let (name, generation): (String, i32) = (row.try_get(0)?, row.try_get(1)?);
        let part = Part { number: row.try_get(2)?, of: row.try_get(3)? };
        let key = control::part_key(&name, generation, part);
        let owner = owners.iter().find(|(held, _)| *held == key).map(|(_, place)| place.clone());
        let (position, gap, error) = (Position(row.try_get(4)?), row.try_get(5)?, row.try_get(6)?);
        Ok(PartStatus { name, generation, part: part.number, of: part.of, position, gap, owner, error })
    };
    rows.iter().map(one).collect()
}

/// [`control::take_over`], of a part. Its owner epoch is the sum of its own and the generation's: both only grow, so whoever
/// raises either has fenced it.
pub(crate) async fn take_over(pool: &PgPool, generation: &Generation) -> Result<Option<Checkpoint>, sqlx::Error> {
    let row = query(
        "update projection.parts p set owner_epoch = p.owner_epoch + 1, error = null, updated_at = clock_timestamp() \
         from projection.checkpoints c where c.name = p.name and c.generation = p.generation \
         and p.name = $1 and p.generation = $2 and p.part = $3 and p.of = $4 \
         returning p.log_id, p.epoch, p.position, p.event_id, p.owner_epoch + c.owner_epoch",
    )
    .bind(generation.name)
    .bind(generation.number)
    .bind(generation.part.number)
    .bind(generation.part.of)
    .fetch_optional(pool)
    .await?;
    row.as_ref().map(control::checkpoint).transpose()
}

/// [`control::owner_epoch`], of a part.
pub(crate) async fn owner_epoch(pool: &PgPool, generation: &Generation) -> Result<Option<i64>, sqlx::Error> {
    query_scalar(
        "select p.owner_epoch + c.owner_epoch from projection.parts p join projection.checkpoints c using (name, generation) \
         where p.name = $1 and p.generation = $2 and p.part = $3 and p.of = $4",
    )
    .bind(generation.name)
    .bind(generation.number)
    .bind(generation.part.number)
    .bind(generation.part.of)
    .fetch_optional(pool)
    .await
}

/// Why a part stands still; the generation is not well until it is taken over again.
pub(crate) async fn note_error(pool: &PgPool, generation: &Generation, error: &str) -> Result<(), sqlx::Error> {
    query("update projection.parts set error = $4 where name = $1 and generation = $2 and part = $3")
        .bind(generation.name)
        .bind(generation.number)
        .bind(generation.part.number)
        .bind(error)
        .execute(pool)
        .await
        .map(drop)
}

/// Parts whose checkpoints are moved, as parallel arrays.
#[derive(Default)]
pub(crate) struct OwnedParts {
    names: Vec<&'static str>,
    generations: Vec<i32>,
    parts: Vec<i32>,
    of: Vec<i32>,
    owner_epochs: Vec<i64>,
}

impl OwnedParts {
    pub(crate) fn push(&mut self, generation: &Generation, owner_epoch: i64) {
        self.names.push(generation.name);
        self.generations.push(generation.number);
        self.parts.push(generation.part.number);
        self.of.push(generation.part.of);
        self.owner_epochs.push(owner_epoch);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// [`control::advance`], of parts, inside a transaction. The generations' own checkpoints are locked first: each commit
    /// of a part sees those before it, so that the last of them leaves the smallest place there.
    pub(crate) async fn advance(
        &self,
        connection: &mut PgConnection,
        from: Place,
        to: Place,
    ) -> Result<bool, sqlx::Error> {
        if self.is_empty() {
            return Ok(true);
        }
        query(
            "select from projection.checkpoints c where (c.name, c.generation) in \
             (select n, g from unnest($1::text[], $2::integer[]) as m(n, g)) \
             order by c.name, c.generation for no key update",
        )
        .bind(&self.names)
        .bind(&self.generations)
        .execute(&mut *connection)
        .await?;
        if !self.move_parts(connection, from, to).await? {
            return Ok(false);
        }
        query(
            "update projection.checkpoints c \
             set epoch = l.epoch, position = l.position, event_id = l.event_id, updated_at = clock_timestamp() \
             from (select distinct on (p.name, p.generation) p.name, p.generation, p.epoch, p.position, p.event_id \
                   from projection.parts p where (p.name, p.generation) in \
                   (select n, g from unnest($1::text[], $2::integer[]) as m(n, g)) \
                   order by p.name, p.generation, p.position) l \
             where c.name = l.name and c.generation = l.generation and c.position < l.position",
        )
        .bind(&self.names)
        .bind(&self.generations)
        .execute(connection)
        .await?;
        Ok(true)
    }

    async fn move_parts(&self, connection: &mut PgConnection, from: Place, to: Place) -> Result<bool, sqlx::Error> {
        let moved = query(
            "update projection.parts as p \
             set epoch = $1, position = $2, event_id = $3, updated_at = clock_timestamp() \
             from unnest($4::text[], $5::integer[], $6::integer[], $7::integer[], $8::bigint[]) \
             as m(name, generation, part, of, owner_epoch) \
             join projection.checkpoints c on c.name = m.name and c.generation = m.generation \
             where p.name = m.name and p.generation = m.generation and p.part = m.part and p.of = m.of \
             and p.owner_epoch + c.owner_epoch = m.owner_epoch \
             and p.position = $9 and p.event_id is not distinct from $10 \
             and p.log_id = (select log_id from log.identity) \
             and ($9 = 0 or exists (select from log.events where position = $9 and event_id = $10)) \
             and exists (select from log.events where position = $2 and event_id = $3)",
        )
        .bind(to.epoch.0)
        .bind(to.position.0)
        .bind(to.event_id.map(|id| id.0))
        .bind(&self.names)
        .bind(&self.generations)
        .bind(&self.parts)
        .bind(&self.of)
        .bind(&self.owner_epochs)
        .bind(from.position.0)
        .bind(from.event_id.map(|id| id.0))
        .execute(connection)
        .await?
        .rows_affected();
        Ok(usize::try_from(moved) == Ok(self.names.len()))
    }
}

impl Operator {
    /// Splits the serving generation of a read model into parts that several processes can fold. Readers notice nothing.
    ///
    /// # Errors
    /// It is split already, cannot be split, or is not following the log; or streams of it are parked.
    pub async fn split(&self, model: &dyn Projection, into: i32, by: By) -> Result<Named, OperateError> {
        let name = model.name().to_owned();
        if !model.splits() {
            return Err(refused(&name, "split", "its rows are too few: `SPLITS` of the read model says why"));
        }
        if !(2..=MOST).contains(&into) {
            return Err(refused(&name, "split", &format!("it can have 2 to {MOST} parts")));
        }
        let split = self.act(model.name(), async move |connection, known| {
            let generation = whole(&name, &known, connection).await?;
            query(
                "update projection.checkpoints set owner_epoch = owner_epoch + 1 where name = $1 and generation = $2",
            )
            .bind(&name)
            .bind(generation)
            .execute(&mut *connection)
            .await?;
            query(
                "insert into projection.parts (name, generation, part, of, log_id, epoch, position, event_id) \
                 select name, generation, part, $3, log_id, epoch, position, event_id \
                 from projection.checkpoints, generate_series(0, $3 - 1) as part where name = $1 and generation = $2",
            )
            .bind(&name)
            .bind(generation)
            .bind(into)
            .execute(&mut *connection)
            .await?;
            let by = because(by, &format!("split into {into} parts"));
            acts::note(connection, &name, generation, None, Act::Changed, &by).await?;
            Ok(Named { name, generation })
        });
        split.await
    }

    /// Makes the parts of a read model's serving generation one again, as soon as they stand at the same place.
    ///
    /// # Errors
    /// It is not split, or a part does not get to where the others are in time.
    pub async fn merge(&self, name: &str, at_most: Duration, by: By) -> Result<Named, OperateError> {
        let deadline = Instant::now() + at_most;
        loop {
            let (model, noted) = (name.to_owned(), by.clone());
            let merged = self.act(name, async move |connection, known| merge(connection, &model, &known, &noted).await);
            match merged.await? {
                Merged::Done(generation) => return Ok(Named { name: name.to_owned(), generation }),
                Merged::Behind { generation, at, until } if Instant::now() > deadline => {
                    return Err(OperateError::Behind { name: name.to_owned(), generation, at, serving: until });
                }
                Merged::Behind { .. } => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

/// What was done, before why.
fn because(by: By, done: &str) -> By {
    let reason = by.reason.map_or_else(|| done.to_owned(), |reason| format!("{done}: {reason}"));
    By { reason: Some(reason), ..by }
}

fn refused(name: &str, act: &'static str, because: &str) -> OperateError {
    OperateError::Nothing { name: name.to_owned(), act, because: because.to_owned() }
}

/// The serving generation, if it can be split; its checkpoint is locked.
async fn whole(name: &str, known: &[Known], connection: &mut PgConnection) -> Result<i32, OperateError> {
    let serving = known.iter().find(|one| one.serving).ok_or_else(|| refused(name, "split", "none is served"))?;
    if serving.state != State::Live {
        return Err(refused(name, "split", &format!("it is {}", serving.state.as_str())));
    }
    let row = query(
        "select exists (select from projection.parts p where p.name = c.name and p.generation = c.generation), \
         exists (select from projection.parked k where k.name = c.name and k.generation = c.generation) \
         from projection.checkpoints c where c.name = $1 and c.generation = $2 for no key update of c",
    )
    .bind(name)
    .bind(serving.number)
    .fetch_one(connection)
    .await?;
    if row.try_get(0)? {
        return Err(refused(name, "split", "it is split already: merge it first"));
    }
    if row.try_get(1)? {
        return Err(refused(name, "split", "streams of it are parked: resume them first"));
    }
    Ok(serving.number)
}

enum Merged {
    Done(i32),
    Behind { generation: i32, at: Position, until: Position },
}

/// One attempt to merge; without success those that are ahead are told to wait.
async fn merge(connection: &mut PgConnection, name: &str, known: &[Known], by: &By) -> Result<Merged, OperateError> {
    let serving = known.iter().find(|one| one.serving).ok_or_else(|| refused(name, "merge", "none is served"))?;
    let generation = serving.number;
    // As whoever commits a part does: the generation's checkpoint first.
    query("select from projection.checkpoints where name = $1 and generation = $2 for no key update")
        .bind(name)
        .bind(generation)
        .execute(&mut *connection)
        .await?;
    let rows = query(
        "select epoch, position, event_id from projection.parts \
         where name = $1 and generation = $2 for update",
    )
    .bind(name)
    .bind(generation)
    .fetch_all(&mut *connection)
    .await?;
    let places = rows.iter().map(place).collect::<Result<Vec<Place>, sqlx::Error>>()?;
    let (Some(last), Some(first)) =
        (places.iter().max_by_key(|place| place.position), places.iter().min_by_key(|place| place.position))
    else {
        return Err(refused(name, "merge", "it is not split"));
    };
    if places.iter().any(|place| place != last) {
        query(
            "update projection.parts set hold_at = $3, hold_until = clock_timestamp() + $4::interval \
             where name = $1 and generation = $2",
        )
        .bind(name)
        .bind(generation)
        .bind(last.position.0)
        .bind(HOLD)
        .execute(connection)
        .await?;
        return Ok(Merged::Behind { generation, at: first.position, until: last.position });
    }
    // Beyond what any owner of a part ever knew as its own: a later part must not come to the same sum.
    query(
        "update projection.checkpoints set epoch = $3, position = $4, event_id = $5, owner_epoch = owner_epoch + 1 \
         + (select max(p.owner_epoch) from projection.parts p where p.name = $1 and p.generation = $2) \
         where name = $1 and generation = $2",
    )
    .bind(name)
    .bind(generation)
    .bind(last.epoch.0)
    .bind(last.position.0)
    .bind(last.event_id.map(|id| id.0))
    .execute(&mut *connection)
    .await?;
    query("delete from projection.parts where name = $1 and generation = $2")
        .bind(name)
        .bind(generation)
        .execute(&mut *connection)
        .await?;
    let by = because(by.clone(), &format!("merged from {} parts", places.len()));
    acts::note(connection, name, generation, None, Act::Changed, &by).await?;
    Ok(Merged::Done(generation))
}

fn place(row: &PgRow) -> Result<Place, sqlx::Error> {
    let event_id: Option<Uuid> = row.try_get(2)?;
    let (epoch, position) = (Epoch(row.try_get(0)?), Position(row.try_get(1)?));
    Ok(Place { epoch, position, event_id: event_id.map(EventId) })
}
