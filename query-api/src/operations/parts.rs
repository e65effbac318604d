//! A read model folded in parts, and one that was folded from another history. As on the command line.

use super::acts::{Reason, asked, refused, told};
use super::{Operations, READ, looks, operations, operator};
use crate::as_of::read_problem;
use crate::parameters::Parameters;
use crate::reading::{Services, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use platform::Problem;
use projector::parts::{PartStatus, parts};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

pub(super) const PARTS: &str = "operations.list_projection_parts";
pub(super) const SPLIT: &str = "operations.split_projection";
pub(super) const MERGE: &str = "operations.merge_projection";
pub(super) const HEAL: &str = "operations.heal_projection";

/// How long the parts that are ahead wait for the others, unless said; and at most: a request must end in time.
const WITHIN_S: u64 = 10;
const AT_MOST_S: u64 = 20;

/// Splits a read model by its rows' keys into parts that several processes fold. Readers notice nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SplitProjection {
    /// How many parts.
    #[schema(minimum = 2)]
    into: i32,
    /// Why, for the record.
    reason: Option<Reason>,
}

/// Makes the parts of a read model one again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeProjection {
    /// How long the parts that are ahead wait for the others, in seconds; 10 unless said.
    #[schema(minimum = 1, maximum = 20)]
    within_s: Option<u64>,
    /// Why, for the record.
    reason: Option<Reason>,
}

/// Brings a read model back to the log that was adopted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HealProjection {
    /// Why, for the record.
    reason: Option<Reason>,
}

/// The parts of a read model; none where it is whole.
#[derive(Serialize, ToSchema)]
pub(super) struct ProjectionParts {
    /// By generation and part.
    items: Vec<PartStatus>,
}

pub(super) async fn list(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    Parameters::parse(asking.uri.query())?.finish(&[])?;
    operator(&services, &asking, READ, PARTS).await?;
    let all = looks::of(&services, &asking).await?;
    let mut items = timed(&asking.log, parts(&operations(&services)?.pool)).await?;
    items.retain(|part| all.iter().any(|one| one.name == part.name));
    Ok(Json(ProjectionParts { items }).into_response())
}

pub(super) async fn split(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let asked = asked(&services, &asking, &body, SPLIT, |body: &SplitProjection| body.reason.as_ref()).await?;
    let models = (operations(&services)?.models)();
    let model = models.into_iter().find(|model| model.name() == asked.name).ok_or_else(Problem::not_found)?;
    told(asked.operator.split(&*model, asked.body.into, asked.by).await)
}

pub(super) async fn merge(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let asked = asked(&services, &asking, &body, MERGE, |body: &MergeProjection| body.reason.as_ref()).await?;
    let within_s = asked.body.within_s.unwrap_or(WITHIN_S);
    if !(1..=AT_MOST_S).contains(&within_s) {
        return super::acts::wrong("/within_s", "must be from 1 to 20");
    }
    told(asked.operator.merge(&asked.name, Duration::from_secs(within_s), asked.by).await)
}

/// One step of it: it is asked again until nothing is waited for.
pub(super) async fn heal(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let asked = asked(&services, &asking, &body, HEAL, |body: &HealProjection| body.reason.as_ref()).await?;
    let Operations { log, .. } = operations(&services)?;
    if !log.is_adopted().await.map_err(|error| read_problem(&error))? {
        return Err(Problem::new(StatusCode::CONFLICT, "log_not_adopted", "Not as things stand")
            .detail("the server was promoted or restored, and the log was not adopted since")
            .remedy("See that no other server is written to, then `sillage log adopt --reason …`."));
    }
    let healing = asked.operator.heal_one(&asked.name, asked.by).await.map_err(|error| refused(&error))?;
    Ok(Json(healing).into_response())
}
