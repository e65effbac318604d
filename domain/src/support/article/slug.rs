//! How an article is called in addresses.

use super::Title;
use kernel::ParseError;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// Longest slug that a title gives; a number behind it may make it longer.
const FROM_TITLE: usize = 80;
/// Longest slug.
const MAX: usize = 100;
/// What a title becomes that has no letter or digit of the Latin alphabet.
const NAMELESS: &str = "article";

/// 1 to 100 small letters without accents, digits and single hyphens between them. Unique in its tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Slug(String);

impl Slug {
    /// Checks; capital letters become small.
    ///
    /// # Errors
    /// It has another form.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let slug = text.trim().to_ascii_lowercase();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let formed = slug.len() <= MAX && slug.split('-').all(|word| !word.is_empty() && word.chars().all(allowed));
        if formed {
            Ok(Self(slug))
        } else {
            Err(ParseError::new("must have 1 to 100 of a-z, 0-9 and single hyphens between them"))
        }
    }

    /// The slug that a title would like: accents folded, words joined by hyphens, cut between words where it is long.
    pub fn of_title(title: &Title) -> Self {
        let folded = fold(title.as_str());
        let mut slug = String::with_capacity(FROM_TITLE);
        for word in folded.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            let room = FROM_TITLE - slug.len();
            if slug.is_empty() {
                slug.push_str(&word[..word.len().min(room)]);
            } else if word.len() < room {
                slug.push('-');
                slug.push_str(word);
            } else {
                break;
            }
        }
        if slug.is_empty() { Self(NAMELESS.to_owned()) } else { Self(slug) }
    }

    /// The same with a number behind it: `reset-2`.
    pub(crate) fn numbered(&self, number: usize) -> Self {
        Self(format!("{}-{number}", self.0))
    }

    /// The slug without the numbers at its end: `iphone` of `iphone-15-2`. Slugs that could ever get in each other's way
    /// have the same root.
    pub(crate) fn root(&self) -> &str {
        let mut root = self.0.as_str();
        while let Some((before, number)) = root.rsplit_once('-')
            && number.bytes().all(|byte| byte.is_ascii_digit())
        {
            root = before;
        }
        root
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Small letters without accents. Letters that only look like two, like `œ`, become two.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase) {
        match letter {
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            'ß' => folded.push_str("ss"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'þ' => folded.push_str("th"),
            'ı' => folded.push('i'),
            _ => folded.push(letter),
        }
    }
    folded
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Slug {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Slug {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX))
            .pattern(Some("^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$"))
            .into()
    }
}

impl ToSchema for Slug {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ArticleSlug")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(title: &str) -> String {
        Slug::of_title(&Title::parse(title).unwrap()).as_str().to_owned()
    }

    #[test]
    fn french_titles_become_readable_slugs() {
        for (title, slug) in [
            ("Réinitialiser l'accès", "reinitialiser-l-acces"),
            ("Réinitialiser l’accès", "reinitialiser-l-acces"),
            ("Œuvres & sœurs : ça coûte 20 €", "oeuvres-soeurs-ca-coute-20"),
            ("  À propos… (été 2026)  ", "a-propos-ete-2026"),
            ("Straße nach Łódź, ﬁn", "strasse-nach-lodz-fin"),
            ("Как сбросить", "article"),
            ("???", "article"),
        ] {
            assert_eq!(of(title), slug, "{title}");
        }
    }

    #[test]
    fn a_long_title_is_cut_between_words() {
        assert_eq!(of(&"réinitialisation ".repeat(10)), ["reinitialisation"; 4].join("-"));
        assert_eq!(of(&"é".repeat(200)), "e".repeat(80));
    }

    #[test]
    fn the_root_is_what_comes_before_the_numbers() {
        for (slug, root) in [("reset", "reset"), ("iphone-15-2", "iphone"), ("2026", "2026"), ("2026-2", "2026")] {
            assert_eq!(Slug::parse(slug).unwrap().root(), root, "{slug}");
        }
    }

    #[test]
    fn what_could_not_stand_in_an_address_is_refused() {
        for wrong in ["", "-a", "a-", "a--b", "é", "a b", "a/b", "a_b", &"a".repeat(101)] {
            assert!(Slug::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Slug::parse(" Reset-2 ").unwrap().as_str(), "reset-2");
    }

    proptest! {
        #[test]
        fn every_title_has_a_slug_that_parses_back(title in "\\PC{3,200}") {
            if let Ok(title) = Title::parse(&title) {
                let slug = Slug::of_title(&title);
                prop_assert_eq!(Slug::parse(slug.as_str()), Ok(slug.clone()));
                let numbered = slug.numbered(7);
                prop_assert_eq!(numbered.root(), slug.root());
            }
        }
    }
}
