//! The articles as their editors see them: all states, the newest revision.

use chrono::{DateTime, Utc};
use domain::support::Tags;
use domain::support::article::{
    ArticleCategory, ArticleId, ArticleLanguage, ArticleStatus, Body, Event, Excerpt, Slug, Title, counted,
};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.articles`: one row per article, whatever its state. No query that a reader may ask reads this table.
pub struct Articles;

/// An article as it is being worked on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ArticleRow {
    /// The article.
    pub article_id: ArticleId,
    /// Its address.
    pub slug: Slug,
    /// One line.
    pub title: Title,
    /// The gist, for lists.
    pub excerpt: Option<Excerpt>,
    /// The text of the newest revision, in Markdown.
    pub body: Body,
    /// Under which heading it stands.
    pub category: ArticleCategory,
    /// Free keywords, sorted.
    pub tags: Tags,
    /// In which language it is written.
    pub language: ArticleLanguage,
    /// Where it stands.
    pub status: ArticleStatus,
    /// Whether it stands in front of the others.
    pub featured: bool,
    /// The newest revision: 1, 2, 3, …
    pub revision: i32,
    /// The revision that readers see; absent where they see none.
    pub published_revision: Option<i32>,
    /// Who began to write it.
    pub author_id: ActorId,
    /// Who wrote the newest revision.
    pub revised_by: ActorId,
    /// How many readers found it helpful.
    pub helpful: i32,
    /// How many did not.
    pub not_helpful: i32,
    /// When readers began to see what they see; absent where they see nothing.
    pub published_at: Option<DateTime<Utc>>,
    /// When readers first saw any of it.
    pub first_published_at: Option<DateTime<Utc>>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// When anything but a rating was last recorded.
    pub updated_at: DateTime<Utc>,
    /// The version of the article's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Articles {
    type Event = Event;
    type Key = ArticleId;
    type Row = ArticleRow;

    const NAME: &'static str = "support.articles";
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
            Column::new("status", ColumnKind::Text),
            Column::new("featured", ColumnKind::Boolean),
            Column::new("revision", ColumnKind::Integer),
            Column::optional("published_revision", ColumnKind::Integer),
            Column::new("author_id", ColumnKind::Uuid),
            Column::new("revised_by", ColumnKind::Uuid),
            Column::new("helpful", ColumnKind::Integer),
            Column::new("not_helpful", ColumnKind::Integer),
            Column::optional("published_at", ColumnKind::Timestamp),
            Column::optional("first_published_at", ColumnKind::Timestamp),
            Column::new("created_at", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[
            Index { columns: &["-updated_at"] },
            Index { columns: &["status", "-updated_at"] },
            Index { columns: &["category", "-updated_at"] },
            Index { columns: &["~title", "~excerpt", "~category", "~body"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<ArticleId> {
        Keys::One(ArticleId(event.stream_id))
    }

    fn apply(row: Option<ArticleRow>, key: &ArticleId, event: &Recorded<Event>) -> Option<ArticleRow> {
        let Some(row) = row else { return drafted(*key, event) };
        Some(ArticleRow { version: event.version, ..row.after(&event.event, event) })
    }
}

fn drafted(article_id: ArticleId, event: &Recorded<Event>) -> Option<ArticleRow> {
    let Event::Drafted { slug, content, author_id } = &event.event else { return None };
    Some(ArticleRow {
        article_id,
        slug: slug.clone(),
        title: content.title.clone(),
        excerpt: content.excerpt.clone(),
        body: content.body.clone(),
        category: content.category.clone(),
        tags: content.tags.clone(),
        language: content.language,
        status: ArticleStatus::Draft,
        featured: false,
        revision: 1,
        published_revision: None,
        author_id: *author_id,
        revised_by: *author_id,
        helpful: 0,
        not_helpful: 0,
        published_at: None,
        first_published_at: None,
        created_at: event.occurred_at,
        updated_at: event.recorded_at,
        version: event.version,
    })
}

impl ArticleRow {
    fn after(self, told: &Event, event: &Recorded<Event>) -> Self {
        let touched = Self { updated_at: event.recorded_at, ..self };
        match told {
            Event::Drafted { .. } => touched,
            Event::Revised { revision, content, revised_by } => Self {
                title: content.title.clone(),
                excerpt: content.excerpt.clone(),
                body: content.body.clone(),
                category: content.category.clone(),
                tags: content.tags.clone(),
                language: content.language,
                revision: *revision,
                revised_by: *revised_by,
                ..touched
            },
            Event::Published { revision, first_published_at, .. } => Self {
                status: ArticleStatus::Published,
                published_revision: Some(*revision),
                published_at: Some(event.occurred_at),
                first_published_at: Some(*first_published_at),
                ..touched
            },
            Event::Unpublished {} => touched.hidden(ArticleStatus::Draft),
            Event::Archived {} => touched.hidden(ArticleStatus::Archived),
            Event::Restored {} => Self { status: ArticleStatus::Draft, ..touched },
            Event::Featured {} => Self { featured: true, ..touched },
            Event::Unfeatured {} => Self { featured: false, ..touched },
            Event::SlugChanged { to, .. } => Self { slug: to.clone(), ..touched },
            Event::RatedHelpful { before, .. } => rated(touched, true, *before),
            Event::RatedNotHelpful { before, .. } => rated(touched, false, *before),
        }
    }

    fn hidden(self, status: ArticleStatus) -> Self {
        Self { status, featured: false, published_revision: None, published_at: None, ..self }
    }
}

fn rated(row: ArticleRow, helpful: bool, before: Option<bool>) -> ArticleRow {
    let (helpful, not_helpful) = counted((row.helpful, row.not_helpful), helpful, before);
    ArticleRow { helpful, not_helpful, ..row }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use domain::support::article::Content;
    use kernel::Event as _;
    use kernel::specs::{Story, noon};
    use uuid::Uuid;

    pub(crate) const ADA: ActorId = ActorId(Uuid::from_u128(0xada));
    pub(crate) const ARTICLE: ArticleId = ArticleId(Uuid::from_u128(0xa27));

    pub(crate) fn content(body: &str) -> Content {
        Content {
            title: Title::parse("Réinitialiser l'accès").unwrap(),
            excerpt: None,
            body: Body::parse(body).unwrap(),
            category: ArticleCategory::parse("Compte").unwrap(),
            tags: Tags::default(),
            language: ArticleLanguage::French,
        }
    }

    pub(crate) fn slug(text: &str) -> Slug {
        Slug::parse(text).unwrap()
    }

    pub(crate) fn published(revision: i32, body: &str) -> Event {
        Event::Published {
            revision,
            slug: slug("reset"),
            content: content(body),
            author_id: ADA,
            revised_by: ADA,
            first_published_at: noon(),
            helpful: 2,
            not_helpful: 1,
        }
    }

    pub(crate) fn story() -> Story<Event> {
        let drafted = Event::Drafted { slug: slug("reset"), content: content("One."), author_id: ADA };
        Story::new().then(ARTICLE, ADA, drafted)
    }

    fn row(story: &Story<Event>) -> ArticleRow {
        story.row::<Articles>(&ARTICLE).unwrap()
    }

    #[test]
    fn a_revision_is_shown_to_editors_at_once() {
        let story = story().then(ARTICLE, ADA, published(1, "One.")).then(
            ARTICLE,
            ADA,
            Event::Revised { revision: 2, content: content("Two."), revised_by: ADA },
        );
        let row = row(&story);
        assert_eq!((row.body.as_str(), row.revision, row.published_revision), ("Two.", 2, Some(1)));
        assert_eq!((row.status, row.version), (ArticleStatus::Published, Version(3)));
    }

    #[test]
    fn what_is_taken_back_is_not_featured() {
        let story = story().then(ARTICLE, ADA, published(1, "One.")).then(ARTICLE, ADA, Event::Featured {}).then(
            ARTICLE,
            ADA,
            Event::Archived {},
        );
        let row = row(&story);
        assert_eq!((row.status, row.featured, row.published_revision), (ArticleStatus::Archived, false, None));
        assert_eq!(row.first_published_at, Some(noon()));
    }

    #[test]
    fn whoever_changes_his_mind_counts_once() {
        let helpful = Event::RatedHelpful { reader_id: ADA, before: None };
        let story = story().then(ARTICLE, ADA, helpful);
        assert_eq!((row(&story).helpful, row(&story).not_helpful), (1, 0));
        let story = story.then(ARTICLE, ADA, Event::RatedNotHelpful { reader_id: ADA, before: Some(true) });
        assert_eq!((row(&story).helpful, row(&story).not_helpful), (0, 1));
    }

    #[test]
    fn every_example_event_can_be_shown() {
        let events = Event::examples();
        let count = events.len();
        let story = events.into_iter().fold(Story::new(), |story: Story<Event>, event| story.then(ARTICLE, ADA, event));
        assert_eq!(usize::try_from(row(&story).version.0).unwrap(), count);
    }
}
