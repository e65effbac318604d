//! What a file is called by whoever hands it over.

use super::kind::FileKind;
use kernel::ParseError;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use unicode_normalization::UnicodeNormalization as _;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// Bytes of a name at most: what common file systems take.
const MAX_BYTES: usize = 255;

/// Endings that some system runs or shows as a page: none may hide before the last one.
const ACTIVE: [&str; 51] = [
    "apk", "app", "asp", "aspx", "bat", "bin", "cgi", "chm", "cmd", "com", "cpl", "deb", "dll", "dmg", "elf", "exe",
    "hta", "htm", "html", "iso", "jar", "js", "jsp", "lnk", "mjs", "msi", "mht", "phar", "php", "php3", "php5",
    "phtml", "pif", "pl", "ps1", "psm1", "py", "rb", "reg", "rpm", "scr", "sh", "shtml", "svg", "svgz", "swf", "vbs",
    "wsf", "xht", "xhtml", "xml",
];

/// Names that mean a device to Windows, whatever they end in.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// A file's name, with an ending that says what it is: no path, nothing that is not seen, nothing that some system runs.
///
/// It is shown and offered when the file is downloaded; where the bytes are kept says nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct FileName(String);

impl FileName {
    /// Normalizes to NFC, trims, and checks.
    ///
    /// # Errors
    /// It is a path, holds what is not seen or turns the reading direction, ends in nothing that is taken, or could be run.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let name: String = text.trim().nfc().collect();
        if name.is_empty() || name.len() > MAX_BYTES {
            return Err(ParseError::new(format!("must have 1 to {MAX_BYTES} bytes")));
        }
        if name.contains(['/', '\\', ':']) || name.starts_with('.') || name.contains("..") {
            return Err(ParseError::new("must be a name alone, without a folder or a drive"));
        }
        if name.chars().any(is_unseen) || name.contains(['<', '>', '"', '|', '?', '*', '%']) {
            return Err(ParseError::new("has characters that a file name must not have"));
        }
        let mut parts = name.split('.').map(str::to_lowercase);
        let stem = parts.next().unwrap_or_default();
        let is_device = DEVICES.contains(&stem.trim_end())
            || (stem.len() == 4
                && (stem.starts_with("com") || stem.starts_with("lpt"))
                && stem.ends_with(|c: char| c.is_ascii_digit()));
        if stem.trim().is_empty() || is_device {
            return Err(ParseError::new("needs a name before its ending"));
        }
        let endings: Vec<String> = parts.collect();
        let Some((last, before)) = endings.split_last() else {
            return Err(ParseError::new("needs an ending, like .pdf"));
        };
        if FileKind::of_ending(last).is_none() {
            return Err(ParseError::new("ends in nothing that is taken"));
        }
        if before.iter().any(|ending| ACTIVE.contains(&ending.trim())) {
            return Err(ParseError::new("has two endings, and the first could be run"));
        }
        Ok(Self(name))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its ending says that it is.
    pub fn kind(&self) -> Option<FileKind> {
        self.0.rsplit_once('.').and_then(|(_, ending)| FileKind::of_ending(&ending.to_lowercase()))
    }
}

/// Whether a character is not seen, or changes how others are read.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As it was kept: what is refused today may have been taken yesterday. Callers' names go through [`FileName::parse`].
impl std::str::FromStr for FileName {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for FileName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).min_length(Some(5)).max_length(Some(MAX_BYTES)).into()
    }
}

impl ToSchema for FileName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_a_file_is_and_nothing_else() {
        for good in ["photo.jpg", "Facture n° 12.pdf", "rapport.2026.03.txt", "Écran (2).PNG", "a.b.c.webp", "x.jpeg"]
        {
            assert_eq!(FileName::parse(good).map(|name| name.to_string()).as_deref(), Ok(good));
        }
        assert_eq!(FileName::parse("a.JPEG").ok().and_then(|name| name.kind()), Some(FileKind::Jpeg));
        // Decomposed and composed are one name.
        assert_eq!(FileName::parse("e\u{301}.png").unwrap().as_str(), "é.png");
        let long = format!("{}.png", "a".repeat(252));
        for bad in [
            "",
            " ",
            ".",
            "..",
            ".png",
            "png",
            "a",
            "a.",
            "a.exe",
            "a.svg",
            "a.html",
            "a.zip",
            "a.docm",
            "../a.png",
            "a/b.png",
            "a\\b.png",
            "C:a.png",
            "a.png\u{0}.exe",
            "a\u{0}.png",
            "a\r\n.png",
            "\u{202e}gpj.exe.png",
            "a\u{200b}.png",
            "a.php.jpg",
            "a.PHP.jpg",
            "a.exe .png",
            "a.js.txt",
            "a.html.pdf",
            "a..png",
            "con.png",
            "NUL.txt",
            "com1.pdf",
            "a\".png",
            "a%2f.png",
            "a<b>.png",
            "~\u{2028}.txt",
            &long,
        ] {
            assert!(FileName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
