//! Changing what an article says.

use super::{Article, ArticleCategory, ArticleLanguage, Body, Content, Event, Excerpt, Title, WRITE};
use crate::support::tags::Tags;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Writes the next revision of an article: all of it, as it is to be from now on. Readers see it when it is published.
///
/// The article keeps its address, also under another title. The same words again change nothing. Send the version in
/// `If-Match` so that nobody else's revision is overwritten. Refused on an archived article.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviseArticle {
    /// One line.
    pub title: Title,
    /// The gist, for lists.
    pub excerpt: Option<Excerpt>,
    /// The text, in Markdown.
    pub body: Body,
    /// Under which heading it stands.
    pub category: ArticleCategory,
    /// Free keywords.
    #[serde(default)]
    pub tags: Tags,
    /// In which language it is written.
    #[serde(default)]
    pub language: ArticleLanguage,
}

impl Command for ReviseArticle {
    type Streams = Article;
    const NAME: &'static str = "support.revise_article";
    const SCOPE: Scope = WRITE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, article: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let page = article.at_work()?;
        let content = Content {
            title: self.title.clone(),
            excerpt: self.excerpt.clone(),
            body: self.body.clone(),
            category: self.category.clone(),
            tags: self.tags.clone(),
            language: self.language,
        };
        if content == page.content {
            return unchanged();
        }
        Ok(Decided::from(Event::Revised { revision: page.revision + 1, content, revised_by: cx.actor_id() }))
    }
}
