//! Text that people type: bounded, never blank, free of control characters. Parsed once, at the edge.

use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// Why a value was refused, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub Cow<'static, str>);

impl ParseError {
    /// An error with this text.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

/// Text of `MIN` to `MAX` characters (Unicode scalar values), trimmed of white space at both ends.
///
/// Control characters other than line breaks and tabs are refused: Postgres cannot store NUL, and the
/// others only ever serve to deceive a reader.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Text<MIN, MAX> {
    /// Trims and checks.
    ///
    /// # Errors
    /// The length is out of bounds, or a control character is inside.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let length = text.chars().count();
        if length < MIN {
            return Err(ParseError::new(format!("must have at least {MIN} character(s) besides white space")));
        }
        if length > MAX {
            return Err(ParseError::new(format!("must have at most {MAX} characters, has {length}")));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(ParseError::new("must not contain control characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Text<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MIN: usize, const MAX: usize> std::str::FromStr for Text<MIN, MAX> {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl<const MIN: usize, const MAX: usize> PartialSchema for Text<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(MIN)).max_length(Some(MAX)).into()
    }
}

impl<const MIN: usize, const MAX: usize> ToSchema for Text<MIN, MAX> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("Text{MIN}To{MAX}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_count_characters_not_bytes() {
        assert!(Text::<1, 3>::parse("été").is_ok());
        assert!(Text::<1, 3>::parse("étés").is_err());
        assert!(Text::<1, 3>::parse("  \n ").is_err());
    }

    #[test]
    fn control_characters_are_refused_and_line_breaks_kept() {
        assert!(Text::<1, 9>::parse("a\u{0}b").is_err());
        assert!(Text::<1, 9>::parse("a\u{202E}\u{7}b").is_err());
        assert_eq!(Text::<1, 9>::parse(" a\nb ").unwrap().as_str(), "a\nb");
    }
}
