//! The articles as readers see them: what was published last, and nothing else.

use chrono::{DateTime, Utc};
use domain::support::Tags;
use domain::support::article::{
    ArticleCategory, ArticleId, ArticleLanguage, Body, Event, Excerpt, Slug, Title, counted,
};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.published_articles`: one row per article that readers see. Drafts are never in it.
pub struct PublishedArticles;

/// An article as readers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublishedArticleRow {
    /// The article.
    pub article_id: ArticleId,
    /// Its address.
    pub slug: Slug,
    /// One line.
    pub title: Title,
    /// The gist, for lists.
    pub excerpt: Option<Excerpt>,
    /// The text, in Markdown.
    pub body: Body,
    /// Under which heading it stands.
    pub category: ArticleCategory,
    /// Free keywords, sorted.
    pub tags: Tags,
    /// In which language it is written.
    pub language: ArticleLanguage,
    /// Whether it stands in front of the others.
    pub featured: bool,
    /// Which revision this is.
    pub revision: i32,
    /// Who began to write it.
    pub author_id: ActorId,
    /// How many readers found it helpful.
    pub helpful: i32,
    /// How many did not.
    pub not_helpful: i32,
    /// When readers began to see this revision.
    pub published_at: DateTime<Utc>,
    /// When readers first saw any of it.
    pub first_published_at: DateTime<Utc>,
}

impl ReadModel for PublishedArticles {
    type Event = Event;
    type Key = ArticleId;
    type Row = PublishedArticleRow;

    const NAME: &'static str = "support.published_articles";
    const VERSION: i32 = 2;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("article_id", ColumnKind::Uuid),
            Column::new("slug", ColumnKind::Text),
            Column::new("title", ColumnKind::Text),
            Column::optional("excerpt", ColumnKind::Text),
            Column::new("body", ColumnKind::Text),
            Column::new("category", ColumnKind::Text),
            Column::new("tags", ColumnKind::Json),
            Column::new("language", ColumnKind::Text),
            Column::new("featured", ColumnKind::Boolean),
            Column::new("revision", ColumnKind::Integer),
            Column::new("author_id", ColumnKind::Uuid),
            Column::new("helpful", ColumnKind::Integer),
            Column::new("not_helpful", ColumnKind::Integer),
            Column::new("published_at", ColumnKind::Timestamp),
            Column::new("first_published_at", ColumnKind::Timestamp),
        ],
        indexes: &[
            Index { columns: &["slug"] },
            Index { columns: &["-featured", "-published_at"] },
            Index { columns: &["category", "-published_at"] },
            Index { columns: &["~title", "~excerpt", "~category", "~body"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<ArticleId> {
        match &event.event {
            Event::Drafted { .. } | Event::Revised { .. } | Event::Restored {} => Keys::None,
            Event::Published { .. }
            | Event::Unpublished {}
            | Event::Archived {}
            | Event::Featured {}
            | Event::Unfeatured {}
            | Event::SlugChanged { .. }
            | Event::RatedHelpful { .. }
            | Event::RatedNotHelpful { .. } => Keys::One(ArticleId(event.stream_id)),
        }
    }

    fn apply(
        row: Option<PublishedArticleRow>,
        key: &ArticleId,
        event: &Recorded<Event>,
    ) -> Option<PublishedArticleRow> {
        match &event.event {
            Event::Published {
                revision,
                slug,
                content,
                author_id,
                revised_by: _,
                first_published_at,
                helpful,
                not_helpful,
            } => Some(PublishedArticleRow {
                article_id: *key,
                slug: slug.clone(),
                title: content.title.clone(),
                excerpt: content.excerpt.clone(),
                body: content.body.clone(),
                category: content.category.clone(),
                tags: content.tags.clone(),
                language: content.language,
                featured: row.is_some_and(|row| row.featured),
                revision: *revision,
                author_id: *author_id,
                helpful: *helpful,
                not_helpful: *not_helpful,
                published_at: event.occurred_at,
                first_published_at: *first_published_at,
            }),
            Event::Unpublished {} | Event::Archived {} => None,
            Event::Drafted { .. } | Event::Revised { .. } | Event::Restored {} => row,
            Event::Featured {} => row.map(|row| PublishedArticleRow { featured: true, ..row }),
            Event::Unfeatured {} => row.map(|row| PublishedArticleRow { featured: false, ..row }),
            Event::SlugChanged { to, .. } => row.map(|row| PublishedArticleRow { slug: to.clone(), ..row }),
            Event::RatedHelpful { before, .. } => row.map(|row| row.rated(true, *before)),
            Event::RatedNotHelpful { before, .. } => row.map(|row| row.rated(false, *before)),
        }
    }
}

impl PublishedArticleRow {
    fn rated(self, helpful: bool, before: Option<bool>) -> Self {
        let (helpful, not_helpful) = counted((self.helpful, self.not_helpful), helpful, before);
        Self { helpful, not_helpful, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::super::articles::tests::{ADA, ARTICLE, content, published, slug, story};
    use super::*;
    use kernel::specs::Story;

    fn row(story: &Story<Event>) -> Option<PublishedArticleRow> {
        story.row::<PublishedArticles>(&ARTICLE)
    }

    fn revised(revision: i32, body: &str) -> Event {
        Event::Revised { revision, content: content(body), revised_by: ADA }
    }

    #[test]
    fn readers_see_nothing_of_a_draft() {
        assert_eq!(row(&story().then(ARTICLE, ADA, revised(2, "SECRET"))), None);
    }

    #[test]
    fn readers_see_a_revision_once_it_is_published() {
        let seen = story().then(ARTICLE, ADA, published(1, "One."));
        let revised = seen.then(ARTICLE, ADA, Event::Featured {}).then(ARTICLE, ADA, revised(2, "SECRET"));
        let before = row(&revised).unwrap();
        assert_eq!((before.body.as_str(), before.revision, before.featured), ("One.", 1, true));
        let after = row(&revised.then(ARTICLE, ADA, published(2, "Two."))).unwrap();
        assert_eq!((after.body.as_str(), after.revision, after.featured), ("Two.", 2, true));
        assert_eq!((after.helpful, after.not_helpful), (2, 1));
    }

    #[test]
    fn what_is_taken_back_is_gone_and_comes_back_unfeatured() {
        for hidden in [Event::Unpublished {}, Event::Archived {}] {
            let gone = story()
                .then(ARTICLE, ADA, published(1, "One."))
                .then(ARTICLE, ADA, Event::Featured {})
                .then(ARTICLE, ADA, hidden)
                .then(ARTICLE, ADA, Event::SlugChanged { from: slug("reset"), to: slug("access") });
            assert_eq!(row(&gone), None);
            assert!(!row(&gone.then(ARTICLE, ADA, published(1, "One."))).unwrap().featured);
        }
    }
}
