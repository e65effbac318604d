//! The headings under which a tenant has published something.

use crate::description;
use crate::detail::{Page, table};
use crate::parameters::Parameters;
use crate::reading::{CHECKPOINT, Services, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use event_store::tenant;
use kernel::ReadModel as _;
use platform::Problem;
use platform::headers::POSITION;
use platform::openapi::Operation;
use read_models::support::PublishedArticles;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use std::sync::Arc;
use utoipa::ToSchema;

const NAME: &str = "support.list_public_categories";

/// A heading.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct PublicCategory {
    /// The heading.
    category: String,
    /// How many published articles stand under it.
    articles: i64,
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    asking.log.operation(NAME);
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let min_position = parameters.min_position()?;
    parameters.finish(&["min_position"])?;
    let tenant_id = super::tenant(&services, &asking).await?;
    services.wait(PublishedArticles::NAME, min_position).await?;
    let sql = format!(
        "select null::text, {CHECKPOINT}, null::bigint union all (select t.category, null::bigint, count(*) from {} t \
         where t.tenant_id = caller.tenant_id group by t.category order by t.category collate \"und-x-icu\")",
        table::<PublishedArticles>()
    );
    let query = tenant::query(tenant_id, &sql).bind(PublishedArticles::NAME);
    let rows = timed(&asking.log, query.fetch_all(&services.pool)).await?;
    let position = rows.first().and_then(|row| row.get::<Option<i64>, _>(1)).unwrap_or_default();
    let category = |row: &sqlx::postgres::PgRow| {
        Some(PublicCategory { category: row.get::<Option<String>, _>(0)?, articles: row.get(2) })
    };
    let items: Vec<PublicCategory> = rows.iter().filter_map(category).collect();
    let mut response = Json(Page { items, next_cursor: None, as_of_position: position }).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(position));
    Ok(response)
}

pub(super) fn describe(path: &str) -> Operation {
    description::operation(path, NAME)
        .docs("The headings under which a tenant has published articles, and how many, without a token.")
        .path_parameter::<String>("tenant", "The tenant's slug.")
        .component::<PublicCategory>()
        .response::<Page<PublicCategory>>(StatusCode::OK, "All of them, in the order of the alphabet.")
        .problem(StatusCode::NOT_FOUND, "There is no such tenant.")
}
