//! What an article's commands are given and answer, and what every sequence of them must keep.

use super::*;
use crate::support::article_slug::{self, Slugs};
use crate::support::tags::Tags;
use kernel::specs::{Then, context, given, noon, state_of};
use kernel::{Command, Context, Labelled};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

const ADA: ActorId = ActorId(Uuid::from_u128(0xada));
const BOB: ActorId = ActorId(Uuid::from_u128(0xb0b));
const ARTICLE: Uuid = Uuid::from_u128(0xa27);

fn cx(actor: ActorId) -> Context {
    context(actor, ARTICLE, &[])
}

fn content(body: &str) -> Content {
    Content {
        title: Title::parse("Réinitialiser l'accès").unwrap(),
        excerpt: None,
        body: Body::parse(body).unwrap(),
        category: ArticleCategory::parse("Compte").unwrap(),
        tags: Tags::default(),
        language: ArticleLanguage::French,
    }
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

fn drafted() -> Event {
    Event::Drafted { slug: slug("reinitialiser-l-acces"), content: content("One."), author_id: ADA }
}

fn revised(revision: i32, body: &str) -> Event {
    Event::Revised { revision, content: content(body), revised_by: BOB }
}

fn published(revision: i32, body: &str, revised_by: ActorId) -> Event {
    Event::Published {
        revision,
        slug: slug("reinitialiser-l-acces"),
        content: content(body),
        author_id: ADA,
        revised_by,
        first_published_at: noon(),
        helpful: 0,
        not_helpful: 0,
    }
}

fn draft() -> DraftArticle {
    serde_json::from_value(json!({"title": "Réinitialiser l'accès", "body": "One.", "category": "Compte"})).unwrap()
}

fn revise(body: &str) -> ReviseArticle {
    serde_json::from_value(json!({"title": "Réinitialiser l'accès", "body": body, "category": "Compte"})).unwrap()
}

fn taken(text: &str, article_id: Uuid) -> article_slug::Event {
    article_slug::Event::Taken { slug: slug(text), article_id: article_id.into() }
}

#[test]
fn a_title_gives_the_address_and_the_next_one_a_number() {
    for (before, expected) in
        [(vec![], "reinitialiser-l-acces"), (vec![taken("reinitialiser-l-acces", BOB.0)], "reinitialiser-l-acces-2")]
    {
        let slugs: Slugs = state_of(before);
        let (events, reserved) =
            Then::<DraftArticle>::of(draft().decide((&Article::default(), &slugs), &cx(ADA))).accepted().events;
        assert_eq!(events, [Event::Drafted { slug: slug(expected), content: content("One."), author_id: ADA }]);
        assert_eq!(reserved, [taken(expected, ARTICLE)]);
    }
    let there: Article = state_of([drafted()]);
    Then::<DraftArticle>::of(draft().decide((&there, &Slugs::default()), &cx(ADA)))
        .is_rejected(&Rejection::AlreadyDrafted);
}

#[test]
fn another_address_leaves_the_old_one_to_the_article() {
    let article: Article = state_of([drafted()]);
    let change = |to: &str, slugs: Vec<article_slug::Event>| {
        let command = ChangeArticleSlug { slug: slug(to) };
        Then::<ChangeArticleSlug>::of(command.decide((&article, &state_of::<Slugs>(slugs)), &cx(ADA)))
    };
    let moved = |to| vec![Event::SlugChanged { from: slug("reinitialiser-l-acces"), to: slug(to) }];
    assert_eq!(change("reset", vec![]).accepted().events, (moved("reset"), vec![taken("reset", ARTICLE)]));
    assert_eq!(change("reset", vec![taken("reset", ARTICLE)]).accepted().events, (moved("reset"), vec![]));
    assert_eq!(change("reinitialiser-l-acces", vec![]).accepted().events, (vec![], vec![]));
    change("reset", vec![taken("reset", BOB.0)]).is_rejected(&Rejection::SlugTaken);
}

#[test]
fn a_revision_is_seen_when_it_is_published() {
    given([drafted()]).when(&PublishArticle {}, &cx(ADA)).answers([published(1, "One.", ADA)]);
    given([drafted(), published(1, "One.", ADA)]).when(&PublishArticle {}, &cx(ADA)).changes_nothing();
    let later = Context { now: noon() + chrono::TimeDelta::days(1), ..cx(ADA) };
    given([drafted(), published(1, "One.", ADA), revised(2, "Two.")])
        .when(&PublishArticle {}, &later)
        .answers([published(2, "Two.", BOB)]);
    given([drafted(), published(1, "One.", ADA), Event::Unpublished {}])
        .when(&PublishArticle {}, &later)
        .answers([published(1, "One.", ADA)]);
}

#[test]
fn the_same_words_are_no_revision() {
    given([drafted()]).when(&revise("One."), &cx(BOB)).changes_nothing();
    given([drafted()]).when(&revise("Two."), &cx(BOB)).answers([revised(2, "Two.")]);
}

#[test]
fn only_what_readers_see_is_featured_and_rated() {
    let seen = || [drafted(), published(1, "One.", ADA)];
    let hidden = || [drafted(), published(1, "One.", ADA), Event::Unpublished {}];
    given(seen()).when(&FeatureArticle {}, &cx(ADA)).answers([Event::Featured {}]);
    given(seen().into_iter().chain([Event::Featured {}])).when(&FeatureArticle {}, &cx(ADA)).changes_nothing();
    given(hidden()).when(&FeatureArticle {}, &cx(ADA)).is_rejected(&Rejection::NotPublished);
    given(hidden()).when(&RateArticle { helpful: true }, &cx(BOB)).is_rejected(&Rejection::NotPublished);
    given([drafted(), published(1, "One.", ADA), Event::Featured {}, Event::Unpublished {}])
        .when(&UnfeatureArticle {}, &cx(ADA))
        .changes_nothing();
}

#[test]
fn a_reader_has_one_word_and_may_change_his_mind() {
    let helpful = Event::RatedHelpful { reader_id: BOB, before: None };
    let seen = || [drafted(), published(1, "One.", ADA)];
    given(seen()).when(&RateArticle { helpful: true }, &cx(BOB)).answers([helpful.clone()]);
    given(seen().into_iter().chain([helpful.clone()])).when(&RateArticle { helpful: true }, &cx(BOB)).changes_nothing();
    given(seen().into_iter().chain([helpful]))
        .when(&RateArticle { helpful: false }, &cx(BOB))
        .answers([Event::RatedNotHelpful { reader_id: BOB, before: Some(true) }]);
    assert_eq!(counted(counted((0, 0), true, None), false, Some(true)), (0, 1));
}

#[test]
fn an_archived_article_takes_nothing_but_its_restoration() {
    let archived = || [drafted(), Event::Archived {}];
    given(archived()).when(&revise("Two."), &cx(ADA)).is_rejected(&Rejection::Archived);
    given(archived()).when(&PublishArticle {}, &cx(ADA)).is_rejected(&Rejection::Archived);
    given(archived()).when(&UnpublishArticle {}, &cx(ADA)).is_rejected(&Rejection::Archived);
    given(archived()).when(&ArchiveArticle {}, &cx(ADA)).changes_nothing();
    given(archived()).when(&RestoreArticle {}, &cx(ADA)).answers([Event::Restored {}]);
    given([drafted()]).when(&RestoreArticle {}, &cx(ADA)).changes_nothing();
    given([drafted()]).when(&ArchiveArticle {}, &cx(ADA)).answers([Event::Archived {}]);
}

#[test]
fn a_missing_article_is_not_found() {
    given([]).when(&revise("Two."), &cx(ADA)).is_rejected(&Rejection::NotFound);
    given([]).when(&PublishArticle {}, &cx(ADA)).is_rejected(&Rejection::NotFound);
    given([]).when(&RateArticle { helpful: true }, &cx(ADA)).is_rejected(&Rejection::NotFound);
    given([]).when(&ArchiveArticle {}, &cx(ADA)).is_rejected(&Rejection::NotFound);
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Revise(u8),
    Publish,
    Unpublish,
    Feature,
    Unfeature,
    Archive,
    Restore,
    Rate(bool, bool),
}

impl Deed {
    fn decide(self, article: &Article) -> Result<Vec<Event>, Rejection> {
        let rater = |ada| if ada { ADA } else { BOB };
        let decided = match self {
            Self::Revise(n) => revise(&format!("Text {n}")).decide(article, &cx(ADA)),
            Self::Publish => PublishArticle {}.decide(article, &cx(ADA)),
            Self::Unpublish => UnpublishArticle {}.decide(article, &cx(ADA)),
            Self::Feature => FeatureArticle {}.decide(article, &cx(ADA)),
            Self::Unfeature => UnfeatureArticle {}.decide(article, &cx(ADA)),
            Self::Archive => ArchiveArticle {}.decide(article, &cx(ADA)),
            Self::Restore => RestoreArticle {}.decide(article, &cx(ADA)),
            Self::Rate(ada, helpful) => RateArticle { helpful }.decide(article, &cx(rater(ada))),
        };
        decided.map(|decided| decided.events)
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (0..3_u8).prop_map(Deed::Revise),
        Just(Deed::Publish),
        Just(Deed::Unpublish),
        Just(Deed::Feature),
        Just(Deed::Unfeature),
        Just(Deed::Archive),
        Just(Deed::Restore),
        any::<(bool, bool)>().prop_map(|(ada, helpful)| Deed::Rate(ada, helpful)),
    ]
}

proptest! {
    #[test]
    fn whatever_is_done_an_article_stays_consistent(deeds in prop::collection::vec(deed(), 0..40)) {
        let mut article: Article = state_of([drafted()]);
        for deed in deeds {
            let Ok(events) = deed.decide(&article) else { continue };
            article = events.iter().fold(article, Aggregate::evolve);
            prop_assert_eq!(deed.decide(&article).map_err(|rejection| rejection.to_string()), Ok(Vec::new()), "repeated");
            let page = article.page.clone().unwrap();
            prop_assert!(!page.featured || page.status == ArticleStatus::Published);
            prop_assert!(page.published.is_none_or(|(revision, _)| revision <= page.revision));
            prop_assert!(page.status != ArticleStatus::Published || page.published.is_some());
            let helpful = page.ratings.values().filter(|helpful| **helpful).count();
            let counted = (i32::try_from(helpful).unwrap(), i32::try_from(page.ratings.len() - helpful).unwrap());
            prop_assert_eq!(page.counted, counted);
        }
    }
}

#[test]
fn statuses_have_names_for_people() {
    assert_eq!(ArticleStatus::ALL.len(), 3);
    assert_eq!(ArticleLanguage::French.as_str(), "fr");
}
