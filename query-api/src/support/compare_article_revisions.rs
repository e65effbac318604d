//! What two revisions of an article differ in.

use super::line_diff::{LineBlock, line_diff};
use crate::detail::table;
use crate::parameters::{Parameters, invalid};
use crate::reading::{CHECKPOINT, Services, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use event_store::tenant;
use kernel::{Reach, ReadModel as _, Scope};
use platform::Problem;
use platform::headers::POSITION;
use platform::openapi::Operation;
use read_models::support::{ArticleRevisionRow, ArticleRevisions};
use serde::Serialize;
use sqlx::Row;
use std::sync::Arc;
use utoipa::ToSchema;

const NAME: &str = "support.compare_article_revisions";
const SCOPE: Scope = Scope::new("support.article:read");

/// What two revisions of an article differ in.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevisionComparison {
    /// The older one.
    from: i32,
    /// The newer one.
    to: i32,
    /// Which of `title`, `excerpt`, `body`, `category`, `tags`, `language` differ.
    changed: Vec<&'static str>,
    /// The titles, line by line.
    title: Vec<LineBlock>,
    /// The excerpts, line by line.
    excerpt: Vec<LineBlock>,
    /// The bodies, line by line.
    body: Vec<LineBlock>,
}

impl RevisionComparison {
    fn of(old: &ArticleRevisionRow, new: &ArticleRevisionRow) -> Self {
        let changed = [
            ("title", old.title != new.title),
            ("excerpt", old.excerpt != new.excerpt),
            ("body", old.body != new.body),
            ("category", old.category != new.category),
            ("tags", old.tags != new.tags),
            ("language", old.language != new.language),
        ];
        let excerpt = |row: &ArticleRevisionRow| row.excerpt.as_ref().map(ToString::to_string).unwrap_or_default();
        Self {
            from: old.revision,
            to: new.revision,
            changed: changed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect(),
            title: line_diff(old.title.as_str(), new.title.as_str()),
            excerpt: line_diff(&excerpt(old), &excerpt(new)),
            body: line_diff(old.body.as_str(), new.body.as_str()),
        }
    }
}

pub(crate) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let identity = services.authorize(&asking.headers, SCOPE, NAME, &asking.log).await?;
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let min_position = parameters.min_position()?;
    let mut revision = |name| {
        let number: Option<i32> = parameters.take_as(name, "the number of a revision")?;
        number.ok_or_else(|| invalid(name).detail("expected the number of a revision"))
    };
    let (from, to) = (revision("from")?, revision("to")?);
    parameters.finish(&["from", "to", "min_position"])?;
    services.wait(ArticleRevisions::NAME, min_position).await?;
    let sql = format!(
        "select null::text, {CHECKPOINT} union all (select row_to_json(t)::text, null::bigint from {} t \
         where t.tenant_id = caller.tenant_id and t.article_id = $3 and t.revision = any($4))",
        table::<ArticleRevisions>()
    );
    let query = tenant::query(identity.tenant_id, &sql).bind(ArticleRevisions::NAME).bind(asking.id()?);
    let rows = timed(&asking.log, query.bind(vec![from, to]).fetch_all(&services.pool)).await?;
    let position = rows.first().and_then(|row| row.get::<Option<i64>, _>(1)).unwrap_or_default();
    let read = rows.iter().filter_map(|row| row.get::<Option<&str>, _>(0)).map(serde_json::from_str);
    let found: Vec<ArticleRevisionRow> = read.collect::<Result<_, _>>().map_err(|error| Problem::internal(&error))?;
    let of = |number| found.iter().find(|row| row.revision == number).ok_or_else(Problem::not_found);
    let mut response = Json(RevisionComparison::of(of(from)?, of(to)?)).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(position));
    Ok(response)
}

pub(crate) fn describe(path: &str) -> Operation {
    crate::description::operation(path, NAME)
        .docs("What two revisions of an article differ in, line by line.")
        .query_parameter::<i32>("from", true, "The number of the older revision.")
        .query_parameter::<i32>("to", true, "The number of the newer revision.")
        .response::<RevisionComparison>(StatusCode::OK, "What differs.")
        .problem(StatusCode::NOT_FOUND, "There is no such article, or it has no such revision.")
        .bearer(Some(SCOPE.as_str()))
        .reach(Reach::All)
}
