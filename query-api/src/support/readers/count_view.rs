//! Somebody looked at a published article. Counted, and no event.

use super::VIEWED;
use crate::detail::table;
use crate::reading::{Services, timed};
use crate::routes::Asking;
use axum::body::{Body, Bytes};
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse;
use domain::support::article::Slug;
use event_store::tenant;
use platform::Problem;
use platform::openapi::Operation;
use read_models::support::PublishedArticles;
use sqlx::Row;
use std::sync::Arc;
use uuid::Uuid;

const NAME: &str = "support.count_article_view";

pub(super) async fn answer(services: Arc<Services>, asking: Asking, _: Bytes) -> Result<Response<Body>, Problem> {
    asking.log.operation(NAME);
    let slug = Slug::parse(asking.part("slug")?).map_err(|_| Problem::not_found())?;
    let tenant_id = super::tenant(&services, &asking).await?;
    let sql = format!(
        "select t.article_id from {} t where t.tenant_id = caller.tenant_id and t.slug = $2",
        table::<PublishedArticles>()
    );
    let query = tenant::query(tenant_id, &sql).bind(slug.as_str());
    let found = timed(&asking.log, query.fetch_optional(&services.pool)).await?.ok_or_else(Problem::not_found)?;
    services.view_counts.count(tenant_id, VIEWED, found.get::<Uuid, _>(0));
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) fn describe(path: &str) -> Operation {
    Operation::new(Method::POST, path, NAME)
        .docs(
            "Says that somebody is looking at a published article, without a token. Reading counts nothing by itself; a \
             page calls this once. What is counted may be lost where a process crashes.",
        )
        .path_parameter::<String>("tenant", "The tenant's slug.")
        .path_parameter::<String>("slug", "The article's address.")
        .response_empty(StatusCode::NO_CONTENT, "It will be counted within a few seconds.")
        .problem(StatusCode::NOT_FOUND, "There is no such tenant, or no such article that it has published.")
        .problem(StatusCode::SERVICE_UNAVAILABLE, "The database is away: try again after Retry-After.")
}
