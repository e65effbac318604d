//! Putting an article away with the import that made it.

use super::{Article, ArticleStatus, Event, Rejection};
use crate::support::import::RUN;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Archives an article with the import that made it, unless somebody has worked on it since: revised it, taken it back,
/// featured or rated it. Nobody asks for it by itself: rolling an import back does, of what has the import's own ids.
///
/// What is archived, or not there, changes nothing. Refused with `support.article_import_touched` where somebody has.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoArticleImport {}

impl Command for UndoArticleImport {
    type Streams = Article;
    const NAME: &'static str = "support.undo_article_import";
    const SCOPE: Scope = RUN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, article: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let Some(page) = &article.page else { return unchanged() };
        let was_taken_back = page.status == ArticleStatus::Draft && page.published.is_some();
        if page.revision > 1 || page.featured || !page.ratings.is_empty() || was_taken_back {
            return Err(Rejection::ImportTouched);
        }
        if page.status == ArticleStatus::Archived {
            return unchanged();
        }
        Ok(Decided::from(Event::Archived {}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DraftArticle, ImportArticle};
    use super::*;
    use crate::support::article_slug::Slugs;
    use crate::support::import::{self, Import, ImportId};
    use kernel::specs::{context, given, state_of};
    use kernel::{ActorId, Event as _};
    use serde_json::json;

    fn cx() -> Context {
        context(ActorId(Uuid::from_u128(0x0111)), Uuid::from_u128(0xa), &[RUN.as_str()])
    }

    fn import() -> ImportArticle {
        let draft = json!({"title": "Réinitialiser l'accès", "body": "Cliquez.", "category": "Compte"});
        let article: DraftArticle = serde_json::from_value(draft).unwrap();
        ImportArticle { import_id: ImportId(Uuid::from_u128(1)), article }
    }

    #[test]
    fn a_running_import_drafts_and_one_that_is_over_does_not() {
        let (article, slugs) = (Article::default(), Slugs::default());
        let after = |events: usize| -> Import { state_of(import::Event::examples().into_iter().take(events)) };
        let (drafted, taken, told) = import().decide((&article, &slugs, &after(1)), &cx()).unwrap().events;
        assert!(matches!(drafted[..], [Event::Drafted { .. }]) && taken.len() == 1 && told.is_empty());
        for over in [0, 3, 4] {
            let refused = import().decide((&article, &slugs, &after(over)), &cx()).unwrap_err();
            assert_eq!(refused, Rejection::ImportOver);
        }
    }

    #[test]
    fn an_untouched_article_is_archived_and_one_that_was_worked_on_is_left() {
        let examples = || Event::examples().into_iter();
        let undo = UndoArticleImport {};
        let drafted = || examples().take(1).collect::<Vec<_>>();
        let first = |event: Event| match event {
            Event::Published { slug, content, author_id, revised_by, first_published_at, .. } => Event::Published {
                revision: 1,
                slug,
                content,
                author_id,
                revised_by,
                first_published_at,
                helpful: 0,
                not_helpful: 0,
            },
            other => other,
        };
        let published = || drafted().into_iter().chain(examples().skip(2).take(1).map(first));
        given(drafted()).when(&undo, &cx()).answers([Event::Archived {}]);
        given(published()).when(&undo, &cx()).answers([Event::Archived {}]);
        given([]).when(&undo, &cx()).changes_nothing();
        given(drafted().into_iter().chain([Event::Archived {}])).when(&undo, &cx()).changes_nothing();
        given(examples().take(2)).when(&undo, &cx()).is_rejected(&Rejection::ImportTouched);
        given(published().chain([Event::Unpublished {}])).when(&undo, &cx()).is_rejected(&Rejection::ImportTouched);
        let rated = examples().find(|event| matches!(event, Event::RatedHelpful { .. }));
        given(published().chain(rated)).when(&undo, &cx()).is_rejected(&Rejection::ImportTouched);
    }
}
