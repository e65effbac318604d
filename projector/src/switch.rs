//! Which generation readers are shown: one short transaction, in either direction.
//!
//! What readers have been promised is the position of the serving generation's checkpoint, and nothing else: that is what
//! `min_position` waits for. So the transaction holds that checkpoint, lets the other generation come as far, and only
//! then turns the view. Nothing can be folded into the serving generation between the look and the turn, and appends
//! never wait. [ADR 0022](../../docs/adr/0022-switch-under-the-checkpoint.md) says why not under the head lock.

use crate::acts::{Act, By};
use crate::control::{self, Generation, Place};
use crate::ddl;
use crate::roster::SwitchMode;
use crate::status::State;
use kernel::{Epoch, EventId, LogId, Position};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row, query, query_scalar, raw_sql};
use std::time::{Duration, Instant};

/// Longer than this a switch does not make readers wait behind it, nor the owner of the serving generation.
const LOCK_TIMEOUT: &str = "200ms";
/// So long a switch holds the serving generation still for the other one to come as far.
const PATIENCE: Duration = Duration::from_millis(200);
/// Between two looks at how far the other one is.
const LOOK: Duration = Duration::from_millis(3);

/// What became of an attempt to show readers a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switched {
    /// Readers see it now, and saw the other before.
    Done {
        /// The generation that was shown before, if one was.
        before: Option<i32>,
        /// No reader has been promised more than this.
        position: Position,
    },
    /// Readers saw it already.
    Already,
    /// The serving generation is further; soon it will not be.
    Behind {
        /// How far the serving one is.
        serving: Position,
        /// How far the other one is.
        at: Position,
    },
    /// It is not to be shown by itself: it has been replaced by one of the same or a newer version, which somebody folds.
    Older,
}

/// Why readers cannot be shown a generation, whoever asks.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    /// There is no such generation, or its table is gone.
    #[error("there is no generation {generation} of {name} any more")]
    Gone {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
    },
    /// It is not at the end of the log, or has stopped.
    #[error("generation {generation} of {name} is not live, it is {state}")]
    NotLive {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
        /// What it is.
        state: &'static str,
    },
    /// It was built to be looked at.
    #[error("generation {generation} of {name} was built with --switch never")]
    Never {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
    },
    /// What it has folded is not what the log tells.
    #[error("LOG_DIVERGED: generation {generation} of {name} was folded from another history")]
    Diverged {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
    },
    /// Postgres refuses, most often because a reader holds the view for long: try again.
    #[error("turning the view of a read model")]
    Database(#[from] sqlx::Error),
}

/// Who wants the switch.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// The generation has caught up, and is to be shown if that is what it was built for.
    Itself,
    /// An operator's word.
    Operator { act: Act, by: By },
}

/// Shows readers the generation in place of the serving one. Nobody who waited for a position sees an earlier one: the
/// new generation must have folded at least as far.
pub(crate) async fn switch(
    options: &PgConnectOptions,
    name: &str,
    generation: i32,
    wish: Wish,
) -> Result<Switched, SwitchError> {
    let (options, name) = (options.clone(), name.to_owned());
    // A task of its own: whoever waits for it may go away.
    let switching = tokio::spawn(async move {
        let mut connection = options.connect().await?;
        let settings = format!("begin; set local lock_timeout = '{LOCK_TIMEOUT}'; set local statement_timeout = '5s'");
        raw_sql(AssertSqlSafe(settings)).execute(&mut connection).await?;
        // Without a commit the server rolls back when the connection goes.
        let outcome = inside(&mut connection, &name, generation, &wish).await?;
        if matches!(outcome, Switched::Done { .. }) {
            raw_sql("commit").execute(&mut connection).await?;
        }
        Ok(outcome)
    });
    switching.await.unwrap_or_else(|stopped| Err(sqlx::Error::Io(stopped.into()).into()))
}

/// A generation as the transaction sees it.
struct Candidate {
    number: i32,
    version: i32,
    state: State,
    serving: bool,
    mode: SwitchMode,
}

async fn inside(connection: &mut PgConnection, name: &str, number: i32, wish: &Wish) -> Result<Switched, SwitchError> {
    let all = candidates(connection, name).await?;
    let gone = || SwitchError::Gone { name: name.to_owned(), generation: number };
    let new = all.iter().find(|one| one.number == number && !one.state.is_gone()).ok_or_else(gone)?;
    if new.serving {
        return Ok(Switched::Already);
    }
    let old = all.iter().find(|one| one.serving);
    refuse(name, new)?;
    if matches!(wish, Wish::Itself) && !may_by_itself(connection, name, new, old).await? {
        return Ok(Switched::Older);
    }
    // From here on the serving generation stands still until this transaction ends.
    let promised = match old {
        Some(old) => promised(connection, name, old).await?,
        None => Position::ZERO,
    };
    let patience = if matches!(wish, Wish::Itself) { Duration::ZERO } else { PATIENCE };
    let place = come_as_far(connection, name, new, promised, patience).await?;
    if place.position < promised {
        return Ok(Switched::Behind { serving: promised, at: place.position });
    }
    show(connection, name, number).await?;
    exchange(connection, name, new, old, wish).await?;
    crate::metrics::switched(name);
    Ok(Switched::Done { before: old.map(|old| old.number), position: promised })
}

/// Every generation of the read model, locked: one switch at a time, and nothing is marked or retired meanwhile.
async fn candidates(connection: &mut PgConnection, name: &str) -> Result<Vec<Candidate>, sqlx::Error> {
    let rows = query(
        "select generation, version, state, serving, switch from projection.projections where name = $1 \
         order by generation for no key update",
    )
    .bind(name)
    .fetch_all(connection)
    .await?;
    let candidate = |row: &PgRow| {
        Ok(Candidate {
            number: row.try_get(0)?,
            version: row.try_get(1)?,
            state: State::parse(row.try_get(2)?).ok_or(sqlx::Error::Decode("an unknown state".into()))?,
            serving: row.try_get(3)?,
            mode: SwitchMode::parse(row.try_get(4)?).ok_or(sqlx::Error::Decode("an unknown mode".into()))?,
        })
    };
    rows.iter().map(candidate).collect()
}

fn refuse(name: &str, new: &Candidate) -> Result<(), SwitchError> {
    let (name, generation) = (name.to_owned(), new.number);
    if new.state != State::Live {
        return Err(SwitchError::NotLive { name, generation, state: new.state.as_str() });
    }
    if new.mode == SwitchMode::Never {
        return Err(SwitchError::Never { name, generation });
    }
    Ok(())
}

/// Whether a generation that has caught up replaces the serving one without anybody's word: it was built for that, and is
/// newer; or it is of an older version, and nobody folds the newer one any more: somebody went back to an older program.
async fn may_by_itself(
    connection: &mut PgConnection,
    name: &str,
    new: &Candidate,
    old: Option<&Candidate>,
) -> Result<bool, sqlx::Error> {
    if new.mode != SwitchMode::Auto {
        return Ok(false);
    }
    let Some(old) = old else { return Ok(true) };
    if old.version > new.version {
        return is_unowned(connection, name, old.number).await;
    }
    Ok(old.version < new.version || old.number < new.number)
}

/// Whether no process folds the generation; if so, none can begin until the transaction ends.
pub(crate) async fn is_unowned(
    connection: &mut PgConnection,
    name: &str,
    generation: i32,
) -> Result<bool, sqlx::Error> {
    for key in control::owner_keys(connection, name, generation).await? {
        let free: bool =
            query_scalar("select pg_try_advisory_xact_lock($1)").bind(key).fetch_one(&mut *connection).await?;
        if !free {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How far readers have been promised that they see. Locks the checkpoint: its owner waits until the switch is done.
async fn promised(connection: &mut PgConnection, name: &str, old: &Candidate) -> Result<Position, sqlx::Error> {
    let position = query_scalar(
        "select position from projection.checkpoints where name = $1 and generation = $2 for no key update",
    )
    .bind(name)
    .bind(old.number)
    .fetch_one(connection)
    .await?;
    // Folded from another history, its positions mean nothing: readers lose what the log has lost.
    Ok(if old.state == State::Diverged { Position::ZERO } else { Position(position) })
}

/// Waits a little until the generation has folded as far as the one that stands still. Answers how far it is.
async fn come_as_far(
    connection: &mut PgConnection,
    name: &str,
    new: &Candidate,
    promised: Position,
    patience: Duration,
) -> Result<Place, SwitchError> {
    let deadline = Instant::now() + patience;
    loop {
        let row = query(
            "select log_id, epoch, position, event_id from projection.checkpoints where name = $1 and generation = $2",
        )
        .bind(name)
        .bind(new.number)
        .fetch_one(&mut *connection)
        .await?;
        let log_id = LogId(row.try_get(0)?);
        let place = Place {
            epoch: Epoch(row.try_get(1)?),
            position: Position(row.try_get(2)?),
            event_id: row.try_get::<Option<uuid::Uuid>, _>(3)?.map(EventId),
        };
        if place.position < promised && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        if !control::log_has(connection, log_id, place).await? {
            return Err(SwitchError::Diverged { name: name.to_owned(), generation: new.number });
        }
        return Ok(place);
    }
}

/// Points the view at the generation: in place where the columns allow it, so that views built upon it stay.
async fn show(connection: &mut PgConnection, name: &str, generation: i32) -> Result<(), sqlx::Error> {
    raw_sql("savepoint before_view").execute(&mut *connection).await?;
    let replaced = raw_sql(AssertSqlSafe(ddl::replace_view(name, generation))).execute(&mut *connection).await;
    match replaced {
        Ok(_) => Ok(()),
        // The columns differ: 42P16 is "invalid table definition".
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P16") => {
            let recreate = ddl::recreate_view(name, generation);
            raw_sql(AssertSqlSafe(format!("rollback to savepoint before_view; {recreate}")))
                .execute(&mut *connection)
                .await
                .map(drop)
        }
        Err(error) => Err(error),
    }
}

/// The rows follow the view.
async fn exchange(
    connection: &mut PgConnection,
    name: &str,
    new: &Candidate,
    old: Option<&Candidate>,
    wish: &Wish,
) -> Result<(), sqlx::Error> {
    // An operator who goes back does not want to be taken forward again by the next look.
    let leave = matches!(wish, Wish::Operator { act: Act::RolledBack, .. });
    query(
        "update projection.projections set serving = false, replaced_at = clock_timestamp(), \
         switch = case when $2 and switch = 'auto' then 'ask' else switch end where name = $1 and serving",
    )
    .bind(name)
    .bind(leave)
    .execute(&mut *connection)
    .await?;
    query(
        "update projection.projections set serving = true, switched_at = clock_timestamp(), trouble = null \
         where name = $1 and generation = $2",
    )
    .bind(name)
    .bind(new.number)
    .execute(&mut *connection)
    .await?;
    let (act, by) = match wish {
        Wish::Itself => (Act::Switched, By::itself("it has caught up")),
        Wish::Operator { act, by } => (*act, by.clone()),
    };
    crate::acts::note(connection, name, new.number, old.map(|old| old.number), act, &by).await
}

/// Notes why a generation that should be shown is not.
pub(crate) async fn note_trouble(
    pool: &sqlx::PgPool,
    generation: &Generation,
    trouble: &str,
) -> Result<(), sqlx::Error> {
    query(
        "update projection.projections set trouble = $3 \
         where name = $1 and generation = $2 and trouble is distinct from $3",
    )
    .bind(generation.name)
    .bind(generation.number)
    .bind(trouble)
    .execute(pool)
    .await
    .map(drop)
}
