//! Streams that read models cannot go on with: looked at, tried, resumed, an event skipped. As `sillage projections parked`.

use super::acts::{Asked, Reason, asked};
use super::{Operations, READ, looks, operations, operator};
use crate::analyst::TENANTS;
use crate::as_of::read_problem;
use crate::parameters::Parameters;
use crate::reading::{Services, database_problem, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use kernel::{Position, TenantId};
use platform::Problem;
use projector::aside::{ParkedStream, WaitingEvent, parked_streams, waiting_events};
use projector::parked::{Wanted, find, folded_by};
use projector::parking::{ParkingError, Request, skip};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

pub(super) const LIST: &str = "operations.list_parked_streams";
pub(super) const ONE: &str = "operations.get_parked_stream";
pub(super) const RESUME: &str = "operations.resume_parked_stream";
pub(super) const SKIP: &str = "operations.skip_parked_event";

/// Events of a queue that are shown.
const SHOWN: i64 = 100;

/// Folds the events that wait in a parked stream, in order, up to the first that still cannot be folded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResumeParkedStream {
    /// The generation; where several have parked the stream, the one that readers are shown.
    generation: Option<i32>,
    /// The tenant, where two have a stream of that id.
    tenant_id: Option<TenantId>,
    /// Only tries it, and takes it back.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the record.
    reason: Option<Reason>,
}

/// Takes the first event that waits out of this generation of the read model, for good.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SkipParkedEvent {
    /// The position of that event: one event at a time.
    position: Position,
    /// The generation; where several have parked the stream, the one that readers are shown.
    generation: Option<i32>,
    /// The tenant, where two have a stream of that id.
    tenant_id: Option<TenantId>,
    /// Only tries it, and takes it back.
    #[serde(default)]
    dry_run: bool,
    /// Why, for the record.
    reason: Reason,
}

/// The streams that a read model cannot go on with.
#[derive(Serialize, ToSchema)]
pub(super) struct ParkedStreams {
    /// Those that have waited longest first.
    items: Vec<ParkedStream>,
}

/// A parked stream and the events that wait in it.
#[derive(Serialize, ToSchema)]
pub(super) struct ParkedStreamShown {
    /// Why, and since when.
    parked: ParkedStream,
    /// The first hundred of them, in order.
    events: Vec<WaitingEvent>,
}

pub(super) async fn list(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    Parameters::parse(asking.uri.query())?.finish(&[])?;
    operator(&services, &asking, READ, LIST).await?;
    let all = looks::of(&services, &asking).await?;
    let mut items = timed(&asking.log, parked_streams(operations(&services)?.log.pool())).await?;
    items.retain(|parked| all.iter().any(|one| one.name == parked.name));
    Ok(Json(ParkedStreams { items }).into_response())
}

pub(super) async fn one(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let mut parameters = Parameters::parse(asking.uri.query())?;
    operator(&services, &asking, READ, ONE).await?;
    let generation = parameters.take_as::<i32>("generation", "a number")?;
    let tenant_id = parameters.take_as::<Uuid>("tenant_id", "an id")?.map(TenantId);
    parameters.finish(&["generation", "tenant_id"])?;
    let pool = operations(&services)?.log.pool();
    let parked = find(pool, &wanted(&asking, generation, tenant_id)?).await.map_err(|error| refused(&error))?;
    let events = timed(&asking.log, waiting_events(pool, &parked, SHOWN)).await?;
    Ok(Json(ParkedStreamShown { parked, events }).into_response())
}

pub(super) async fn resume(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let wants = asked(&services, &asking, &body, RESUME, |body: &ResumeParkedStream| body.reason.as_ref()).await?;
    let Asked { body: ResumeParkedStream { generation, tenant_id, dry_run, .. }, by, identity, .. } = wants;
    let Operations { log, models, .. } = operations(&services)?;
    let wanted = wanted(&asking, generation, tenant_id)?;
    let parked = find(log.pool(), &wanted).await.map_err(|error| refused(&error))?;
    let model = folded_by(models(), &parked).map_err(|error| refused(&error))?;
    let request = Request { generation: parked.generation, stream: parked.stream, dry_run, by };
    let log = log.clone();
    // A task of its own: it is done whole, or not at all, whoever waits for it.
    let resumed = tokio::spawn(async move { model.resume(&log, &request).await }).await.map_err(|_| broken())?;
    let mut resumed = resumed.map_err(|error| refused(&error))?;
    if identity.require(TENANTS).is_err() {
        // They are rows of any tenant.
        resumed.changes.clear();
    }
    Ok(Json(resumed).into_response())
}

pub(super) async fn skip_one(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let wants = asked(&services, &asking, &body, SKIP, |body: &SkipParkedEvent| Some(&body.reason)).await?;
    let Asked { body: SkipParkedEvent { position, generation, tenant_id, dry_run, .. }, by, name, .. } = wants;
    let log = operations(&services)?.log.clone();
    let wanted = wanted(&asking, generation, tenant_id)?;
    let parked = find(log.pool(), &wanted).await.map_err(|error| refused(&error))?;
    let request = Request { generation: parked.generation, stream: parked.stream, dry_run, by };
    let skipped = tokio::spawn(async move { skip(&log, &name, &request, position).await }).await;
    Ok(Json(skipped.map_err(|_| broken())?.map_err(|error| refused(&error))?).into_response())
}

/// The parked stream that the path names.
fn wanted(asking: &Asking, generation: Option<i32>, tenant_id: Option<TenantId>) -> Result<Wanted, Problem> {
    let tenant_id = tenant_id.map(|tenant| tenant.0);
    Ok(Wanted { name: asking.part("name")?.to_owned(), stream_id: asking.second_id()?, generation, tenant_id })
}

/// The task is gone: the process is ending.
fn broken() -> Problem {
    Problem::unavailable("The answer is lost", 2)
}

fn refused(error: &ParkingError) -> Problem {
    match error {
        ParkingError::Unknown { .. } | ParkingError::NotParked { .. } => Problem::not_found(),
        ParkingError::Database(error) => database_problem(error),
        ParkingError::Read(error) => read_problem(error),
        ParkingError::Several { .. }
        | ParkingError::OtherVersion { .. }
        | ParkingError::NotFirst { .. }
        | ParkingError::Elsewhere { .. }
        | ParkingError::Refused(_)
        | ParkingError::Busy
        | ParkingError::Row(_) => Problem::new(StatusCode::CONFLICT, error.code(), "Not as things stand")
            .detail(error.to_string())
            .remedy(error.remedy()),
    }
}
