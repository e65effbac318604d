//! Taking an article back from readers.

use super::{Article, ArticleStatus, Event, PUBLISH};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Takes an article back: readers do not see it any more, and it is not featured any more. It is a draft again.
///
/// A draft is unchanged. Refused on an archived article.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnpublishArticle {}

impl Command for UnpublishArticle {
    type Streams = Article;
    const NAME: &'static str = "support.unpublish_article";
    const SCOPE: Scope = PUBLISH;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, article: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match article.at_work()?.status {
            ArticleStatus::Published => Ok(Decided::from(Event::Unpublished {})),
            ArticleStatus::Draft | ArticleStatus::Archived => unchanged(),
        }
    }
}
