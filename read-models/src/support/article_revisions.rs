//! The revisions of articles: who wrote what, and when readers saw it.

use chrono::{DateTime, Utc};
use domain::support::Tags;
use domain::support::article::{ArticleCategory, ArticleId, ArticleLanguage, Body, Content, Event, Excerpt, Title};
use kernel::{ActorId, Column, ColumnKind, Keys, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.article_revisions`: one row per revision of an article, for editors.
pub struct ArticleRevisions;

/// A revision of an article.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ArticleRevisionRow {
    /// The article.
    pub article_id: ArticleId,
    /// Which revision: 1, 2, 3, …
    pub revision: i32,
    /// One line.
    pub title: Title,
    /// The gist, for lists.
    pub excerpt: Option<Excerpt>,
    /// The text, in Markdown.
    pub body: Body,
    /// Under which heading it stood.
    pub category: ArticleCategory,
    /// Free keywords, sorted.
    pub tags: Tags,
    /// In which language it is written.
    pub language: ArticleLanguage,
    /// Who wrote it.
    pub revised_by: ActorId,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// When readers first saw it; absent where they never did.
    pub published_at: Option<DateTime<Utc>>,
}

impl ReadModel for ArticleRevisions {
    type Event = Event;
    type Key = (ArticleId, i32);
    type Row = ArticleRevisionRow;

    const NAME: &'static str = "support.article_revisions";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("article_id", ColumnKind::Uuid),
            Column::new("revision", ColumnKind::Integer),
            Column::new("title", ColumnKind::Text),
            Column::optional("excerpt", ColumnKind::Text),
            Column::new("body", ColumnKind::Text),
            Column::new("category", ColumnKind::Text),
            Column::new("tags", ColumnKind::Json),
            Column::new("language", ColumnKind::Text),
            Column::new("revised_by", ColumnKind::Uuid),
            Column::new("created_at", ColumnKind::Timestamp),
            Column::optional("published_at", ColumnKind::Timestamp),
        ],
        indexes: &[],
    };

    fn keys(event: &Recorded<Event>) -> Keys<(ArticleId, i32)> {
        let article_id = ArticleId(event.stream_id);
        match &event.event {
            Event::Drafted { .. } => Keys::One((article_id, 1)),
            Event::Revised { revision, .. } | Event::Published { revision, .. } => Keys::One((article_id, *revision)),
            Event::Unpublished {}
            | Event::Featured {}
            | Event::Unfeatured {}
            | Event::SlugChanged { .. }
            | Event::Archived {}
            | Event::Restored {}
            | Event::RatedHelpful { .. }
            | Event::RatedNotHelpful { .. } => Keys::None,
        }
    }

    fn apply(
        row: Option<ArticleRevisionRow>,
        key: &(ArticleId, i32),
        event: &Recorded<Event>,
    ) -> Option<ArticleRevisionRow> {
        match &event.event {
            Event::Drafted { content, author_id, .. } => Some(written(*key, content, *author_id, event.occurred_at)),
            Event::Revised { content, revised_by, .. } => Some(written(*key, content, *revised_by, event.occurred_at)),
            Event::Published { .. } => {
                row.map(|row| ArticleRevisionRow { published_at: row.published_at.or(Some(event.occurred_at)), ..row })
            }
            Event::Unpublished {}
            | Event::Featured {}
            | Event::Unfeatured {}
            | Event::SlugChanged { .. }
            | Event::Archived {}
            | Event::Restored {}
            | Event::RatedHelpful { .. }
            | Event::RatedNotHelpful { .. } => row,
        }
    }
}

fn written(
    (article_id, revision): (ArticleId, i32),
    content: &Content,
    revised_by: ActorId,
    created_at: DateTime<Utc>,
) -> ArticleRevisionRow {
    ArticleRevisionRow {
        article_id,
        revision,
        title: content.title.clone(),
        excerpt: content.excerpt.clone(),
        body: content.body.clone(),
        category: content.category.clone(),
        tags: content.tags.clone(),
        language: content.language,
        revised_by,
        created_at,
        published_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::articles::tests::{ADA, ARTICLE, content, published, story};
    use super::*;

    #[test]
    fn a_revision_knows_when_readers_first_saw_it() {
        let story = story()
            .then(ARTICLE, ADA, Event::Revised { revision: 2, content: content("Two."), revised_by: ADA })
            .then(ARTICLE, ADA, published(2, "Two."))
            .then(ARTICLE, ADA, Event::Unpublished {})
            .then(ARTICLE, ADA, published(2, "Two."));
        let rows = story.rows::<ArticleRevisions>();
        assert_eq!((rows.len(), rows[&(ARTICLE, 1)].published_at), (2, None));
        let second = &rows[&(ARTICLE, 2)];
        assert_eq!(second.published_at.unwrap() - second.created_at, chrono::TimeDelta::minutes(1));
    }
}
