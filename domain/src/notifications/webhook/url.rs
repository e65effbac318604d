//! Where a webhook is called, and which events it is called for.

use kernel::{Event as _, ParseError, Text};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// What the people who look after a webhook call it. It names nobody.
pub type WebhookLabel = Text<1, 100>;

/// Longest URL.
const MAX_URL: usize = 2_000;
/// Patterns of one webhook at most.
const MAX_PATTERNS: usize = 50;
/// Longest pattern.
const MAX_PATTERN: usize = 120;

/// An address that is called over HTTP. Whether it may be called is not known here: that depends on where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct WebhookUrl(String);

impl WebhookUrl {
    /// Checks the form.
    ///
    /// # Errors
    /// It does not begin with `https://` or `http://`, is too long, or has white space or control characters.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        let scheme = ["https://", "http://"].into_iter().find(|scheme| begins(scheme));
        let is_long = scheme.is_some_and(|scheme| text.len() > scheme.len()) && text.len() <= MAX_URL;
        if !is_long || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(ParseError::new("is not an address like https://example.com/hooks"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WebhookUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for WebhookUrl {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("uri".to_owned())))
            .max_length(Some(MAX_URL))
            .into()
    }
}

impl ToSchema for WebhookUrl {}

/// For which events a webhook is called: 1 to 50 patterns, each once, in order. A pattern is an event type in full, like
/// `support.ticket.opened`, or begins one and ends in a star: `support.ticket.*`, `support.*`, `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EventTypes(Vec<String>);

impl EventTypes {
    /// Sorts, and drops what comes twice.
    ///
    /// # Errors
    /// There is none, there are too many, or one is no pattern.
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Result<Self, ParseError> {
        let mut patterns: Vec<String> = patterns.into_iter().collect();
        patterns.sort_unstable();
        patterns.dedup();
        if patterns.is_empty() || patterns.len() > MAX_PATTERNS {
            return Err(ParseError::new(format!("must name 1 to {MAX_PATTERNS} event types")));
        }
        if patterns.iter().any(|pattern| !is_pattern(pattern)) {
            return Err(ParseError::new("names something that is no event type; they look like notifications.email.*"));
        }
        Ok(Self(patterns))
    }

    /// The patterns, in order.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }

    /// Whether an event of this category and type is meant. Events about webhooks never are.
    pub fn matches(&self, category: &str, event_type: &str) -> bool {
        category != super::Event::CATEGORY && self.0.iter().any(|pattern| matches(pattern, category, event_type))
    }
}

/// Whether one pattern means an event of this category and type.
pub(super) fn matches(pattern: &str, category: &str, event_type: &str) -> bool {
    let full = || category.len() + 1 + event_type.len();
    match pattern.strip_suffix('*') {
        Some("") => true,
        // It ends in a dot: what begins so is below it.
        Some(start) => {
            category.starts_with(start)
                || (start.len() == category.len() + 1 && start.strip_suffix('.') == Some(category))
        }
        None => {
            pattern.len() == full()
                && pattern.strip_prefix(category).and_then(|rest| rest.strip_prefix('.')) == Some(event_type)
        }
    }
}

fn is_pattern(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
    };
    let mut parts: Vec<&str> = text.split('.').collect();
    let is_open = parts.last() == Some(&"*");
    if is_open {
        parts.pop();
    }
    text.len() <= MAX_PATTERN
        && (if is_open { parts.len() <= 2 } else { parts.len() == 3 })
        && parts.into_iter().all(is_word)
}

impl<'de> Deserialize<'de> for EventTypes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::<String>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for EventTypes {
    fn schema() -> RefOr<Schema> {
        let pattern = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_PATTERN));
        ArrayBuilder::new().items(pattern).min_items(Some(1)).max_items(Some(MAX_PATTERNS)).into()
    }
}

impl ToSchema for EventTypes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_means_everything_below() {
        let cases = [
            ("*", "desk.ticket", "opened", true),
            ("desk.*", "desk.ticket", "opened", true),
            ("desk.*", "desks.ticket", "opened", false),
            ("desk.ticket.*", "desk.ticket", "opened", true),
            ("desk.ticket.*", "desk.tickets", "opened", false),
            ("desk.ticket.*", "desk.article", "drafted", false),
            ("desk.ticket.opened", "desk.ticket", "opened", true),
            ("desk.ticket.opened", "desk.ticket", "opened_again", false),
            ("desk.ticket.opened", "desk.ticket_opened", "x", false),
            ("*", "notifications.webhook", "removed", false),
        ];
        for (pattern, category, event_type, expected) in cases {
            let types = EventTypes::new([pattern.to_owned()]).unwrap();
            assert_eq!(types.matches(category, event_type), expected, "{pattern}, {category}, {event_type}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in
            ["", "desk", "desk.ticket", "*.ticket", "desk.*.opened", "Desk.*", "a..*", "a.b.c.*", ".*", "a.b.c.d"]
        {
            assert!(EventTypes::new([wrong.to_owned()]).is_err(), "{wrong}");
        }
        assert!(EventTypes::new([]).is_err());
        assert!(EventTypes::new((0..51).map(|n| format!("a.b.c{n}"))).is_err());
        let twice = EventTypes::new(["b.*".to_owned(), "a.*".to_owned(), "b.*".to_owned()]).unwrap();
        assert_eq!(twice.patterns(), ["a.*", "b.*"]);
    }

    #[test]
    fn an_address_begins_with_its_scheme_and_has_no_white_space() {
        for fine in ["https://example.com/a?b=c", "HTTP://example.com", "https://x"] {
            assert_eq!(WebhookUrl::parse(fine).unwrap().as_str(), fine);
        }
        let long = format!("https://example.com/{}", "a".repeat(2_000));
        for wrong in
            ["", "example.com", "ftp://x", "https://", "https://a b", "https://a\n", "javascript:https://", &long]
        {
            assert!(WebhookUrl::parse(wrong).is_err(), "{wrong}");
        }
    }
}
