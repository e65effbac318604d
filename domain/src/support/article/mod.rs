//! An article of the knowledge base, from its draft to the archive. This file is the stored contract.

mod archive;
mod change_slug;
mod content;
mod draft;
mod feature;
mod import;
mod publish;
mod rate;
mod rejection;
mod restore;
mod revise;
mod slug;
#[cfg(test)]
pub(super) mod specs;
mod undo_import;
mod unfeature;
mod unpublish;

pub use archive::ArchiveArticle;
pub use change_slug::ChangeArticleSlug;
pub use content::Content;
pub use draft::DraftArticle;
pub use feature::FeatureArticle;
pub use import::ImportArticle;
pub use publish::PublishArticle;
pub use rate::RateArticle;
pub use rejection::Rejection;
pub use restore::RestoreArticle;
pub use revise::ReviseArticle;
pub use slug::Slug;
pub use undo_import::UndoArticleImport;
pub use unfeature::UnfeatureArticle;
pub use unpublish::UnpublishArticle;

use chrono::{DateTime, Utc};
use kernel::{ActorId, Aggregate, Scope, Text, labelled, typed_id};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What it takes to write articles.
pub const WRITE: Scope = Scope::new("support.article:write");
/// What it takes to decide what readers see.
pub const PUBLISH: Scope = Scope::new("support.article:publish");

/// What an article is about, one line.
pub type Title = Text<3, 200>;
/// The gist of an article.
pub type Excerpt = Text<1, 500>;
/// The text of an article, in Markdown.
pub type Body = Text<1, 30_000>;
/// The heading that an article stands under, as readers see it.
pub type ArticleCategory = Text<1, 60>;

typed_id! {
    /// An article: its stream.
    pub struct ArticleId;
}

labelled! {
    /// Where an article stands.
    #[derive(Default)]
    pub enum ArticleStatus("support.article_status") {
        /// Readers do not see it.
        #[default]
        Draft: "draft", "Draft", "Brouillon";
        /// Readers see what was published last.
        Published: "published", "Published", "Publié";
        /// Put away; may be restored.
        Archived: "archived", "Archived", "Archivé";
    }
}

labelled! {
    /// In which language an article is written.
    #[derive(Default)]
    pub enum ArticleLanguage("support.article_language") {
        /// French.
        #[default]
        French: "fr" | "FR", "French", "Français";
        /// English.
        English: "en" | "EN", "English", "Anglais";
    }
}

/// What may happen to an article. Who and when are in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody began to write it. This is revision 1.
    Drafted {
        /// Its address.
        slug: Slug,
        /// What it says.
        content: Content,
        /// Who began to write it.
        author_id: ActorId,
    },
    /// It was changed. Readers see that when it is published.
    Revised {
        /// Which revision this is: 2, 3, …
        revision: i32,
        /// What it says.
        content: Content,
        /// Who wrote this revision.
        revised_by: ActorId,
    },
    /// Readers see this from now on. It is whole, so that it proves what a reader saw.
    Published {
        /// Which revision they see.
        revision: i32,
        /// Its address.
        slug: Slug,
        /// What they see.
        content: Content,
        /// Who began to write it.
        author_id: ActorId,
        /// Who wrote this revision.
        revised_by: ActorId,
        /// When readers first saw any of it: now, where this is the first time.
        first_published_at: DateTime<Utc>,
        /// How many readers have found it helpful so far.
        helpful: i32,
        /// How many have not.
        not_helpful: i32,
    },
    /// Readers do not see it any more; it is not featured any more either.
    Unpublished {},
    /// It was put in front of the others.
    Featured {},
    /// It stands among the others again.
    Unfeatured {},
    /// It has another address. The old one still leads to it.
    SlugChanged {
        /// The old one.
        from: Slug,
        /// The new one.
        to: Slug,
    },
    /// It was put away; readers do not see it any more.
    Archived {},
    /// It is a draft again.
    Restored {},
    /// A reader found it helpful.
    RatedHelpful {
        /// Which reader.
        reader_id: ActorId,
        /// What that reader had said before: whether it is helpful.
        before: Option<bool>,
    },
    /// A reader did not find it helpful.
    RatedNotHelpful {
        /// Which reader.
        reader_id: ActorId,
        /// What that reader had said before: whether it is helpful.
        before: Option<bool>,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "support.article";

    fn examples() -> Vec<Self> {
        examples()
    }
}

/// The state of an article's stream: nothing before it is drafted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    page: Option<Page>,
}

/// What decisions about an existing article depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    slug: Slug,
    content: Content,
    author_id: ActorId,
    revision: i32,
    revised_by: ActorId,
    /// The revision that readers saw last, and when they first saw any.
    published: Option<(i32, DateTime<Utc>)>,
    status: ArticleStatus,
    featured: bool,
    /// Who has said what: whether it is helpful.
    ratings: BTreeMap<ActorId, bool>,
    /// The ratings counted: helpful, and not.
    counted: (i32, i32),
}

impl Aggregate for Article {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let page = match (self.page, event) {
            (_, Event::Drafted { slug, content, author_id }) => Some(Page {
                slug: slug.clone(),
                content: content.clone(),
                author_id: *author_id,
                revision: 1,
                revised_by: *author_id,
                published: None,
                status: ArticleStatus::Draft,
                featured: false,
                ratings: BTreeMap::new(),
                counted: (0, 0),
            }),
            (page, Event::Revised { revision, content, revised_by }) => {
                page.map(|page| Page { revision: *revision, content: content.clone(), revised_by: *revised_by, ..page })
            }
            (page, Event::Published { revision, first_published_at, .. }) => page.map(|page| Page {
                published: Some((*revision, *first_published_at)),
                status: ArticleStatus::Published,
                ..page
            }),
            (page, Event::Unpublished {} | Event::Restored {}) => {
                page.map(|page| Page { status: ArticleStatus::Draft, featured: false, ..page })
            }
            (page, Event::Archived {}) => {
                page.map(|page| Page { status: ArticleStatus::Archived, featured: false, ..page })
            }
            (page, Event::Featured {}) => page.map(|page| Page { featured: true, ..page }),
            (page, Event::Unfeatured {}) => page.map(|page| Page { featured: false, ..page }),
            (page, Event::SlugChanged { to, .. }) => page.map(|page| Page { slug: to.clone(), ..page }),
            (page, Event::RatedHelpful { reader_id, before }) => page.map(|page| page.rated(*reader_id, true, *before)),
            (page, Event::RatedNotHelpful { reader_id, before }) => {
                page.map(|page| page.rated(*reader_id, false, *before))
            }
        };
        Self { page }
    }
}

impl Article {
    /// The article, where there is one.
    fn existing(&self) -> Result<&Page, Rejection> {
        self.page.as_ref().ok_or(Rejection::NotFound)
    }

    /// The article, unless it is put away.
    fn at_work(&self) -> Result<&Page, Rejection> {
        let page = self.existing()?;
        if page.status == ArticleStatus::Archived { Err(Rejection::Archived) } else { Ok(page) }
    }

    /// The article, where readers see it.
    fn shown(&self) -> Result<&Page, Rejection> {
        let page = self.existing()?;
        if page.status == ArticleStatus::Published { Ok(page) } else { Err(Rejection::NotPublished) }
    }
}

impl Page {
    fn rated(mut self, reader_id: ActorId, helpful: bool, before: Option<bool>) -> Self {
        self.ratings.insert(reader_id, helpful);
        self.counted = counted(self.counted, helpful, before);
        self
    }
}

/// The numbers of readers who find an article helpful, and who do not, after one more has said so.
pub const fn counted((helpful, not_helpful): (i32, i32), rating: bool, before: Option<bool>) -> (i32, i32) {
    let (helpful, not_helpful) = match before {
        Some(true) => (helpful - 1, not_helpful),
        Some(false) => (helpful, not_helpful - 1),
        None => (helpful, not_helpful),
    };
    if rating { (helpful + 1, not_helpful) } else { (helpful, not_helpful + 1) }
}

fn examples() -> Vec<Event> {
    let author_id = ActorId(uuid::Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0001));
    let reader_id = ActorId(uuid::Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0002));
    let slug = |text: &str| Slug::parse(text).expect("an example is valid");
    let content = |body: &str| Content {
        title: Title::parse("Réinitialiser l'accès").expect("an example is valid"),
        excerpt: Excerpt::parse("Un mot de passe oublié n'est pas perdu.").ok(),
        body: Body::parse(body).expect("an example is valid"),
        category: ArticleCategory::parse("Compte").expect("an example is valid"),
        tags: super::tags::Tags::parse(["mot de passe"]).expect("an example is valid"),
        language: ArticleLanguage::French,
    };
    vec![
        Event::Drafted { slug: slug("reinitialiser-l-acces"), content: content("Cliquez sur le lien."), author_id },
        Event::Revised { revision: 2, content: content("Cliquez sur le **lien**."), revised_by: author_id },
        Event::Published {
            revision: 2,
            slug: slug("reinitialiser-l-acces"),
            content: content("Cliquez sur le **lien**."),
            author_id,
            revised_by: author_id,
            first_published_at: DateTime::from_timestamp(1_771_066_800, 0).unwrap_or_default(),
            helpful: 0,
            not_helpful: 0,
        },
        Event::Featured {},
        Event::RatedHelpful { reader_id, before: None },
        Event::RatedNotHelpful { reader_id, before: Some(true) },
        Event::SlugChanged { from: slug("reinitialiser-l-acces"), to: slug("mot-de-passe-oublie") },
        Event::Unfeatured {},
        Event::Unpublished {},
        Event::Archived {},
        Event::Restored {},
    ]
}
