//! Putting an article away.

use super::{Article, ArticleStatus, Event, PUBLISH};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Puts an article away: readers do not see it any more, and it takes no changes until it is restored.
///
/// Its addresses stay its own. Once more changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveArticle {}

impl Command for ArchiveArticle {
    type Streams = Article;
    const NAME: &'static str = "support.archive_article";
    const SCOPE: Scope = PUBLISH;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, article: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        if article.existing()?.status == ArticleStatus::Archived {
            return unchanged();
        }
        Ok(Decided::from(Event::Archived {}))
    }
}
