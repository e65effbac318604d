//! A published article by its address; an old address leads on.

use super::VIEWS;
use crate::description;
use crate::detail::table;
use crate::parameters::Parameters;
use crate::reading::{CHECKPOINT, Services, timed};
use crate::routes::Asking;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use domain::support::article::Slug;
use event_store::tenant;
use kernel::ReadModel as _;
use platform::Problem;
use platform::headers::POSITION;
use platform::openapi::Operation;
use read_models::support::{ArticleSlugs, PublishedArticleRow, PublishedArticles};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use std::sync::Arc;
use utoipa::ToSchema;

const NAME: &str = "support.get_public_article";

/// A published article.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct PublicArticleText {
    #[serde(flatten)]
    article: PublishedArticleRow,
    /// How often it was looked at; behind by a few seconds.
    views: i64,
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    asking.log.operation(NAME);
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let min_position = parameters.min_position()?;
    parameters.finish(&["min_position"])?;
    let slug = Slug::parse(asking.part("slug")?).map_err(|_| Problem::not_found())?;
    let tenant_id = super::tenant(&services, &asking).await?;
    services.wait(PublishedArticles::NAME, min_position).await?;
    services.wait(ArticleSlugs::NAME, min_position).await?;
    let (articles, slugs) = (table::<PublishedArticles>(), table::<ArticleSlugs>());
    let sql = format!(
        "select {CHECKPOINT} as position, \
         (select row_to_json(t)::text from (select t.*, {VIEWS} as views from {articles} t \
         where t.tenant_id = caller.tenant_id and t.slug = $3) t) as found, \
         (select t.slug from {slugs} s join {articles} t on t.tenant_id = s.tenant_id and t.article_id = s.article_id \
         where s.tenant_id = caller.tenant_id and s.slug = $3) as leads_to"
    );
    let query = tenant::query(tenant_id, &sql).bind(PublishedArticles::NAME).bind(slug.as_str());
    let row = timed(&asking.log, query.fetch_one(&services.pool)).await?;
    let position = row.get::<Option<i64>, _>(0).unwrap_or_default();
    let mut response = match (row.get::<Option<&str>, _>(1), row.get::<Option<&str>, _>(2)) {
        (Some(found), _) => {
            let article: PublicArticleText = serde_json::from_str(found).map_err(|error| Problem::internal(&error))?;
            let text = serde_json::to_string(&article).map_err(|error| Problem::internal(&error))?;
            let mut response = Response::new(Body::from(text));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        (None, Some(now)) => {
            // Not for ever: an article may take its old address up again, and a browser must not go in circles.
            let mut response = StatusCode::FOUND.into_response();
            let place = format!("/v1/public/{}/articles/{now}", asking.part("tenant")?);
            let place = HeaderValue::from_str(&place).map_err(|_| Problem::not_found())?;
            response.headers_mut().insert(LOCATION, place);
            response
        }
        (None, None) => return Err(Problem::not_found()),
    };
    response.headers_mut().insert(POSITION, HeaderValue::from(position));
    Ok(response)
}

pub(super) fn describe(path: &str) -> Operation {
    description::operation(path, NAME)
        .docs("A published article by its address, without a token.")
        .path_parameter::<String>("tenant", "The tenant's slug.")
        .path_parameter::<String>("slug", "The article's address.")
        .response::<PublicArticleText>(StatusCode::OK, "The article.")
        .response_empty(StatusCode::FOUND, "It has another address now: see `Location`.")
        .response_header::<String>(StatusCode::FOUND, "Location", "The address of now.")
        .problem(StatusCode::NOT_FOUND, "There is no such tenant, or no such article that it has published.")
}
