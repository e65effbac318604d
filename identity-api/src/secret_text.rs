//! Texts in request bodies that nobody may see again.

use crate::password::MAX_BYTES;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::fmt;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// A password or token in a body. Its `Debug` shows nothing, and it serializes nowhere.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretText(String);

impl SecretText {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// One that is refused where it is longer than the document says, for where nobody else would look at it.
pub(crate) fn bounded<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretText>, D::Error> {
    let text = Option::<SecretText>::deserialize(from)?;
    match &text {
        Some(text) if text.0.chars().count() > MAX_BYTES => {
            Err(D::Error::custom(format_args!("is longer than {MAX_BYTES} characters")))
        }
        _ => Ok(text),
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹redacted›")
    }
}

impl PartialSchema for SecretText {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .max_length(Some(MAX_BYTES))
            .into()
    }
}

impl ToSchema for SecretText {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_long_as_the_document_says_and_no_longer() {
        let parse = |text: String| bounded(serde_json::Value::from(text));
        assert!(parse("é".repeat(MAX_BYTES)).unwrap().is_some());
        assert!(bounded(serde_json::Value::Null).unwrap().is_none());
        let refused = parse("é".repeat(MAX_BYTES + 1)).unwrap_err().to_string();
        assert_eq!(refused, "is longer than 1024 characters", "and nothing of it is told");
    }
}
