//! How a person is named and reached: e-mail address, phone number, names; and from where he signs in.

use super::Locale;
use kernel::{ParseError, Personal, Text};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// A given name or a family name.
pub type PersonName = Text<1, 100>;
/// The network address that somebody signs in from.
pub type ClientAddress = Text<1, 45>;
/// What a browser or an app calls itself.
pub type UserAgent = Text<1, 300>;

/// Octets of the part before the `@` at most (RFC 5321, 4.5.3.1).
const MAX_LOCAL: usize = 64;
/// Octets of an address at most (RFC 5321, 4.5.3.1 without the angle brackets).
const MAX_ADDRESS: usize = 254;

/// An e-mail address in the one form in which it is stored and compared.
///
/// Both parts are in Unicode form NFC and in lower case, the domain in its IDNA form (`xn--…`). RFC 5321 lets a
/// server tell `Ada@` from `ada@`; none that people use does, and two accounts that differ in nothing else are a trap.
/// Quoted local parts and addresses of IP literals are refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Normalises and checks.
    ///
    /// # Errors
    /// It is not an address that a mail can be sent to.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let refused = || ParseError::new("is not an e-mail address like name@example.com");
        let (local, domain) = text.trim().rsplit_once('@').ok_or_else(refused)?;
        let local: String = local.nfc().collect::<String>().to_lowercase().nfc().collect();
        let allowed = |c: char| c.is_alphanumeric() || (c.is_ascii() && "!#$%&'*+-/=?^_`{|}~.".contains(c));
        let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
        if local.is_empty() || local.len() > MAX_LOCAL || dots || !local.chars().all(allowed) {
            return Err(refused());
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| refused())?;
        let labels = domain.split('.').count();
        let numeric = domain.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
        if labels < 2 || numeric || domain.ends_with('.') {
            return Err(refused());
        }
        let address = format!("{local}@{domain}");
        if address.len() > MAX_ADDRESS {
            return Err(ParseError::new(format!("must have at most {MAX_ADDRESS} bytes")));
        }
        Ok(Self(address))
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for EmailAddress {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for EmailAddress {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
            .max_length(Some(MAX_ADDRESS))
            .into()
    }
}

impl ToSchema for EmailAddress {}

/// A phone number in E.164 form: `+33612345678`. Spaces, dots, hyphens and brackets are dropped; the country's
/// number is never guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Normalises and checks.
    ///
    /// # Errors
    /// It does not begin with `+` and the country's number, or has not 8 to 15 digits.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let digits: String = text.trim().chars().filter(|c| !" .-()\u{a0}\u{202f}".contains(*c)).collect();
        let number = digits.strip_prefix('+').unwrap_or_default();
        let valid =
            (8..=15).contains(&number.len()) && number.chars().all(|c| c.is_ascii_digit()) && !number.starts_with('0');
        if valid { Ok(Self(digits)) } else { Err(ParseError::new("is not a phone number like +33 6 12 34 56 78")) }
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for PhoneNumber {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for PhoneNumber {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(9)).max_length(Some(32)).into()
    }
}

impl ToSchema for PhoneNumber {}

/// To whom a mail about a fact goes: as it was known at that time, so that the mail follows from the event alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The address.
    pub email: Personal<EmailAddress>,
    /// How to greet; absent where only the address is known.
    pub given_name: Option<Personal<PersonName>>,
    /// In which language.
    pub locale: Locale,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one() {
        for text in ["ada@example.com", " Ada@Example.COM ", "ADA@EXAMPLE.com"] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), "ada@example.com");
        }
        let composed = EmailAddress::parse("zo\u{e9}@b\u{fc}cher.example").unwrap();
        assert_eq!(composed, EmailAddress::parse("ZOE\u{301}@BU\u{308}CHER.example").unwrap());
        assert_eq!(composed, EmailAddress::parse("zoé@xn--bcher-kva.example").unwrap());
        assert_eq!(composed.as_str(), "zoé@xn--bcher-kva.example");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "a b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "a.@example.com",
            "\"a\"@example.com",
            "a@b@example.com",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@-b.com",
            "a@b_c.com",
            "a@b..com",
            "a@b.com.",
            "a\u{0}@b.com",
            "a\r\nTo: x@b.com",
            "<a@b.com>",
            &long,
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_phone_number_says_its_country() {
        assert_eq!(PhoneNumber::parse("+33 (6) 12-34.56 78").unwrap().as_str(), "+33612345678");
        for text in ["0612345678", "+33", "+0612345678", "+33612345678901234", "+33 six"] {
            assert!(PhoneNumber::parse(text).is_err(), "{text}");
        }
    }
}
