//! Giving an article another address.

use super::{Article, Event, PUBLISH, Rejection, Slug};
use crate::support::article_slug::{self, Slugs};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Gives an article another address. The old one leads to the new one from then on, and stays the article's own: it may
/// be taken up again.
///
/// Refused with `support.article_slug_taken` where another article has, or had, that address. The address that it has
/// already changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeArticleSlug {
    /// The new address, taken literally.
    pub slug: Slug,
}

impl Command for ChangeArticleSlug {
    type Streams = (Article, Slugs);
    const NAME: &'static str = "support.change_article_slug";
    const SCOPE: Scope = PUBLISH;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> (Uuid, Uuid) {
        (target, article_slug::stream_id(&self.slug))
    }

    fn decide(&self, (article, slugs): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let page = article.at_work()?;
        if page.slug == self.slug {
            return unchanged();
        }
        let article_id = cx.target.into();
        let taken = match slugs.holder(&self.slug) {
            Some(holder) if holder == article_id => Vec::new(),
            Some(_) => return Err(Rejection::SlugTaken),
            None => vec![article_slug::Event::Taken { slug: self.slug.clone(), article_id }],
        };
        Ok(Decided::new((vec![Event::SlugChanged { from: page.slug.clone(), to: self.slug.clone() }], taken)))
    }
}
