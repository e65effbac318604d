//! One thing at two moments, field by field.

use crate::as_of::View;
use crate::detail::{Detail, Found, current, past};
use crate::history::{FieldChange, changes};
use crate::parameters::{Moment, Parameters, invalid};
use crate::personal;
use crate::reading::Services;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use kernel::{Position, ReadModel};
use platform::Problem;
use platform::auth::Identity;
use platform::headers::POSITION;
use platform::request_log::RequestLog;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// The parameters of every comparison.
pub(crate) const PARAMETERS: &[&str] = &["min_position", "from", "to", "axis"];

/// A thing at two moments.
#[derive(Serialize, ToSchema)]
pub(crate) struct Comparison {
    /// The earlier moment.
    from: Side,
    /// The later moment.
    to: Side,
    /// The fields that differ, by name; those of a thing that is not there are `null`.
    changes: Vec<FieldChange>,
}

/// One of two moments.
#[derive(Serialize, ToSchema)]
pub(crate) struct Side {
    /// Up to which position the log was asked.
    position: Position,
    /// By when it had occurred, where that was asked for.
    occurred_by: Option<DateTime<Utc>>,
    /// Whether the thing was there.
    exists: bool,
}

/// Answers the query over HTTP. Without `from` it is the moment before the log began, without `to` now.
pub(crate) async fn answer<D: Detail>(
    services: &Services,
    headers: &HeaderMap,
    id: Uuid,
    query: Option<&str>,
    log: &RequestLog,
) -> Result<Response<Body>, Problem> {
    let identity = services.authorize(headers, D::SCOPE, D::NAME, log).await?;
    let mut parameters = Parameters::parse(query)?;
    let min_position = parameters.min_position()?;
    let views = views(&mut parameters)?;
    parameters.finish(PARAMETERS)?;
    services.wait(D::Model::NAME, min_position).await?;
    let now = current::<D>(services, &identity, id, log).await?.ok_or_else(Problem::not_found)?;
    let (from, before) = side::<D>(services, &identity, id, &now, views[0]).await?;
    let (to, after) = side::<D>(services, &identity, id, &now, views[1]).await?;
    log.position(now.position);
    let mut response = Json(Comparison { from, to, changes: changes(&before, &after) }).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(now.position.0));
    Ok(response)
}

/// The two moments; the later one is `None` for now.
fn views(parameters: &mut Parameters) -> Result<[Option<View>; 2], Problem> {
    let axis = parameters.take("axis");
    match axis.as_deref() {
        None | Some("recorded") => {
            let from = parameters.moment("from")?.unwrap_or(Moment::Position(Position::ZERO));
            let known = |known| View { known: Some(known), happened: None };
            Ok([Some(known(from)), parameters.moment("to")?.map(known)])
        }
        Some("occurred") => {
            let happened = |time| View { known: None, happened: Some(time) };
            let from = parameters.time("from")?.unwrap_or(DateTime::UNIX_EPOCH);
            Ok([Some(happened(from)), parameters.time("to")?.map(happened)])
        }
        Some(_) => Err(invalid("axis").detail("expected recorded or occurred")),
    }
}

async fn side<D: Detail>(
    services: &Services,
    identity: &Identity,
    id: Uuid,
    now: &Found<<D::Model as ReadModel>::Row>,
    view: Option<View>,
) -> Result<(Side, Value), Problem> {
    let Some(view) = view else {
        return Ok((
            Side { position: now.position, occurred_by: None, exists: true },
            personal::value(personal::of_tables(), &now.row)?,
        ));
    };
    let (row, position) = past::<D>(services, identity, id, now, view).await?;
    let side = Side { position, occurred_by: view.happened, exists: row.is_some() };
    let shown = match row {
        Some(row) => personal::value(personal::shows(services, identity.tenant_id, &row).await?, &row)?,
        None => Value::Null,
    };
    Ok((side, shown))
}
