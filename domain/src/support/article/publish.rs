//! Showing an article to readers.

use super::{Article, ArticleStatus, Event, PUBLISH};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Shows the newest revision to readers, instead of what they saw before.
///
/// What they see already changes nothing. Refused on an archived article.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishArticle {}

impl Command for PublishArticle {
    type Streams = Article;
    const NAME: &'static str = "support.publish_article";
    const SCOPE: Scope = PUBLISH;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, article: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let page = article.at_work()?;
        let seen = page.published.filter(|_| page.status == ArticleStatus::Published);
        if seen.is_some_and(|(revision, _)| revision == page.revision) {
            return unchanged();
        }
        let (helpful, not_helpful) = page.counted;
        Ok(Decided::from(Event::Published {
            revision: page.revision,
            slug: page.slug.clone(),
            content: page.content.clone(),
            author_id: page.author_id,
            revised_by: page.revised_by,
            first_published_at: page.published.map_or(cx.now, |(_, first)| first),
            helpful,
            not_helpful,
        }))
    }
}
