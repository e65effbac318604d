//! What operators can do: the same functions for the command line and for HTTP.
//!
//! Each only writes to the control tables; whoever owns the generation follows within about a second. Each is noted as an
//! act, in the transaction that does it, and can be repeated: what is so already is left as it is.

use crate::acts::{self, Act, By};
use crate::control;
use crate::ddl;
use crate::roster::{Budget, SwitchMode};
use crate::status::State;
use crate::switch::{self, SwitchError, Switched, Wish};
use crate::tables;
use kernel::Position;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{ConnectOptions, PgConnection, PgPool, Row, query, query_scalar, raw_sql};
use std::time::{Duration, Instant};

/// How long an operator's switch is tried.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pauses between two tries; each is longer than the one before, up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// Why an operator does not get what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// There is no such read model, or no projector has ever run.
    #[error("there is no read model {0}")]
    Unknown(String),
    /// There is no such generation, or its table is gone.
    #[error("there is no generation {generation} of {name}")]
    NoGeneration {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
    },
    /// No generation is in a state in which this makes sense.
    #[error("{name} has no generation to {act}: {because}")]
    Nothing {
        /// The read model.
        name: String,
        /// What was asked for.
        act: &'static str,
        /// Why there is none.
        because: String,
    },
    /// The generation is shown to readers.
    #[error("generation {generation} of {name} is the one that readers see")]
    Serving {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
    },
    /// The generation has been built, so it cannot be cancelled, or has not, so it cannot be retired.
    #[error("generation {generation} of {name} is {state}")]
    Unfit {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
        /// What it is.
        state: String,
    },
    /// One is being built already.
    #[error("generation {generation} of {name} is being built already")]
    Building {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
    },
    /// The generation has not folded what readers have been promised, and does not get there.
    #[error("generation {generation} of {name} is at position {at}, readers have seen {serving}")]
    Behind {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
        /// How far it is.
        at: Position,
        /// How far the serving one is.
        serving: Position,
    },
    /// The events that it would begin with are in files only.
    #[error("the events up to position {0} are archived, and a rebuild begins with the first one")]
    Archived(Position),
    /// The switch was refused.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// Postgres does not answer.
    #[error("writing to the control tables")]
    Database(#[from] sqlx::Error),
}

impl OperateError {
    /// What the operator can do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "`sillage projections list` names them; a projector must have run once.",
            Self::NoGeneration { .. } | Self::Switch(SwitchError::Gone { .. }) => {
                "`sillage projections list` lists the generations that there are."
            }
            Self::Nothing { .. } => "`sillage projections list` says what there is.",
            Self::Serving { .. } => "Switch readers to another generation first.",
            Self::Unfit { .. } => "`cancel` is for what readers never saw, `retire` for what they no longer see.",
            Self::Building { .. } => "Wait for it, or `sillage projections cancel` it.",
            Self::Behind { .. } => {
                "Nobody folds it, or not fast enough: see that a projector of its version runs, then try again."
            }
            Self::Archived(_) => {
                "`sillage log archive restore --from 1` brings them back; archive them again afterwards."
            }
            Self::Switch(SwitchError::NotLive { .. }) => "Wait until it is live, or `resume` it if it is paused.",
            Self::Switch(SwitchError::Never { .. }) => "`sillage projections change --switch ask` allows it.",
            Self::Switch(SwitchError::Diverged { .. }) => "`sillage log adopt`, then rebuild it.",
            Self::Switch(SwitchError::Database(_)) => {
                "Somebody reads it for long (or holds a view upon it): try again, or end that session."
            }
            Self::Database(_) => "Try again when Postgres answers.",
        }
    }

    /// A stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown_read_model",
            Self::NoGeneration { .. } | Self::Switch(SwitchError::Gone { .. }) => "unknown_generation",
            Self::Nothing { .. } => "nothing_to_do",
            Self::Serving { .. } => "generation_serves",
            Self::Unfit { .. } => "generation_unfit",
            Self::Building { .. } => "already_building",
            Self::Behind { .. } => "generation_behind",
            Self::Archived(_) => "log_archived",
            Self::Switch(SwitchError::NotLive { .. }) => "generation_not_live",
            Self::Switch(SwitchError::Never { .. }) => "switch_forbidden",
            Self::Switch(SwitchError::Diverged { .. }) => "log_diverged",
            Self::Switch(SwitchError::Database(_)) | Self::Database(_) => "database",
        }
    }
}

/// How a generation is to be built.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// What happens when it has caught up.
    pub switch: SwitchMode,
    /// How much of the machine it may take.
    pub budget: Budget,
    /// Memory for its rows, in MiB; the process' own default unless given.
    pub memory_mb: Option<u32>,
}

/// A generation, as operators name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Generation)]
pub struct Named {
    /// The read model.
    pub name: String,
    /// The generation.
    pub generation: i32,
}

/// Does operators' acts on one database.
#[derive(Clone, Debug)]
pub struct Operator {
    pool: PgPool,
    connect: PgConnectOptions,
}

impl Operator {
    /// Works on the database of the pool, over connections of its own where it takes transactions.
    pub fn new(pool: PgPool) -> Self {
        let connect = (*pool.connect_options()).clone();
        Self { pool, connect }
    }

    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a new generation of a read model, of the version that is newest now.
    ///
    /// # Errors
    /// The read model is unknown, one is being built already, or the beginning of the log is archived.
    pub async fn rebuild(&self, name: &str, plan: Plan, by: By) -> Result<Named, OperateError> {
        let archived: i64 = query_scalar("select log.cold_up_to()").fetch_one(&self.pool).await?;
        if archived > 0 {
            return Err(OperateError::Archived(Position(archived)));
        }
        let (model, noted) = (name.to_owned(), by);
        let generation = self.act(name, async move |connection, known| {
            if let Some(one) = known.iter().find(|one| one.state == State::Building && !one.serving) {
                return Err(OperateError::Building { name: model, generation: one.number });
            }
            let newest = known.iter().filter(|one| !one.state.is_gone()).map(|one| one.version).max();
            let version = newest.ok_or_else(|| OperateError::Unknown(model.clone()))?;
            let number = known.iter().map(|one| one.number).max().unwrap_or_default() + 1;
            insert(connection, &model, (number, version), plan).await?;
            acts::note(connection, &model, number, None, Act::RebuildRequested, &noted).await?;
            Ok(number)
        });
        Ok(Named { name: name.to_owned(), generation: generation.await? })
    }

    /// Stops folding a generation that readers do not see: the one named, else the newest of those.
    ///
    /// # Errors
    /// There is none, or readers see it.
    pub async fn pause(&self, name: &str, generation: Option<i32>, by: By) -> Result<Named, OperateError> {
        self.set_paused(name, generation, true, by).await
    }

    /// Goes on with it.
    ///
    /// # Errors
    /// There is none.
    pub async fn resume(&self, name: &str, generation: Option<i32>, by: By) -> Result<Named, OperateError> {
        self.set_paused(name, generation, false, by).await
    }

    async fn set_paused(
        &self,
        name: &str,
        generation: Option<i32>,
        paused: bool,
        by: By,
    ) -> Result<Named, OperateError> {
        let model = name.to_owned();
        let done = self.act(name, async move |connection, known| {
            let act = if paused { Act::Paused } else { Act::Resumed };
            let fit = |one: &Known| paused != one.paused && !one.state.is_gone() && !(paused && one.serving);
            let verb = if paused { "pause" } else { "resume" };
            let one = pick(&model, &known, generation, verb, fit)?;
            if one.paused == paused {
                return Ok(one.number);
            }
            if paused && one.serving {
                return Err(OperateError::Serving { name: model, generation: one.number });
            }
            query("update projection.projections set paused = $3 where name = $1 and generation = $2")
                .bind(&model)
                .bind(one.number)
                .bind(paused)
                .execute(&mut *connection)
                .await?;
            acts::note(connection, &model, one.number, None, act, &by).await?;
            Ok(one.number)
        });
        Ok(Named { name: name.to_owned(), generation: done.await? })
    }

    /// Changes how a generation is built and switched: what is given.
    ///
    /// # Errors
    /// There is none.
    pub async fn change(
        &self,
        name: &str,
        generation: Option<i32>,
        budget: Option<Budget>,
        mode: Option<SwitchMode>,
        by: By,
    ) -> Result<Named, OperateError> {
        let model = name.to_owned();
        let done = self.act(name, async move |connection, known| {
            let one = pick(&model, &known, generation, "change", |one| !one.serving && !one.state.is_gone())?;
            query(
                "update projection.projections set \
                 events_per_second = case when $3 then $4 else events_per_second end, \
                 percent = case when $3 then $5 else percent end, switch = coalesce($6, switch) \
                 where name = $1 and generation = $2",
            )
            .bind(&model)
            .bind(one.number)
            .bind(budget.is_some())
            .bind(budget.and_then(|budget| budget.events_per_second).map(u32::cast_signed))
            .bind(budget.and_then(|budget| budget.percent).map(i32::from))
            .bind(mode.map(SwitchMode::as_str))
            .execute(&mut *connection)
            .await?;
            acts::note(connection, &model, one.number, None, Act::Changed, &by).await?;
            Ok(one.number)
        });
        Ok(Named { name: name.to_owned(), generation: done.await? })
    }

    /// Gives up a generation that readers never saw, and drops its table.
    ///
    /// # Errors
    /// There is none, or readers have seen it.
    pub async fn cancel(&self, name: &str, generation: Option<i32>, by: By) -> Result<Named, OperateError> {
        let model = name.to_owned();
        let done = self.act(name, async move |connection, known| {
            let fit = |one: &Known| !one.shown && !one.serving && !one.state.is_gone();
            let one = pick(&model, &known, generation, "cancel", fit)?;
            if one.state == State::Cancelled {
                return Ok(one.number);
            }
            leave(connection, &model, one, fit(one), "cancelled").await?;
            acts::note(connection, &model, one.number, None, Act::Cancelled, &by).await?;
            Ok(one.number)
        });
        let generation = done.await?;
        tables::drop_gone(&self.pool).await?;
        Ok(Named { name: name.to_owned(), generation })
    }

    /// Drops a generation that readers no longer see: the one named, else all of them.
    ///
    /// # Errors
    /// There is none, or readers see it.
    pub async fn retire(&self, name: &str, generation: Option<i32>, by: By) -> Result<Vec<Named>, OperateError> {
        let model = name.to_owned();
        let done = self.act(name, async move |connection, known| {
            let fit = |one: &Known| one.shown && !one.serving && !one.state.is_gone();
            let named = pick(&model, &known, generation, "retire", fit)?;
            let all = known.iter().filter(|one| fit(one) && (generation.is_none() || one.number == named.number));
            let mut all: Vec<&Known> = all.collect();
            if all.is_empty() {
                if named.state == State::Retired {
                    return Ok(vec![named.number]);
                }
                all.push(named);
            }
            for one in &all {
                leave(connection, &model, one, fit(one), "retired").await?;
                acts::note(connection, &model, one.number, None, Act::Retired, &by).await?;
            }
            Ok(all.iter().map(|one| one.number).collect())
        });
        let generations = done.await?;
        tables::drop_gone(&self.pool).await?;
        Ok(generations.into_iter().map(|generation| Named { name: name.to_owned(), generation }).collect())
    }

    /// Shows readers a generation: the one named, else the newest that is live.
    ///
    /// # Errors
    /// There is none, it does not come as far as readers have been promised, or readers hold the view for long.
    pub async fn switch(&self, name: &str, generation: Option<i32>, by: By) -> Result<(Named, Switched), OperateError> {
        let known = known(&mut *self.pool.acquire().await?, name).await?;
        let fit = |one: &Known| one.state == State::Live && !one.serving;
        let number = pick(name, &known, generation, "switch to", fit)?.number;
        self.turn(name, number, Act::Switched, by).await
    }

    /// Shows readers the generation again that they saw before this one.
    ///
    /// # Errors
    /// There is none, or as with [`Operator::switch`].
    pub async fn rollback(&self, name: &str, by: By) -> Result<(Named, Switched), OperateError> {
        let known = known(&mut *self.pool.acquire().await?, name).await?;
        let kept = known.iter().filter(|one| one.shown && !one.serving && !one.state.is_gone());
        let number = kept.max_by_key(|one| one.replaced_at).map(|one| one.number);
        let number = number.ok_or_else(|| OperateError::Nothing {
            name: name.to_owned(),
            act: "roll back to",
            because: "none that readers saw before is kept".to_owned(),
        })?;
        self.turn(name, number, Act::RolledBack, by).await
    }

    async fn turn(&self, name: &str, generation: i32, act: Act, by: By) -> Result<(Named, Switched), OperateError> {
        let (deadline, mut pause) = (Instant::now() + PATIENCE, FIRST_PAUSE);
        let named = Named { name: name.to_owned(), generation };
        loop {
            let wish = Wish::Operator { act, by: by.clone() };
            let again = match switch::switch(&self.connect, name, generation, wish).await {
                Ok(done @ (Switched::Done { .. } | Switched::Already)) => return Ok((named, done)),
                Ok(Switched::Behind { at, serving }) => {
                    OperateError::Behind { name: name.to_owned(), generation, at, serving }
                }
                Ok(Switched::Older) => unreachable!("an operator may show any generation"),
                Err(SwitchError::Database(error)) if control::passes(&error) => SwitchError::Database(error).into(),
                Err(error) => return Err(error.into()),
            };
            if Instant::now() + pause > deadline {
                return Err(again);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One transaction over all generations of a read model, on a connection of its own: should the caller go away, the
    /// server rolls it back.
    pub(crate) async fn act<T>(
        &self,
        name: &str,
        work: impl AsyncFnOnce(&mut PgConnection, Vec<Known>) -> Result<T, OperateError>,
    ) -> Result<T, OperateError> {
        let mut connection = self.connect.connect().await?;
        raw_sql("begin; set local lock_timeout = '5s'").execute(&mut connection).await?;
        let known = known(&mut connection, name).await?;
        let done = work(&mut connection, known).await?;
        raw_sql("commit").execute(&mut connection).await?;
        Ok(done)
    }
}

/// A generation as the acts see it.
pub(crate) struct Known {
    pub(crate) number: i32,
    pub(crate) version: i32,
    pub(crate) state: State,
    pub(crate) serving: bool,
    paused: bool,
    /// Whether readers have ever seen it.
    pub(crate) shown: bool,
    replaced_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Every generation of a read model, gone or not; locked where the connection is in a transaction.
async fn known(connection: &mut PgConnection, name: &str) -> Result<Vec<Known>, OperateError> {
    let rows = query(
        "select generation, version, state, serving, paused, serving or replaced_at is not null, replaced_at \
         from projection.projections where name = $1 order by generation for no key update",
    )
    .bind(name)
    .fetch_all(connection)
    .await?;
    if rows.is_empty() {
        return Err(OperateError::Unknown(name.to_owned()));
    }
    let one = |row: &PgRow| {
        Ok(Known {
            number: row.try_get(0)?,
            version: row.try_get(1)?,
            state: State::parse(row.try_get(2)?).ok_or(sqlx::Error::Decode("an unknown state".into()))?,
            serving: row.try_get(3)?,
            paused: row.try_get(4)?,
            shown: row.try_get(5)?,
            replaced_at: row.try_get(6)?,
        })
    };
    rows.iter().map(one).collect::<Result<_, sqlx::Error>>().map_err(Into::into)
}

/// The generation that is named, else the newest that fits.
fn pick<'a>(
    name: &str,
    known: &'a [Known],
    generation: Option<i32>,
    act: &'static str,
    fit: impl Fn(&Known) -> bool,
) -> Result<&'a Known, OperateError> {
    match generation {
        Some(number) => known
            .iter()
            .find(|one| one.number == number)
            .ok_or_else(|| OperateError::NoGeneration { name: name.to_owned(), generation: number }),
        None => known.iter().rev().find(|one| fit(one)).ok_or_else(|| {
            let are: Vec<String> = known.iter().filter(|one| !one.state.is_gone()).map(Known::said).collect();
            OperateError::Nothing { name: name.to_owned(), act, because: are.join(", ") }
        }),
    }
}

impl Known {
    fn said(&self) -> String {
        let shown = if self.serving { " and serving" } else { "" };
        format!("{} is {}{shown}", self.number, self.state.as_str())
    }
}

/// Marks a generation as gone. Its table is dropped when nobody folds it any more.
pub(crate) async fn leave(
    connection: &mut PgConnection,
    name: &str,
    one: &Known,
    fits: bool,
    state: &'static str,
) -> Result<(), OperateError> {
    let (name, generation) = (name.to_owned(), one.number);
    if one.serving {
        return Err(OperateError::Serving { name, generation });
    }
    if !fits {
        return Err(OperateError::Unfit { name, generation, state: one.state.as_str().to_owned() });
    }
    query(
        "update projection.projections set state = $3, paused = false, error = null, error_position = null \
         where name = $1 and generation = $2",
    )
    .bind(&name)
    .bind(generation)
    .bind(state)
    .execute(connection)
    .await?;
    Ok(())
}

/// A generation that is to be built; its table is made by whoever builds it.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    name: &str,
    (number, version): (i32, i32),
    plan: Plan,
) -> Result<(), sqlx::Error> {
    query(
        "insert into projection.projections \
         (name, generation, version, table_name, state, serving, switch, events_per_second, percent, memory_mb) \
         values ($1, $2, $3, $4, 'building', false, $5, $6, $7, $8)",
    )
    .bind(name)
    .bind(number)
    .bind(version)
    .bind(ddl::table_name(name, number))
    .bind(plan.switch.as_str())
    .bind(plan.budget.events_per_second.map(u32::cast_signed))
    .bind(plan.budget.percent.map(i32::from))
    .bind(plan.memory_mb.map(u32::cast_signed))
    .execute(&mut *connection)
    .await?;
    insert_checkpoint(connection, name, number).await
}

/// The checkpoint of a generation that has folded nothing.
pub(crate) async fn insert_checkpoint(
    connection: &mut PgConnection,
    name: &str,
    number: i32,
) -> Result<(), sqlx::Error> {
    let inserted: u64 = query(
        "insert into projection.checkpoints (name, generation, log_id, epoch, position) \
         select $1, $2, log_id, epoch, 0 from log.identity, log.head",
    )
    .bind(name)
    .bind(number)
    .execute(connection)
    .await?
    .rows_affected();
    if inserted == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
}

/// Whether operators' acts are told in the log up to now.
///
/// # Errors
/// Postgres does not answer.
pub async fn all_recorded(pool: &PgPool) -> Result<bool, sqlx::Error> {
    query_scalar("select not exists (select from projection.acts where recorded_position is null)")
        .fetch_one(pool)
        .await
}
