//! Telling people, where they work and over every channel out, and other systems, by webhooks.
//!
//! Whoever wants somebody told says what about, never how it is worded: the wording belongs to the channel, in the
//! language of whoever reads it.

pub mod email;
pub mod feed;
pub mod webhook;

use kernel::{ParseError, Text};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// How somebody is greeted.
pub type RecipientName = Text<1, 100>;

/// Octets of an address at most (RFC 5321, 4.5.3.1 without the angle brackets).
const MAX_ADDRESS: usize = 254;

kernel::labelled! {
    /// In which language somebody is written to.
    #[derive(Default)]
    pub enum WrittenIn("notifications.language") {
        /// French.
        #[default]
        Fr: "fr", "French", "Français";
        /// English.
        En: "en", "English", "Anglais";
    }
}

/// A mail address as it is written on the envelope. Whether anybody reads there is not known.
///
/// Only what could break out of an envelope is refused; what an address of an account must be like is the account's
/// affair.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct MailAddress(String);

impl MailAddress {
    /// Checks.
    ///
    /// # Errors
    /// It has no local part or domain, is too long, or has white space, control characters or brackets.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let (local, domain) = text.rsplit_once('@').unwrap_or_default();
        let breaks_out = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c);
        if local.is_empty() || domain.is_empty() || text.len() > MAX_ADDRESS || text.chars().any(breaks_out) {
            return Err(ParseError::new("is not a mail address like name@example.com"));
        }
        Ok(Self(text.to_owned()))
    }

    /// An address that another context has checked more strictly than [`MailAddress::parse`] does.
    pub(crate) fn known(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for MailAddress {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for MailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for MailAddress {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
            .max_length(Some(MAX_ADDRESS))
            .into()
    }
}

impl ToSchema for MailAddress {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_an_envelope() {
        for good in ["ada@example.com", "zoé@xn--bcher-kva.example", "a+b.c!#$%&'*/=?^_`{|}~-@x"] {
            assert_eq!(MailAddress::parse(good).unwrap().as_str(), good);
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in [
            "",
            "@",
            "ada",
            "ada@",
            "@x",
            "a b@x",
            "a@x\r\nBcc: eve@x",
            "a@x\n",
            "<a@x>",
            "a@x>",
            "a,b@x",
            "\"a\"@x",
            "a\u{0}@x",
            "a\u{85}@x",
            "a\u{2028}@x",
            &long,
        ] {
            assert!(MailAddress::parse(bad).is_err(), "{bad:?}");
        }
    }
}
