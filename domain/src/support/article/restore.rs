//! Taking an article out of the archive.

use super::{Article, ArticleStatus, Event, PUBLISH};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Makes a draft of an archived article again. One that is not archived is unchanged.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreArticle {}

impl Command for RestoreArticle {
    type Streams = Article;
    const NAME: &'static str = "support.restore_article";
    const SCOPE: Scope = PUBLISH;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, article: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        if article.existing()?.status != ArticleStatus::Archived {
            return unchanged();
        }
        Ok(Decided::from(Event::Restored {}))
    }
}
