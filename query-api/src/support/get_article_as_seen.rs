//! An article as its readers saw it at a moment, also where they see it no more.

use super::get_article::GetArticle;
use crate::as_of;
use crate::detail::{self, Detail};
use crate::parameters::{Parameters, invalid};
use crate::reading::Services;
use crate::routes::Asking;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use domain::support::article;
use kernel::{Event as _, Reach, ReadModel as _, Scope, Version};
use platform::Problem;
use platform::headers::POSITION;
use platform::openapi::Operation;
use read_models::support::{Articles, PublishedArticleRow, PublishedArticles};
use std::sync::Arc;
use uuid::Uuid;

/// What readers see is folded; whether there is such an article is asked of what editors see.
pub(crate) struct GetArticleAsSeen;

impl Detail for GetArticleAsSeen {
    type Model = PublishedArticles;
    const NAME: &'static str = "support.get_article_as_seen";
    const SCOPE: Scope = Scope::new("support.article:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("support.article:read");

    fn streams(_row: &PublishedArticleRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(article::Event::CATEGORY, id)]
    }

    fn version(_row: &PublishedArticleRow) -> Option<Version> {
        None
    }
}

pub(crate) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    type Seen = GetArticleAsSeen;
    let identity = services.authorize(&asking.headers, Seen::SCOPE, Seen::NAME, &asking.log).await?;
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let min_position = parameters.min_position()?;
    let moment = parameters.moment("as_of")?;
    parameters.finish(&["as_of", "min_position"])?;
    let moment = moment.ok_or_else(|| invalid("as_of").detail("expected a position, or a time: when it was seen"))?;
    let id = asking.id()?;
    services.wait(Articles::NAME, min_position).await?;
    let known = detail::current::<GetArticle>(&services, &identity, id, &asking.log).await?;
    let folded = known.ok_or_else(Problem::not_found)?.position;
    let position = as_of::position(&services, moment, folded).await?;
    let streams = [(article::Event::CATEGORY, id)];
    let events = as_of::events::<Seen>(&services, identity.tenant_id, &streams, position).await?;
    let row = as_of::fold::<Seen>(&id.into(), &events, None)?.ok_or_else(Problem::not_found)?;
    asking.log.position(position);
    let mut response = Json(row).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(position.0));
    Ok(response)
}

pub(crate) fn describe(path: &str) -> Operation {
    crate::description::operation(path, GetArticleAsSeen::NAME)
        .docs("An article as its readers saw it at a moment, also where they see it no more.")
        .query_parameter::<String>("as_of", true, "When: a position, or an RFC 3339 time.")
        .response::<PublishedArticleRow>(StatusCode::OK, "What they saw.")
        .response_header::<i64>(StatusCode::OK, "X-Position", "The position at which they saw it.")
        .problem(StatusCode::NOT_FOUND, "There is no such article, or readers did not see it then.")
        .problem(StatusCode::GONE, "`log_archived`: that part of the log is in an archive; `manifest` says where.")
        .problem(StatusCode::NOT_IMPLEMENTED, "It is made of too many events to be folded on demand.")
        .bearer(Some(GetArticleAsSeen::SCOPE.as_str()))
        .reach(Reach::All)
}
