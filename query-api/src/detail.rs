//! One thing by its id, now or as of a moment.

use crate::as_of;
use crate::as_of::{Row, View};
use crate::parameters::Parameters;
use crate::personal;
use crate::reading::{CHECKPOINT, Services, timed};
use axum::body::Body;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use event_store::tenant;
use kernel::{Position, Reach, ReadModel, Scope, Version};
use platform::auth::Identity;
use platform::headers::{POSITION, if_none_match};
use platform::request_log::RequestLog;
use platform::{Problem, headers};
use serde::Serialize;
use sqlx::Row as _;
use utoipa::ToSchema;
use uuid::Uuid;

/// The parameters of every detail query.
pub(crate) const PARAMETERS: &[&str] = &["min_position", "as_of", "as_of_occurred"];

/// A query for one row by its id.
pub(crate) trait Detail: Send + Sync + 'static {
    /// The read model that answers it. Its key is made of the id alone.
    type Model: ReadModel<Row: ToSchema, Key: From<Uuid>>;
    /// `support.get_ticket`.
    const NAME: &'static str;
    /// What the actor's token must permit.
    const SCOPE: Scope;
    /// Whether `apply` shows the truth when it gets events in the order in which they occurred. Where it does not (a
    /// count that moves from status to status), `as_of_occurred` is refused for things that were recorded out of order.
    const FOLDS_AS_OCCURRED: bool = false;
    /// What it must permit to see the whole history; it shows everything that ever happened to the thing.
    const HISTORY_SCOPE: Scope;

    /// Which rows the actor may see.
    const REACH: Reach;
    /// The `uuid` columns that say whose a row is, unless everybody in the tenant sees all rows.
    const OWNERS: &'static [&'static str] = &[];

    /// The streams whose events make the row, its own first.
    fn streams(row: &<Self::Model as ReadModel>::Row, id: Uuid) -> Vec<(&'static str, Uuid)>;

    /// The version for `ETag` and `If-Match`; `None` where the row is made of several streams.
    fn version(row: &<Self::Model as ReadModel>::Row) -> Option<Version>;
}

/// What a detail query found.
pub(crate) struct Found<R> {
    pub(crate) row: R,
    pub(crate) position: Position,
}

/// Answers the query over HTTP.
pub(crate) async fn answer<D: Detail>(
    services: &Services,
    request_headers: &HeaderMap,
    id: Uuid,
    query: Option<&str>,
    log: &RequestLog,
) -> Result<Response<Body>, Problem> {
    let identity = services.authorize(request_headers, D::SCOPE, D::NAME, log).await?;
    let mut parameters = Parameters::parse(query)?;
    let (min_position, view) = (parameters.min_position()?, View::of(&mut parameters)?);
    parameters.finish(PARAMETERS)?;
    services.wait(D::Model::NAME, min_position).await?;
    let current = current::<D>(services, &identity, id, log).await?.ok_or_else(Problem::not_found)?;
    // A version that was put together as it occurred is none that a command could name.
    let has_version = view.is_none_or(|view| view.happened.is_none());
    let (found, shows) = match view {
        None => (current, personal::of_tables()),
        Some(view) => {
            let (row, position) = past::<D>(services, &identity, id, &current, view).await?;
            let row = row.ok_or_else(Problem::not_found)?;
            let shows = personal::shows(services, identity.tenant_id, &row).await?;
            (Found { row, position }, shows)
        }
    };
    let text = personal::text(shows, &found.row)?;
    log.position(found.position);
    let etag = D::version(&found.row).filter(|_| has_version).map(headers::etag);
    if let Some(etag) = &etag
        && if_none_match(request_headers, etag)
        // An erasure changes what is shown, and no version: whoever has kept the text must not go on showing it.
        && !personal::has_erased(&text)
    {
        return Ok(finish(StatusCode::NOT_MODIFIED.into_response(), found.position, Some(etag)));
    }
    Ok(finish(personal::respond(text), found.position, etag.as_ref()))
}

fn finish(mut response: Response<Body>, position: Position, etag: Option<&HeaderValue>) -> Response<Body> {
    response.headers_mut().insert(POSITION, HeaderValue::from(position.0));
    if let Some(etag) = etag {
        response.headers_mut().insert(ETAG, etag.clone());
    }
    response
}

/// The row as the read model shows it, if the actor may see it; foreign and missing are the same.
pub(crate) async fn current<D: Detail>(
    services: &Services,
    identity: &Identity,
    id: Uuid,
    log: &RequestLog,
) -> Result<Option<Found<<D::Model as ReadModel>::Row>>, Problem> {
    let sight = services.sight(D::REACH, D::OWNERS, identity).await?;
    let key = D::Model::TABLE.columns[0].name;
    // The checkpoint comes from the same snapshot as the row.
    let sql = format!(
        "select {CHECKPOINT} as position, \
         (select {}::text from {} t where t.tenant_id = caller.tenant_id and t.{key} = $3{}) as found",
        personal::row_sql::<D::Model>(),
        table::<D::Model>(),
        sight.sql(4)
    );
    let query = tenant::query(identity.tenant_id, &sql).bind(D::Model::NAME).bind(id);
    let query = match sight.owners() {
        Some(owners) => query.bind(owners),
        None => query,
    };
    let row = timed(log, query.fetch_one(&services.pool)).await?;
    let Some(text) = row.get::<Option<&str>, _>(1) else { return Ok(None) };
    let position = Position(row.get::<Option<i64>, _>(0).unwrap_or_default());
    let row = personal::read_row(text)?;
    Ok(Some(Found { row, position }))
}

/// The row as it was, and the position up to which the log was asked; `None` where it was not there yet. What the actor
/// may not see now, or might not see then, is not found.
pub(crate) async fn past<D: Detail>(
    services: &Services,
    identity: &Identity,
    id: Uuid,
    current: &Found<Row<D>>,
    view: View,
) -> Result<(Option<Row<D>>, Position), Problem> {
    let position = match view.known {
        None => current.position,
        Some(moment) => as_of::position(services, moment, current.position).await?,
    };
    let events = as_of::events::<D>(services, identity.tenant_id, &D::streams(&current.row, id), position).await?;
    let row = as_of::fold::<D>(&id.into(), &events, view.happened)?;
    let sight = services.sight(D::REACH, D::OWNERS, identity).await?;
    match row {
        Some(row) if !sight.permits(&row) => Err(Problem::not_found()),
        row => Ok((row, position)),
    }
}

/// The view over the serving generation: `read.support_tickets`.
pub(crate) fn table<M: ReadModel>() -> String {
    format!("read.{}", M::NAME.replace('.', "_"))
}

/// A list's answer, and so its schema.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page<R> {
    /// The rows, in order.
    pub(crate) items: Vec<R>,
    /// Send it as `cursor` to get the rows after these; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    /// The position of the log at which the rows hold.
    pub(crate) as_of_position: i64,
}
