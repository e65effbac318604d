//! Putting an article in front.

use super::{Article, Event, PUBLISH};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Puts a published article in front of the others. Once more changes nothing.
///
/// Refused with `support.article_not_published` where readers do not see it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureArticle {}

impl Command for FeatureArticle {
    type Streams = Article;
    const NAME: &'static str = "support.feature_article";
    const SCOPE: Scope = PUBLISH;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, article: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        if article.shown()?.featured {
            return unchanged();
        }
        Ok(Decided::from(Event::Featured {}))
    }
}
