//! The knowledge base as anybody may read it, without a token: what a tenant has published, and nothing else.
//!
//! The tenant is named in the path by its slug; every statement here reads `support.published_articles`, in which no draft
//! ever is. Requests count against the budget of their address, as all do.

mod count_view;
mod get_article;
mod list_articles;
mod list_categories;

use crate::reading::{Services, timed};
use crate::routes::{Asking, QueryRoutes};
use event_store::tenant;
use kernel::TenantId;
use platform::Problem;
use sqlx::Row;
use uuid::Uuid;

/// Under what views are counted.
const VIEWED: &str = "support.article";

/// The number of views of row `t`.
const VIEWS: &str = "coalesce((select v.times from seen.counts v where v.tenant_id = t.tenant_id \
    and v.kind = 'support.article' and v.id = t.article_id), 0)";

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/public")
        .raw("/{tenant}/articles", list_articles::answer, list_articles::describe)
        .raw("/{tenant}/articles/{slug}", get_article::answer, get_article::describe)
        .raw_post("/{tenant}/articles/{slug}/views", count_view::answer, count_view::describe)
        .raw("/{tenant}/article-categories", list_categories::answer, list_categories::describe)
}

/// The tenant that the path names by its slug.
async fn tenant(services: &Services, asking: &Asking) -> Result<TenantId, Problem> {
    let slug = asking.part("tenant")?;
    // Tenants are the platform's own rows.
    let query = tenant::query(
        TenantId::PLATFORM,
        "select t.id from read.identity_tenants t where t.tenant_id = caller.tenant_id and t.slug = $2",
    );
    let found = timed(&asking.log, query.bind(slug).fetch_optional(&services.pool)).await?;
    found.map(|row| TenantId(row.get::<Uuid, _>(0))).ok_or_else(Problem::not_found)
}
