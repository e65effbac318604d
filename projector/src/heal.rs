//! After the log was adopted: what was folded from another history is built again, what was not goes on.
//!
//! Each step is seen in the control tables and is not done twice, so healing that ends anywhere is taken up by the next
//! call. It only orders: projectors do the work.

use crate::acts::{self, Act, By};
use crate::operate::{self, Known, OperateError, Operator, Plan};
use crate::roster::SwitchMode;
use crate::status::State;
use serde::Serialize;
use sqlx::{PgConnection, Row, query, query_scalar};
use std::collections::BTreeSet;

/// How healing goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ProjectionHealing)]
pub struct Healing {
    /// Generations of which a checkpoint still is in the log: they go on by themselves.
    pub fitting: Vec<String>,
    /// Generations that were begun in place of one that does not fit.
    pub rebuilding: Vec<String>,
    /// Generations that do not fit and that nobody sees any more.
    pub dropped: Vec<String>,
    /// Serving generations that are not yet what they must be.
    pub waiting: Vec<String>,
}

impl Operator {
    /// Does what can be done now about generations that were folded from another history. Call it again until nothing is
    /// `waiting`; it never does anything twice.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn heal(&self, by: By) -> Result<Healing, OperateError> {
        let mut healing = Healing::default();
        let names: Vec<String> = query_scalar(
            "select distinct name from projection.projections where state not in ('cancelled', 'retired')",
        )
        .fetch_all(self.pool())
        .await?;
        for name in names {
            let one = self.mended(&name, by.clone()).await?;
            healing.fitting.extend(one.fitting);
            healing.rebuilding.extend(one.rebuilding);
            healing.dropped.extend(one.dropped);
            healing.waiting.extend(one.waiting);
        }
        crate::tables::drop_gone(self.pool()).await?;
        Ok(healing)
    }

    /// The same for one read model.
    ///
    /// # Errors
    /// It is unknown, or Postgres does not answer.
    pub async fn heal_one(&self, name: &str, by: By) -> Result<Healing, OperateError> {
        let healing = self.mended(name, by).await?;
        crate::tables::drop_gone(self.pool()).await?;
        Ok(healing)
    }

    async fn mended(&self, name: &str, by: By) -> Result<Healing, OperateError> {
        let model = name.to_owned();
        self.act(name, async move |connection, known| mend(connection, &model, known, &by).await).await
    }
}

/// One read model, in one transaction over all its generations.
async fn mend(connection: &mut PgConnection, name: &str, known: Vec<Known>, by: &By) -> Result<Healing, OperateError> {
    let mut healing = Healing::default();
    let lost = lost(connection, name).await?;
    let here: Vec<&Known> = known.iter().filter(|one| !one.state.is_gone()).collect();
    for one in here.iter().filter(|one| one.state == State::Diverged && !lost.contains(&one.number)) {
        // Its owner, where there is one, says so as soon as it has caught up; others have none.
        query(
            "update projection.projections set error = null, error_position = null, \
             state = case when live_at is null then 'building' else 'live' end where name = $1 and generation = $2",
        )
        .bind(name)
        .bind(one.number)
        .execute(&mut *connection)
        .await?;
        healing.fitting.push(said(name, one.number));
    }
    let newest = here.iter().map(|one| one.version).max().unwrap_or_default();
    let replaced = here.iter().any(|one| !lost.contains(&one.number) && !one.serving && one.version == newest);
    let must_replace = |one: &&&Known| lost.contains(&one.number) && (one.serving || one.version == newest);
    if here.iter().any(|one| must_replace(&one)) && !replaced {
        let number = known.iter().map(|one| one.number).max().unwrap_or_default() + 1;
        let plan = Plan { switch: SwitchMode::Auto, ..Plan::default() };
        operate::insert(connection, name, (number, newest), plan).await?;
        acts::note(connection, name, number, None, Act::RebuildRequested, by).await?;
        healing.rebuilding.push(said(name, number));
    }
    for one in here.iter().filter(|one| lost.contains(&one.number)) {
        if one.serving {
            mark(connection, name, one.number).await?;
            healing.waiting.push(said(name, one.number));
            continue;
        }
        let (state, act) = if one.shown { ("retired", Act::Retired) } else { ("cancelled", Act::Cancelled) };
        operate::leave(connection, name, one, true, state).await?;
        acts::note(connection, name, one.number, None, act, by).await?;
        healing.dropped.push(said(name, one.number));
    }
    let serving = here.iter().find(|one| one.serving && !lost.contains(&one.number));
    healing.waiting.extend(serving.filter(|one| one.state != State::Live).map(|one| said(name, one.number)));
    Ok(healing)
}

fn said(name: &str, generation: i32) -> String {
    format!("{name} (generation {generation})")
}

/// The generations whose checkpoint is not in the log, or of which a part is not.
async fn lost(connection: &mut PgConnection, name: &str) -> Result<BTreeSet<i32>, sqlx::Error> {
    let rows = query(
        "select generation from projection.checkpoints where name = $1 and not log.holds(log_id, position, event_id) \
         union select generation from projection.parts where name = $1 and not log.holds(log_id, position, event_id)",
    )
    .bind(name)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// So that a switch away from it promises nothing of what it shows.
async fn mark(connection: &mut PgConnection, name: &str, generation: i32) -> Result<(), sqlx::Error> {
    query(
        "update projection.projections p set state = 'diverged', error_position = c.position, \
         error = 'LOG_DIVERGED: the log does not have the event at position ' || c.position || '; another generation is built' \
         from projection.checkpoints c where c.name = p.name and c.generation = p.generation \
         and p.name = $1 and p.generation = $2 and p.state <> 'diverged'",
    )
    .bind(name)
    .bind(generation)
    .execute(connection)
    .await
    .map(drop)
}
