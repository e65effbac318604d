//! What operators do to projections over HTTP. A repeat finds what is so already, and changes nothing.

use super::{OPERATE, operations, operator};
use crate::reading::{Services, database_problem};
use crate::routes::Asking;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use kernel::{Position, Text};
use platform::auth::Identity;
use platform::{Problem, json};
use projector::acts::By;
use projector::operate::{Named, OperateError, Plan};
use projector::switch::{SwitchError, Switched};
use projector::{Budget, Operator, SwitchMode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

pub(super) const REBUILD: &str = "operations.rebuild_projection";
pub(super) const PAUSE: &str = "operations.pause_projection";
pub(super) const RESUME: &str = "operations.resume_projection";
pub(super) const CHANGE: &str = "operations.change_projection";
pub(super) const CANCEL: &str = "operations.cancel_projection";
pub(super) const SWITCH: &str = "operations.switch_projection";
pub(super) const ROLLBACK: &str = "operations.roll_back_projection";
pub(super) const RETIRE: &str = "operations.retire_projection";

/// Why, for the record.
pub(super) type Reason = Text<1, 500>;

/// Asks for a new generation, built beside the one that readers see.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RebuildProjection {
    /// When it has caught up: `auto` (unless said) switches readers, `ask` waits for a word, `never` only builds it.
    switch: Option<SwitchMode>,
    /// Events per second at most.
    #[schema(minimum = 1)]
    events_per_second: Option<u32>,
    /// Percent of the time at most.
    #[schema(minimum = 1, maximum = 100)]
    percent: Option<u8>,
    /// Memory for its rows in MiB.
    #[schema(minimum = 1, maximum = 1_048_576)]
    memory_mb: Option<u32>,
    /// Why, for the record.
    reason: Option<Reason>,
}

/// Names a generation; the newest that it makes sense for unless given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActOnProjection {
    /// Which.
    generation: Option<i32>,
    /// Why, for the record.
    reason: Option<Reason>,
}

/// Goes back to the generation that readers saw before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollBackProjection {
    /// Why, for the record.
    reason: Option<Reason>,
}

/// Changes how a generation is built and switched. What is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeProjection {
    /// Which; the newest that readers do not see unless given.
    generation: Option<i32>,
    /// What happens when it has caught up.
    switch: Option<SwitchMode>,
    /// What it may take; an empty one takes what live traffic leaves.
    budget: Option<Budget>,
    /// Why, for the record.
    reason: Option<Reason>,
}

/// Readers are shown another generation.
#[derive(Serialize, ToSchema)]
pub(super) struct Shown {
    /// The read model.
    name: String,
    /// What readers see now.
    generation: i32,
    /// What they saw before; absent where they saw it already.
    before: Option<i32>,
    /// No reader has been promised more than this position.
    position: Option<Position>,
}

/// Generations whose tables are dropped.
#[derive(Serialize, ToSchema)]
pub(super) struct RetiredProjections {
    /// Which.
    items: Vec<Named>,
}

/// An authorized request: the operator at work, the read model, what is asked, and by whom.
pub(super) struct Asked<'a, B> {
    pub(super) operator: &'a Operator,
    pub(super) name: String,
    pub(super) body: B,
    pub(super) by: By,
    pub(super) identity: Arc<Identity>,
}

pub(super) async fn asked<'a, B: for<'de> Deserialize<'de>>(
    services: &'a Services,
    asking: &Asking,
    body: &Bytes,
    operation: &'static str,
    reason: fn(&B) -> Option<&Reason>,
) -> Result<Asked<'a, B>, Problem> {
    let identity = operator(services, asking, OPERATE, operation).await?;
    let body: B = json::parse(&asking.headers, body)?;
    let reason = reason(&body).map(|reason| reason.as_str().to_owned());
    let by = By { actor: identity.actor, operator: None, reason };
    Ok(Asked { operator: &operations(services)?.operator, name: asking.part("name")?.to_owned(), body, by, identity })
}

pub(super) fn wrong<T>(pointer: &str, expected: &str) -> Result<T, Problem> {
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", "The request is not valid");
    Err(problem.error(pointer, expected))
}

/// Refuses what cannot be taken: zero, or more than there is.
fn budget(events_per_second: Option<u32>, percent: Option<u8>) -> Result<Budget, Problem> {
    if events_per_second.is_some_and(|rate| !(1..=i32::MAX.cast_unsigned()).contains(&rate)) {
        return wrong("/events_per_second", "must be from 1 to 2147483647");
    }
    if percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
        return wrong("/percent", "must be from 1 to 100");
    }
    Ok(Budget { events_per_second, percent })
}

pub(super) async fn rebuild(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let asked = asked(&services, &asking, &body, REBUILD, |body: &RebuildProjection| body.reason.as_ref()).await?;
    let RebuildProjection { switch, events_per_second, percent, memory_mb, .. } = asked.body;
    if memory_mb.is_some_and(|mb| !(1..=1_048_576).contains(&mb)) {
        return wrong("/memory_mb", "must be from 1 to 1048576");
    }
    let plan = Plan { switch: switch.unwrap_or_default(), budget: budget(events_per_second, percent)?, memory_mb };
    let named = asked.operator.rebuild(&asked.name, plan, asked.by).await.map_err(|error| refused(&error))?;
    Ok((StatusCode::ACCEPTED, Json(named)).into_response())
}

pub(super) async fn pause(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let Asked { operator, name, body, by, .. } = plain(&services, &asking, &body, PAUSE).await?;
    told(operator.pause(&name, body.generation, by).await)
}

pub(super) async fn resume(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let Asked { operator, name, body, by, .. } = plain(&services, &asking, &body, RESUME).await?;
    told(operator.resume(&name, body.generation, by).await)
}

pub(super) async fn cancel(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let Asked { operator, name, body, by, .. } = plain(&services, &asking, &body, CANCEL).await?;
    told(operator.cancel(&name, body.generation, by).await)
}

pub(super) async fn change(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let asked = asked(&services, &asking, &body, CHANGE, |body: &ChangeProjection| body.reason.as_ref()).await?;
    let ChangeProjection { generation, switch, budget: wanted, .. } = asked.body;
    let wanted = wanted.map(|wanted| budget(wanted.events_per_second, wanted.percent)).transpose()?;
    told(asked.operator.change(&asked.name, generation, wanted, switch, asked.by).await)
}

pub(super) async fn switch(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let Asked { operator, name, body, by, .. } = plain(&services, &asking, &body, SWITCH).await?;
    shown(operator.switch(&name, body.generation, by).await)
}

pub(super) async fn rollback(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let asked = asked(&services, &asking, &body, ROLLBACK, |body: &RollBackProjection| body.reason.as_ref()).await?;
    shown(asked.operator.rollback(&asked.name, asked.by).await)
}

pub(super) async fn retire(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let Asked { operator, name, body, by, .. } = plain(&services, &asking, &body, RETIRE).await?;
    let items = operator.retire(&name, body.generation, by).await.map_err(|error| refused(&error))?;
    Ok(Json(RetiredProjections { items }).into_response())
}

async fn plain<'a>(
    services: &'a Services,
    asking: &Asking,
    body: &Bytes,
    operation: &'static str,
) -> Result<Asked<'a, ActOnProjection>, Problem> {
    asked(services, asking, body, operation, |body: &ActOnProjection| body.reason.as_ref()).await
}

pub(super) fn told(done: Result<Named, OperateError>) -> Result<Response<Body>, Problem> {
    Ok(Json(done.map_err(|error| refused(&error))?).into_response())
}

fn shown(done: Result<(Named, Switched), OperateError>) -> Result<Response<Body>, Problem> {
    let (Named { name, generation }, switched) = done.map_err(|error| refused(&error))?;
    let (before, position) = match switched {
        Switched::Done { before, position } => (before, Some(position)),
        Switched::Already | Switched::Behind { .. } | Switched::Older => (None, None),
    };
    Ok(Json(Shown { name, generation, before, position }).into_response())
}

pub(super) fn refused(error: &OperateError) -> Problem {
    match error {
        OperateError::Unknown(_)
        | OperateError::NoGeneration { .. }
        | OperateError::Switch(SwitchError::Gone { .. }) => Problem::not_found(),
        OperateError::Database(error) => database_problem(error),
        OperateError::Switch(SwitchError::Database(cause)) => {
            Problem::unavailable("Readers could not be switched", 2).remedy(error.remedy()).because(cause)
        }
        OperateError::Nothing { .. }
        | OperateError::Serving { .. }
        | OperateError::Unfit { .. }
        | OperateError::Building { .. }
        | OperateError::Behind { .. }
        | OperateError::Archived(_)
        | OperateError::Switch(
            SwitchError::NotLive { .. } | SwitchError::Never { .. } | SwitchError::Diverged { .. },
        ) => Problem::new(StatusCode::CONFLICT, error.code(), "Not as things stand")
            .detail(error.to_string())
            .remedy(error.remedy()),
    }
}
