//! The support desk at a glance: numbers, the newest tickets, the featured articles.

use super::get_ticket_statistics::{Period, TicketStatistics, statistics};
use crate::description;
use crate::detail::table;
use crate::parameters::Parameters;
use crate::reading::{Services, timed};
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
use read_models::support::{PublishedArticles, Tickets};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

const NAME: &str = "support.get_dashboard";
const SCOPE: Scope = Scope::new("support.ticket:work");

/// A ticket on the dashboard. Its texts are behind its id.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct RecentTicket {
    /// The ticket.
    ticket_id: Uuid,
    /// Its number: `TKT-00042`.
    ticket_number: String,
    /// Where it stands.
    status: String,
    /// How soon it needs an answer.
    priority: String,
    /// What it is about.
    category: String,
    /// Who is responsible.
    assignee_id: Option<Uuid>,
    /// The customer's messages that no agent has read.
    unread: i32,
    /// When it was opened.
    created_at: chrono::DateTime<chrono::Utc>,
}

/// An article on the dashboard.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct FeaturedArticle {
    /// The article.
    article_id: Uuid,
    /// Its address.
    slug: String,
    /// One line.
    title: String,
    /// How many readers found it helpful.
    helpful: i32,
    /// How many did not.
    not_helpful: i32,
}

/// The support desk at a glance.
#[derive(Serialize, ToSchema)]
pub(super) struct Dashboard {
    /// All tickets counted.
    statistics: TicketStatistics,
    /// The ten newest, the newest first.
    recent_tickets: Vec<RecentTicket>,
    /// Up to five featured articles, the newest first.
    featured_articles: Vec<FeaturedArticle>,
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let identity = services.authorize(&asking.headers, SCOPE, NAME, &asking.log).await?;
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let min_position = parameters.min_position()?;
    parameters.finish(&["min_position"])?;
    services.wait(Tickets::NAME, min_position).await?;
    services.wait(PublishedArticles::NAME, min_position).await?;
    let (statistics, position) = statistics(&services, identity.tenant_id, &Period::default(), &asking.log).await?;
    let sql = format!(
        "select (select coalesce(json_agg(r), '[]') from (select t.ticket_id, t.ticket_number, t.status, t.priority, \
         t.category, t.assignee_id, t.unread, t.created_at from {} t where t.tenant_id = caller.tenant_id \
         and t.merged_into is null order by t.created_at desc, t.ticket_id limit 10) r)::text, \
         (select coalesce(json_agg(r), '[]') from (select t.article_id, t.slug, t.title, t.helpful, t.not_helpful from {} t \
         where t.tenant_id = caller.tenant_id and t.featured order by t.published_at desc, t.article_id limit 5) r)::text",
        table::<Tickets>(),
        table::<PublishedArticles>()
    );
    let row = timed(&asking.log, tenant::query(identity.tenant_id, &sql).fetch_one(&services.pool)).await?;
    let recent_tickets = serde_json::from_str(row.get(0)).map_err(|error| Problem::internal(&error))?;
    let featured_articles = serde_json::from_str(row.get(1)).map_err(|error| Problem::internal(&error))?;
    let mut response = Json(Dashboard { statistics, recent_tickets, featured_articles }).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(position));
    Ok(response)
}

pub(super) fn describe(path: &str) -> Operation {
    description::operation(path, NAME)
        .docs("The support desk at a glance: numbers, the ten newest tickets, five featured articles.")
        .component::<RecentTicket>()
        .component::<FeaturedArticle>()
        .response::<Dashboard>(StatusCode::OK, "As it stands.")
        .bearer(Some(SCOPE.as_str()))
        .reach(Reach::All)
}
