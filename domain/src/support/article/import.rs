//! Bringing an article in from elsewhere.

use super::{Article, DraftArticle, Event, Rejection};
use crate::support::article_slug::{self, Slugs};
use crate::support::import::{Import, ImportId, RUN};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Brings an article in as a draft. Nobody asks for it by itself: an import does, of each of its rows, at the time when it was
/// written; it is published as any draft is.
///
/// Refused with `support.article_import_over` where the import does not run (any more).
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportArticle {
    /// The import.
    pub import_id: ImportId,
    /// What it says.
    pub article: DraftArticle,
}

impl Command for ImportArticle {
    /// The import is read in the append: once it is rolled back, nothing more is made by it.
    type Streams = (Article, Slugs, Import);
    const NAME: &'static str = "support.import_article";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid, Uuid) {
        let (article, slugs) = self.article.streams(target, cx);
        (article, slugs, self.import_id.0)
    }

    fn decide(&self, (article, slugs, import): View<'_, Self>, cx: &Context) -> Decision<Self> {
        if !import.is_running() {
            return Err(Rejection::ImportOver);
        }
        let (drafted, taken): (Vec<Event>, Vec<article_slug::Event>) =
            self.article.decide((article, slugs), cx)?.events;
        Ok(Decided::new((drafted, taken, Vec::new())))
    }
}
