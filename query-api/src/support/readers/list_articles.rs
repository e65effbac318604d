//! What a tenant has published: listed, or found by words.

use super::VIEWS;
use crate::cursor::Cursor;
use crate::description::{self, WORDS};
use crate::detail::{Page, table};
use crate::list::{MAX_LIMIT, next_link};
use crate::parameters::{Parameters, invalid};
use crate::reading::{CHECKPOINT, Services, timed};
use crate::routes::Asking;
use crate::search;
use axum::Json;
use axum::body::Body;
use axum::http::header::LINK;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::support::Tags;
use domain::support::article::{ArticleCategory, ArticleId, ArticleLanguage, Excerpt, Slug, Title};
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
use uuid::Uuid;

const NAME: &str = "support.list_public_articles";
/// The order, as the product wants it: what is featured, then what is read most, then what is new.
const ORDER: &str = "featured,views,published_at";

/// A published article in a list: without its text.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct PublicArticle {
    /// The article.
    article_id: ArticleId,
    /// Its address.
    slug: Slug,
    /// One line.
    title: Title,
    /// The gist.
    excerpt: Option<Excerpt>,
    /// Under which heading it stands.
    category: ArticleCategory,
    /// Free keywords, sorted.
    tags: Tags,
    /// In which language it is written.
    language: ArticleLanguage,
    /// Whether it stands in front of the others.
    featured: bool,
    /// How often it was looked at; behind by a few seconds.
    views: i64,
    /// When readers began to see this revision.
    published_at: DateTime<Utc>,
}

struct Asked {
    words: Option<String>,
    category: Option<String>,
    tag: Option<String>,
    language: Option<ArticleLanguage>,
    limit: i64,
    after: Option<(bool, i64, DateTime<Utc>, Uuid)>,
}

fn asked(parameters: &mut Parameters) -> Result<Asked, Problem> {
    let limit = parameters.take_as("limit", "a number from 1 to 100")?.unwrap_or(20);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(invalid("limit").detail("expected a number from 1 to 100"));
    }
    let language = match parameters.take("language") {
        None => None,
        Some(text) => {
            Some(serde_json::from_value(text.into()).map_err(|_| invalid("language").detail("expected fr or en"))?)
        }
    };
    let after = parameters.take("cursor").map(|text| place(&Cursor::decode(&text, NAME, ORDER, 4)?)).transpose()?;
    Ok(Asked {
        words: parameters.take(search::PARAMETER).map(search::typed).transpose()?,
        category: parameters.take("category"),
        tag: parameters.take("tag"),
        language,
        limit,
        after,
    })
}

fn place(cursor: &Cursor) -> Result<(bool, i64, DateTime<Utc>, Uuid), Problem> {
    let wrong = || invalid("cursor").detail("it is not the next_cursor of a page");
    let [featured, views, published_at, id] = &cursor.values[..] else { return Err(wrong()) };
    let parsed = (featured.parse().ok(), views.parse().ok(), published_at.parse().ok(), id.parse().ok());
    let (Some(featured), Some(views), Some(published_at), Some(id)) = parsed else { return Err(wrong()) };
    Ok((featured, views, published_at, id))
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    asking.log.operation(NAME);
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let min_position = parameters.min_position()?;
    let asked = asked(&mut parameters)?;
    parameters.finish(&["q", "category", "tag", "language", "limit", "cursor", "min_position"])?;
    let tenant_id = super::tenant(&services, &asking).await?;
    services.wait(PublishedArticles::NAME, min_position).await?;
    // The best of what was found; a search has one page.
    let found = match &asked.words {
        None => None,
        Some(words) => Some(search::best::<PublishedArticles>(&services, tenant_id, words, 500, &asking.log).await?),
    };
    let order = if found.is_some() {
        "array_position($3, t.article_id), t.article_id"
    } else {
        "t.featured desc, views desc, t.published_at desc, t.article_id desc"
    };
    let sql = format!(
        "select null::text, {CHECKPOINT} union all (select row_to_json(t)::text, null::bigint from ( \
         select t.article_id, t.slug, t.title, t.excerpt, t.category, t.tags, t.language, t.featured, \
         {VIEWS} as views, t.published_at from {} t where t.tenant_id = caller.tenant_id) t \
         where ($3::uuid[] is null or t.article_id = any($3)) and ($4::text is null or t.category = $4) \
         and ($5::text is null or t.tags ? $5) and ($6::text is null or t.language = $6) \
         and ($7::boolean is null or (t.featured, t.views, t.published_at, t.article_id) < ($7, $8::bigint, $9::timestamptz, $10::uuid)) \
         order by {order} limit $11)",
        table::<PublishedArticles>()
    );
    let after = asked.after;
    let query = tenant::query(tenant_id, &sql)
        .bind(PublishedArticles::NAME)
        .bind(found)
        .bind(asked.category)
        .bind(asked.tag)
        .bind(asked.language.map(kernel::Labelled::as_str))
        .bind(after.map(|after| after.0))
        .bind(after.map(|after| after.1))
        .bind(after.map(|after| after.2))
        .bind(after.map(|after| after.3))
        .bind(asked.limit + 1);
    let rows = timed(&asking.log, query.fetch_all(&services.pool)).await?;
    let position = rows.first().and_then(|row| row.get::<Option<i64>, _>(1)).unwrap_or_default();
    let read = rows.iter().filter_map(|row| row.get::<Option<&str>, _>(0)).map(serde_json::from_str);
    let mut items: Vec<PublicArticle> = read.collect::<Result<_, _>>().map_err(|error| Problem::internal(&error))?;
    let more = i64::try_from(items.len()).is_ok_and(|count| count > asked.limit) && asked.words.is_none();
    items.truncate(usize::try_from(asked.limit).unwrap_or_default());
    let next_cursor = items.last().filter(|_| more).map(|last| cursor_after(last).encode());
    let next = next_cursor.as_deref().and_then(|cursor| next_link(&asking.uri, cursor));
    let mut response = Json(Page { items, next_cursor, as_of_position: position }).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(position));
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next);
    }
    Ok(response)
}

fn cursor_after(last: &PublicArticle) -> Cursor {
    let published_at = last.published_at.to_rfc3339();
    let values = vec![last.featured.to_string(), last.views.to_string(), published_at, last.article_id.to_string()];
    Cursor { list: NAME.to_owned(), sort: ORDER.to_owned(), values }
}

pub(super) fn describe(path: &str) -> Operation {
    description::operation(path, NAME)
        .docs(
            "What a tenant has published, without a token: the featured articles first, then the most viewed, then the \
             newest. With `q`, the articles that hold the words, the best first, on one page.",
        )
        .path_parameter::<String>("tenant", "The tenant's slug.")
        .query_parameter::<String>(search::PARAMETER, false, WORDS)
        .query_parameter::<String>("category", false, "Only under this heading.")
        .query_parameter::<String>("tag", false, "Only with this keyword.")
        .query_parameter::<ArticleLanguage>("language", false, "Only in this language.")
        .query_parameter::<i64>("limit", false, "Articles per page, 1 to 100; 20 unless said otherwise.")
        .query_parameter::<String>("cursor", false, "The `next_cursor` of the page before, with the same filters.")
        .component::<PublicArticle>()
        .response::<Page<PublicArticle>>(StatusCode::OK, "A page of them.")
        .response_header::<String>(StatusCode::OK, "Link", "The next page, `rel=\"next\"` (RFC 8288).")
        .problem(StatusCode::NOT_FOUND, "There is no such tenant.")
}
