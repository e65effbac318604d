//! The addresses of articles that could get in each other's way: those with the same root. This file is the stored
//! contract.
//!
//! An article that needs an address writes this stream in the same append. Its version check lets one article at a time
//! take the next free number, so that articles with the same title get different addresses without asking twice.
//! An address is never given back: links that people have kept must not lead elsewhere.

use super::article::{self, ArticleId, Slug};
use kernel::Aggregate;
use kernel::ids::derived;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Under which the streams' ids are derived.
const NAMESPACE: Uuid = Uuid::from_u128(0x5c1b_5d37_0d1f_4f0c_9a44_61ad_3b0e_77a5);

/// What may happen to addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An article took one, for ever.
    Taken {
        /// The address.
        slug: Slug,
        /// Whose it is.
        article_id: ArticleId,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "support.article_slug";

    fn examples() -> Vec<Self> {
        let article_id = ArticleId(Uuid::from_u128(0x5000_0000_0000_4000_8000_0000_0000_0020));
        vec![Self::Taken { slug: Slug::parse("reinitialiser-l-acces-2").expect("an example is valid"), article_id }]
    }
}

/// All addresses of one root, and whose they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slugs {
    taken: BTreeMap<String, ArticleId>,
}

impl Aggregate for Slugs {
    type Event = Event;
    type Rejection = article::Rejection;

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::Taken { slug, article_id } => {
                self.taken.entry(slug.as_str().to_owned()).or_insert(*article_id);
            }
        }
        self
    }
}

impl Slugs {
    /// Whose address this is.
    pub fn holder(&self, slug: &Slug) -> Option<ArticleId> {
        self.taken.get(slug.as_str()).copied()
    }

    /// The slug itself, or the first number behind it that is free.
    pub fn free(&self, wanted: &Slug) -> Slug {
        if self.holder(wanted).is_none() {
            return wanted.clone();
        }
        let numbers = 2..=self.taken.len() + 2;
        let mut candidates = numbers.map(|number| wanted.numbered(number));
        candidates.find(|slug| self.holder(slug).is_none()).unwrap_or_else(|| wanted.clone())
    }
}

/// The stream in which a slug's root is kept. Streams are a tenant's own, so the root alone names it.
pub fn stream_id(slug: &Slug) -> Uuid {
    derived(NAMESPACE, slug.root())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slug(text: &str) -> Slug {
        Slug::parse(text).unwrap()
    }

    fn taken(slugs: Slugs, slug: &Slug) -> Slugs {
        slugs.evolve(&Event::Taken { slug: slug.clone(), article_id: ArticleId(Uuid::from_u128(1)) })
    }

    #[test]
    fn the_first_free_number_is_taken() {
        let slugs =
            ["reset", "reset-2", "reset-4"].iter().fold(Slugs::default(), |slugs, text| taken(slugs, &slug(text)));
        assert_eq!(slugs.free(&slug("reset")).as_str(), "reset-3");
        assert_eq!(slugs.free(&slug("reset-3")).as_str(), "reset-3");
        assert_eq!(slugs.free(&slug("reset-2")).as_str(), "reset-2-2");
    }

    #[test]
    fn slugs_that_could_meet_share_a_stream() {
        assert_eq!(stream_id(&slug("iphone")), stream_id(&slug("iphone-15-2")));
        assert_ne!(stream_id(&slug("iphone")), stream_id(&slug("iphones")));
    }

    proptest! {
        /// Whatever is wanted in whatever order: what is given is of the wanted slug's stream, and was never given before.
        #[test]
        fn no_slug_is_given_twice(wanted in prop::collection::vec("(a|b)(-[1-3]){0,2}", 1..60)) {
            let mut streams: BTreeMap<Uuid, Slugs> = BTreeMap::new();
            let mut given = std::collections::BTreeSet::new();
            for text in wanted {
                let wanted = slug(&text);
                let slugs = streams.remove(&stream_id(&wanted)).unwrap_or_default();
                let free = slugs.free(&wanted);
                prop_assert_eq!(stream_id(&free), stream_id(&wanted));
                prop_assert!(given.insert(free.clone()), "{} twice", free);
                streams.insert(stream_id(&wanted), taken(slugs, &free));
            }
        }
    }
}
