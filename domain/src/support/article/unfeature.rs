//! Putting an article among the others again.

use super::{Article, Event, PUBLISH};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Puts an article among the others again. One that is not featured is unchanged.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnfeatureArticle {}

impl Command for UnfeatureArticle {
    type Streams = Article;
    const NAME: &'static str = "support.unfeature_article";
    const SCOPE: Scope = PUBLISH;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, article: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        if !article.existing()?.featured {
            return unchanged();
        }
        Ok(Decided::from(Event::Unfeatured {}))
    }
}
