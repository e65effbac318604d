//! The addresses of articles, the old ones too: where a link leads.

use chrono::{DateTime, Utc};
use domain::support::article::{ArticleId, Event, Slug};
use kernel::{Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.article_slugs`: one row per address that an article has or had.
pub struct ArticleSlugs;

/// An address, and the article that it leads to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ArticleSlugRow {
    /// The article.
    pub article_id: ArticleId,
    /// The address.
    pub slug: Slug,
    /// Whether the article is reached by it now; else it leads to the address of now.
    pub current: bool,
    /// Since when this is so.
    pub since: DateTime<Utc>,
}

impl ReadModel for ArticleSlugs {
    type Event = Event;
    type Key = (ArticleId, Slug);
    type Row = ArticleSlugRow;

    const NAME: &'static str = "support.article_slugs";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("article_id", ColumnKind::Uuid),
            Column::new("slug", ColumnKind::Text),
            Column::new("current", ColumnKind::Boolean),
            Column::new("since", ColumnKind::Timestamp),
        ],
        indexes: &[Index { columns: &["slug"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<(ArticleId, Slug)> {
        let of = |slug: &Slug| (ArticleId(event.stream_id), slug.clone());
        match &event.event {
            Event::Drafted { slug, .. } => Keys::One(of(slug)),
            Event::SlugChanged { from, to } => Keys::Many(vec![of(from), of(to)]),
            Event::Revised { .. }
            | Event::Published { .. }
            | Event::Unpublished {}
            | Event::Featured {}
            | Event::Unfeatured {}
            | Event::Archived {}
            | Event::Restored {}
            | Event::RatedHelpful { .. }
            | Event::RatedNotHelpful { .. } => Keys::None,
        }
    }

    fn apply(row: Option<ArticleSlugRow>, key: &(ArticleId, Slug), event: &Recorded<Event>) -> Option<ArticleSlugRow> {
        let current = match &event.event {
            Event::Drafted { .. } => true,
            Event::SlugChanged { to, .. } => to == &key.1,
            Event::Revised { .. }
            | Event::Published { .. }
            | Event::Unpublished {}
            | Event::Featured {}
            | Event::Unfeatured {}
            | Event::Archived {}
            | Event::Restored {}
            | Event::RatedHelpful { .. }
            | Event::RatedNotHelpful { .. } => return row,
        };
        Some(ArticleSlugRow { article_id: key.0, slug: key.1.clone(), current, since: event.occurred_at })
    }
}

#[cfg(test)]
mod tests {
    use super::super::articles::tests::{ADA, ARTICLE, slug, story};
    use super::*;

    #[test]
    fn an_old_address_goes_on_leading_to_its_article_and_may_come_back() {
        let changed = |from: &str, to: &str| Event::SlugChanged { from: slug(from), to: slug(to) };
        let moved = story().then(ARTICLE, ADA, changed("reset", "access"));
        let current = |story: &kernel::specs::Story<Event>, text: &str| {
            let row = story.row::<ArticleSlugs>(&(ARTICLE, slug(text))).unwrap();
            assert_eq!(row.article_id, ARTICLE);
            row.current
        };
        assert!(!current(&moved, "reset") && current(&moved, "access"));
        let back = moved.then(ARTICLE, ADA, changed("access", "reset"));
        assert!(current(&back, "reset") && !current(&back, "access"));
    }
}
