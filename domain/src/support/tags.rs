//! Free keywords on a ticket or an article.

use kernel::{ParseError, Text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One keyword.
pub type Tag = Text<1, 50>;

/// Up to 20 different keywords, sorted; a keyword given twice is kept once. Case matters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Vec<Tag>")]
#[schema(value_type = Vec<String>, max_items = 20)]
pub struct Tags(Vec<Tag>);

impl Tags {
    /// How many keywords a thing may have.
    pub const MAX: usize = 20;

    /// Keywords from texts.
    ///
    /// # Errors
    /// One is blank or too long, or there are too many.
    pub fn parse<'a>(tags: impl IntoIterator<Item = &'a str>) -> Result<Self, ParseError> {
        tags.into_iter().map(Tag::parse).collect::<Result<Vec<Tag>, _>>()?.try_into()
    }

    /// These without those.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        Self(self.0.iter().filter(|tag| !others.0.contains(tag)).cloned().collect())
    }

    /// These and those.
    ///
    /// # Errors
    /// There are too many together.
    pub fn with(&self, others: &Self) -> Result<Self, ParseError> {
        self.0.iter().chain(&others.0).cloned().collect::<Vec<Tag>>().try_into()
    }

    /// The keywords.
    pub fn as_slice(&self) -> &[Tag] {
        &self.0
    }
}

impl TryFrom<Vec<Tag>> for Tags {
    type Error = ParseError;

    fn try_from(mut tags: Vec<Tag>) -> Result<Self, ParseError> {
        tags.sort_unstable();
        tags.dedup();
        if tags.len() > Self::MAX {
            return Err(ParseError::new(format!("must have at most {} tags, has {}", Self::MAX, tags.len())));
        }
        Ok(Self(tags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_counts_once_and_the_twenty_first_is_refused() {
        let tags = Tags::parse(["b", "a", "b"]).unwrap();
        assert_eq!(serde_json::to_value(&tags).unwrap(), serde_json::json!(["a", "b"]));
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        assert!(serde_json::from_value::<Tags>(serde_json::json!(&many[..20])).is_ok());
        assert!(serde_json::from_value::<Tags>(serde_json::json!(many)).is_err());
        assert!(serde_json::from_value::<Tags>(serde_json::json!([" "])).is_err());
    }
}
