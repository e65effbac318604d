//! The stored form of personal data.

use crate::ids::SubjectId;
use crate::text::ParseError;
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;
use uuid::Uuid;

/// `v1:`.
const PREFIX: &str = "v1:";
/// Characters of a hyphenated UUID.
const UUID: usize = 36;
/// Characters of base64url that the shortest ciphertext has: 12 bytes of nonce, 16 of tag.
const SHORTEST: usize = 38;
/// The key version that only specs use; no key ever has it.
const SPEC: u32 = 0;

/// Encrypted text as it is stored: `v1:<subject>:<key version>:<nonce and ciphertext, base64url without padding>`.
///
/// Cheap to clone. That it is well-formed says nothing about whether a key opens it. It holds no clear text, so it may be
/// printed, compared and hashed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed(Arc<str>);

impl Sealed {
    /// Puts the parts together; `ciphertext` is base64url without padding.
    ///
    /// # Errors
    /// The ciphertext is not one.
    pub fn new(subject: SubjectId, key_version: u32, ciphertext: &str) -> Result<Self, ParseError> {
        Self::parse(&format!("{PREFIX}{subject}:{key_version}:{ciphertext}"))
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// It is damaged, or of a version that this build does not know.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if Self::parts(text).is_some_and(|(_, _, ciphertext)| is_ciphertext(ciphertext)) {
            Ok(Self(text.into()))
        } else {
            Err(ParseError::new("is not sealed personal data of version 1"))
        }
    }

    /// The stored form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whom it is about.
    pub fn subject(&self) -> SubjectId {
        Self::parts(&self.0).map_or(SubjectId(Uuid::nil()), |(subject, ..)| subject)
    }

    /// Which version of the subject's key sealed it.
    pub fn key_version(&self) -> u32 {
        Self::parts(&self.0).map_or(SPEC, |(_, version, _)| version)
    }

    /// Nonce and ciphertext, base64url without padding.
    pub fn ciphertext(&self) -> &str {
        Self::parts(&self.0).map_or("", |(.., ciphertext)| ciphertext)
    }

    fn parts(text: &str) -> Option<(SubjectId, u32, &str)> {
        let rest = text.strip_prefix(PREFIX)?;
        let (subject, rest) = rest.split_at_checked(UUID)?;
        let (version, ciphertext) = rest.strip_prefix(':')?.split_once(':')?;
        // One spelling per value, so that equal things are equal texts.
        let canonical = |number: &u32| number.to_string() == version;
        let version = version.parse().ok().filter(canonical)?;
        let lower_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c) || c == b'-';
        let subject = subject.bytes().all(lower_hex).then(|| subject.parse().ok())??;
        Some((SubjectId(subject), version, ciphertext))
    }

    /// What specs seal with: nothing is hidden. The form is like any other, and no vault opens it.
    pub(crate) fn of_spec(subject: SubjectId, text: &str) -> Self {
        let mut sealed = format!("{PREFIX}{subject}:{SPEC}:{}", "A".repeat(SHORTEST));
        for byte in text.bytes() {
            // Writing to a String cannot fail.
            let _ = write!(sealed, "{byte:02x}");
        }
        Self(sealed.into())
    }

    /// Subject and clear text of what a spec sealed.
    pub(crate) fn open_spec(&self) -> Option<(SubjectId, String)> {
        let (subject, SPEC, ciphertext) = Self::parts(&self.0)? else { return None };
        let hex = ciphertext.get(SHORTEST..)?;
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok());
        let text = String::from_utf8(bytes.collect::<Option<_>>()?).ok()?;
        Some((subject, text))
    }
}

/// Whether the characters are base64url without padding, and enough for nonce and tag.
fn is_ciphertext(text: &str) -> bool {
    // A length of 4n + 1 is no whole number of bytes.
    text.len() >= SHORTEST
        && text.len() % 4 != 1
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
