//! Looking at the read models at work.

use super::{READ, operations, operator};
use crate::analyst::TENANTS;
use crate::parameters::{Parameters, invalid};
use crate::reading::{Services, database_problem, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use platform::Problem;
use projector::ProjectionStatus;
use projector::compare::{CompareError, compare};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

pub(super) const LIST: &str = "operations.list_projections";
pub(super) const ONE: &str = "operations.get_projection";
pub(super) const COMPARISON: &str = "operations.compare_projection";

/// Rows that differ and are shown at most.
const SAMPLES: usize = 100;

/// What the read models are doing.
#[derive(Serialize, ToSchema)]
pub(super) struct Projections {
    /// Every generation that is not gone, by name and generation.
    items: Vec<ProjectionStatus>,
}

pub(super) async fn list(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    Parameters::parse(asking.uri.query())?.finish(&[])?;
    operator(&services, &asking, READ, LIST).await?;
    let items = timed(&asking.log, projector::status(&operations(&services)?.pool)).await?;
    Ok(Json(Projections { items }).into_response())
}

pub(super) async fn one(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    Parameters::parse(asking.uri.query())?.finish(&[])?;
    operator(&services, &asking, READ, ONE).await?;
    let items = of(&services, &asking).await?;
    Ok(Json(Projections { items }).into_response())
}

/// The generations of the read model that the path names.
pub(super) async fn of(services: &Services, asking: &Asking) -> Result<Vec<ProjectionStatus>, Problem> {
    let name = asking.part("name")?;
    let all = timed(&asking.log, projector::status(&operations(services)?.pool)).await?;
    let items: Vec<ProjectionStatus> = all.into_iter().filter(|one| one.name == name).collect();
    if items.is_empty() { Err(Problem::not_found()) } else { Ok(items) }
}

pub(super) async fn comparison(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let identity = operator(&services, &asking, READ, COMPARISON).await?;
    let generation = parameters.take_as::<i32>("generation", "a number")?;
    let samples = parameters.take_as::<usize>("samples", "a number from 0 to 100")?.unwrap_or(0);
    if samples > SAMPLES {
        return Err(invalid("samples").detail("expected a number from 0 to 100"));
    }
    parameters.finish(&["generation", "samples"])?;
    if samples > 0 {
        // They are rows of any tenant.
        identity.require(TENANTS)?;
    }
    let all = of(&services, &asking).await?;
    let serving = all.iter().find(|one| one.serving).ok_or_else(Problem::not_found)?;
    let other = all.iter().rev().find(|one| generation.map_or(!one.serving, |number| one.generation == number));
    let other = other.ok_or_else(Problem::not_found)?;
    let (pool, name) = (&operations(&services)?.pool, &serving.name);
    let found = compare(pool, name, serving.generation, other.generation, samples).await;
    Ok(Json(found.map_err(|error| incomparable(&error))?).into_response())
}

fn incomparable(error: &CompareError) -> Problem {
    match error {
        CompareError::Database(error) => database_problem(error),
        CompareError::NoGeneration { .. } | CompareError::OtherKeys { .. } => {
            Problem::new(StatusCode::CONFLICT, "not_comparable", "The generations cannot be compared")
                .detail(error.to_string())
                .remedy("Wait until the generation is built; one with another key can only be looked at.")
        }
    }
}
