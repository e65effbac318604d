//! The caller's own feed, also where nothing was ever told to him: a bell asks this.

use crate::description;
use crate::detail::table;
use crate::parameters::Parameters;
use crate::personal;
use crate::reading::{CHECKPOINT, Services, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use chrono::DateTime;
use domain::notifications::feed::{READ, feed_id};
use event_store::tenant;
use kernel::{Reach, ReadModel as _};
use platform::Problem;
use platform::headers::POSITION;
use platform::openapi::Operation;
use read_models::notifications::{FeedRow, Feeds};
use serde::Serialize;
use sqlx::Row as _;
use std::sync::Arc;
use utoipa::ToSchema;

const NAME: &str = "notifications.get_own_feed";

/// The caller's own feed.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnFeed {
    /// The feed. Where nothing was ever recorded in it its version is 0, and it shows what is usual.
    #[serde(flatten)]
    feed: FeedRow,
    /// The position of the log at which it holds.
    as_of_position: i64,
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let identity = services.authorize(&asking.headers, READ, NAME, &asking.log).await?;
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let min_position = parameters.min_position()?;
    parameters.finish(&["min_position"])?;
    services.wait(Feeds::NAME, min_position).await?;
    let (own, actor) = (feed_id(identity.tenant_id, identity.actor.id), identity.actor.id);
    let sql = format!(
        "select {CHECKPOINT} as position, (select {}::text from {} t where t.tenant_id = caller.tenant_id \
         and t.feed_id = $3) as found",
        personal::row_sql::<Feeds>(),
        table::<Feeds>()
    );
    let query = tenant::query(identity.tenant_id, &sql).bind(Feeds::NAME).bind(own.0);
    let row = timed(&asking.log, query.fetch_one(&services.pool)).await?;
    let as_of_position = row.get::<Option<i64>, _>(0).unwrap_or_default();
    let feed = match row.get::<Option<&str>, _>(1) {
        Some(text) => personal::read_row(text)?,
        None => FeedRow::empty(own, actor, DateTime::UNIX_EPOCH),
    };
    let mut response = Json(OwnFeed { feed, as_of_position }).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(as_of_position));
    Ok(response)
}

pub(super) fn describe(path: &str) -> Operation {
    description::operation(path, NAME)
        .docs(
            "The caller's own feed: how many notifications he has not read, and how he wants to be told.\n\nIt is also there \
             where nothing was ever told to him; commands about it name its `feed_id`.",
        )
        .component::<FeedRow>()
        .response::<OwnFeed>(StatusCode::OK, "As it stands.")
        .bearer(Some(READ.as_str()))
        .reach(Reach::Own { all: None })
}
