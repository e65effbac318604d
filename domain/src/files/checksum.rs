//! What the bytes of a file come to.

use kernel::ParseError;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// Letters of a SHA-256 in hexadecimal.
const LETTERS: usize = 64;

/// The SHA-256 of bytes: 64 hexadecimal digits, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Checksum(String);

impl Checksum {
    /// Checks.
    ///
    /// # Errors
    /// It has not that form.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.len() == LETTERS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError::new("is not a SHA-256: 64 hexadecimal digits, in lower case"))
        }
    }

    /// Of a digest.
    ///
    /// # Errors
    /// It has not 32 bytes.
    pub fn of(digest: &[u8]) -> Result<Self, ParseError> {
        let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        Self::parse(&digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect::<String>())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Checksum {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9a-f]{64}$")).into()
    }
}

impl ToSchema for Checksum {}
