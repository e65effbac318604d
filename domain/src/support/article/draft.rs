//! Beginning an article.

use super::{Article, ArticleCategory, ArticleLanguage, Body, Content, Event, Excerpt, Rejection, Slug, Title, WRITE};
use crate::support::article_slug::{self, Slugs};
use crate::support::tags::Tags;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Begins an article. Its address follows from the title: `Réinitialiser l'accès` is `reinitialiser-l-acces`, and the
/// next article with that title `reinitialiser-l-acces-2`. Nobody but its editors sees a draft.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftArticle {
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

impl Command for DraftArticle {
    type Streams = (Article, Slugs);
    const NAME: &'static str = "support.draft_article";
    const SCOPE: Scope = WRITE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> (Uuid, Uuid) {
        (target, article_slug::stream_id(&Slug::of_title(&self.title)))
    }

    fn decide(&self, (article, slugs): View<'_, Self>, cx: &Context) -> Decision<Self> {
        if article.page.is_some() {
            return Err(Rejection::AlreadyDrafted);
        }
        let slug = slugs.free(&Slug::of_title(&self.title));
        let taken = article_slug::Event::Taken { slug: slug.clone(), article_id: cx.target.into() };
        let content = Content {
            title: self.title.clone(),
            excerpt: self.excerpt.clone(),
            body: self.body.clone(),
            category: self.category.clone(),
            tags: self.tags.clone(),
            language: self.language,
        };
        Ok(Decided::new((vec![Event::Drafted { slug, content, author_id: cx.actor_id() }], vec![taken])))
    }
}
