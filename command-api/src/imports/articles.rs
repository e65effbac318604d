//! From the cells of a row to an article of the knowledge base.

use super::cells::{Cells, Clocks};
use super::file::{Flaw, RawRow};
use chrono::{DateTime, Utc};
use domain::support::article::{ArticleLanguage, ArticleStatus, DraftArticle};
use domain::support::import::{ImportField, ImportProblem};

/// An article as a row tells it.
#[derive(Clone, Debug)]
pub(super) struct ArticlePlan {
    pub(super) draft: DraftArticle,
    pub(super) created_at: DateTime<Utc>,
    /// When readers first saw it; absent for a draft.
    pub(super) published_at: Option<DateTime<Utc>>,
}

/// The article that a row tells, or everything that is wrong with it.
pub(super) fn plan(row: &RawRow, clocks: Clocks) -> Result<ArticlePlan, Vec<Flaw>> {
    let mut cells = Cells::of(row, clocks);
    let title = cells.text(ImportField::Title);
    let title = cells.needed(ImportField::Title, title);
    let excerpt = cells.text(ImportField::Excerpt);
    let body = cells.text(ImportField::Body);
    let body = cells.needed(ImportField::Body, body);
    let category = cells.text(ImportField::Category);
    let category = cells.needed(ImportField::Category, category);
    let tags = cells.tags();
    let language: ArticleLanguage = cells.value(ImportField::Language).unwrap_or_default();
    let created_at = cells.time(ImportField::CreatedAt);
    let published_at = cells.time(ImportField::PublishedAt);
    let stated: Option<ArticleStatus> = cells.value(ImportField::Status);
    let published = match stated {
        None => published_at.is_some(),
        Some(ArticleStatus::Published) => true,
        Some(ArticleStatus::Draft) => false,
        // What is put away elsewhere is left there.
        Some(ArticleStatus::Archived) => {
            cells.wrong::<()>(ImportField::Status, ImportProblem::UnknownValue);
            false
        }
    };
    if published_at.is_some() && !published {
        cells.wrong::<()>(ImportField::PublishedAt, ImportProblem::TimeWithoutStatus);
    }
    if published_at.zip(created_at).is_some_and(|(published, created)| published < created) {
        cells.wrong::<()>(ImportField::PublishedAt, ImportProblem::TimeOrder);
    }
    let created_at = created_at.or(published_at).unwrap_or(clocks.now);
    match (title, body, category) {
        (Some(title), Some(body), Some(category)) if cells.is_flawless() => Ok(ArticlePlan {
            draft: DraftArticle { title, excerpt, body, category, tags, language },
            created_at,
            published_at: published.then_some(published_at.unwrap_or(created_at)),
        }),
        _ => Err(cells.into_flaws()),
    }
}
