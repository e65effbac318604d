//! An article, for its editors.

use crate::detail::Detail;
use domain::support::article;
use kernel::{Event as _, Reach, Scope, Version};
use read_models::support::{ArticleRow, Articles};
use uuid::Uuid;

pub(crate) struct GetArticle;

impl Detail for GetArticle {
    type Model = Articles;
    const NAME: &'static str = "support.get_article";
    const SCOPE: Scope = Scope::new("support.article:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("support.article:read");

    fn streams(_row: &ArticleRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(article::Event::CATEGORY, id)]
    }

    fn version(row: &ArticleRow) -> Option<Version> {
        Some(row.version)
    }
}
