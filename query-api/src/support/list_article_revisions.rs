//! The revisions of an article, for its editors.

use crate::list::List;
use kernel::{Reach, Scope};
use read_models::support::ArticleRevisions;

pub(crate) struct ListArticleRevisions;

impl List for ListArticleRevisions {
    type Model = ArticleRevisions;
    const NAME: &'static str = "support.list_article_revisions";
    const SCOPE: Scope = Scope::new("support.article:read");
    const REACH: Reach = Reach::All;
    const SORTS: &'static [&'static str] = &["-revision", "revision"];
    const PARENT: Option<&'static str> = Some("article_id");
}
