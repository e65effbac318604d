//! The articles, for their editors.

use crate::list::{Filter, List};
use crate::search::Searched;
use domain::support::article::{ArticleCategory, ArticleLanguage, ArticleStatus, Slug};
use kernel::{Reach, Scope};
use read_models::support::Articles;

pub(crate) struct ListArticles;

impl List for ListArticles {
    type Model = Articles;
    const NAME: &'static str = "support.list_articles";
    const SCOPE: Scope = Scope::new("support.article:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[
        Filter::labelled::<ArticleStatus>("status"),
        Filter::labelled::<ArticleLanguage>("language"),
        Filter::parsed::<ArticleCategory>("category", "headings"),
        Filter::parsed::<Slug>("slug", "slugs"),
        Filter::boolean("featured"),
        Filter::id("author_id"),
    ];
    const SORTS: &'static [&'static str] = &["-updated_at", "updated_at"];
    const SEARCHED: &'static [Searched] = &[Searched::by::<Articles>()];
}
