//! Saying whether an article helped.

use super::{Article, Event};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says whether an article was helpful. One word per reader; who changes his mind takes the first word back.
///
/// Refused with `support.article_not_published` where readers do not see it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateArticle {
    /// Whether it was.
    pub helpful: bool,
}

impl Command for RateArticle {
    type Streams = Article;
    const NAME: &'static str = "support.rate_article";
    const SCOPE: Scope = Scope::new("support.article:rate");
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, article: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let page = article.shown()?;
        let reader_id = cx.actor_id();
        let before = page.ratings.get(&reader_id).copied();
        if before == Some(self.helpful) {
            return unchanged();
        }
        Ok(Decided::from(if self.helpful {
            Event::RatedHelpful { reader_id, before }
        } else {
            Event::RatedNotHelpful { reader_id, before }
        }))
    }
}
