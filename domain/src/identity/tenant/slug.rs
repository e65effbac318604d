//! How a tenant is called in addresses.

use kernel::ParseError;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// Longest slug: one label of a host name.
const MAX: usize = 63;
/// What addresses may need for themselves.
const KEPT: [&str; 14] = [
    "admin", "api", "app", "auth", "console", "docs", "mail", "platform", "root", "sillage", "static", "status",
    "support", "www",
];

/// 3 to 63 small letters without accents, digits and hyphens; begins with a letter, ends with none of the hyphens.
/// Could be a label of a host name. Some words are kept for Sillage itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Slug(String);

impl Slug {
    /// Checks; capital letters become small.
    ///
    /// # Errors
    /// It has another form, or is kept.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let slug = text.trim().to_ascii_lowercase();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let formed = (3..=MAX).contains(&slug.len())
            && slug.chars().all(allowed)
            && slug.starts_with(|c: char| c.is_ascii_lowercase())
            && !slug.ends_with('-')
            && !slug.contains("--");
        if !formed {
            return Err(ParseError::new("must have 3 to 63 of a-z, 0-9 and single hyphens, beginning with a letter"));
        }
        if KEPT.contains(&slug.as_str()) {
            return Err(ParseError::new("is kept for Sillage; choose another one"));
        }
        Ok(Self(slug))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
            .min_length(Some(3))
            .max_length(Some(MAX))
            .pattern(Some("^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$"))
            .into()
    }
}

impl ToSchema for Slug {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_could_be_a_label_of_a_host_name() {
        assert_eq!(Slug::parse(" Encre-Noire2 ").unwrap().as_str(), "encre-noire2");
        for text in ["", "ab", "-abc", "abc-", "a--b", "1abc", "été", "a b c", "a_b", "a.b", "admin", &"a".repeat(64)]
        {
            assert!(Slug::parse(text).is_err(), "{text}");
        }
    }
}
