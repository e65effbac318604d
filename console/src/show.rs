//! How values are written for people: moments, spans, where a ticket stands.

use crate::page::Page;
use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use domain::support::ticket::{TicketPriority, TicketStatus};
use kernel::{Labelled, Language};
use serde_json::Value;
use std::borrow::Borrow;

impl Page {
    /// For `lang`.
    pub(crate) const fn language_code(&self) -> &'static str {
        match self.language {
            Language::En => "en",
            Language::Fr => "fr",
        }
    }

    /// The language that it can be switched to.
    pub(crate) const fn other_language(&self) -> &'static str {
        match self.language {
            Language::En => "fr",
            Language::Fr => "en",
        }
    }

    /// A moment as HTML; the script shows it in the reader's time zone.
    pub(crate) fn when(&self, at: impl Borrow<DateTime<Utc>>) -> String {
        let at = *at.borrow();
        format!(r#"<time datetime="{}">{}</time>"#, at.format("%Y-%m-%dT%H:%M:%S%.3fZ"), moment(self.t.months, at))
    }

    /// A status as HTML.
    pub(crate) fn status(&self, status: impl Borrow<TicketStatus>) -> String {
        self.mark("status", *status.borrow())
    }

    /// A priority as HTML.
    pub(crate) fn priority(&self, priority: impl Borrow<TicketPriority>) -> String {
        self.mark("priority", *priority.borrow())
    }

    /// An enumerated value as people call it.
    pub(crate) fn label<L: Labelled>(&self, value: &L) -> &'static str {
        value.label(self.language)
    }

    /// Spellings and labels are constants of the domain.
    fn mark<L: Labelled>(&self, sort: &str, value: L) -> String {
        format!(r#"<span class="{sort} {}">{}</span>"#, value.as_str(), value.label(self.language))
    }

    /// A number with its thousands apart.
    pub(crate) fn count(&self, number: impl Borrow<i64>) -> String {
        grouped(*number.borrow(), self.t.thousands)
    }
}

/// Something that can be chosen.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
}

/// Whether this is what was chosen.
pub(crate) fn same(value: &str, chosen: &str) -> bool {
    value == chosen
}

/// All values of an enumeration, to be chosen from.
pub(crate) fn choices<L: Labelled>(language: Language) -> Vec<Choice> {
    L::ALL
        .iter()
        .map(|value| Choice { value: value.as_str().to_owned(), label: value.label(language).to_owned() })
        .collect()
}

/// `21 Nov 2026, 15:48 UTC`
fn moment(months: [&str; 12], at: DateTime<Utc>) -> String {
    let month = months[at.month0() as usize % 12];
    format!("{} {month} {}, {:02}:{:02} UTC", at.day(), at.year(), at.hour(), at.minute())
}

fn grouped(number: i64, separator: &str) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push_str(separator);
        }
        text.push(digit);
    }
    if number < 0 { format!("−{text}") } else { text }
}

/// The two largest units: `45 s`, `3 min 10 s`, `5 h 20 min`, `2 d 4 h`. The units are the same in both languages but days.
pub(crate) fn span(seconds: f64) -> String {
    const UNITS: [(f64, &str, f64, &str); 3] =
        [(86_400.0, "d", 3_600.0, "h"), (3_600.0, "h", 60.0, "min"), (60.0, "min", 1.0, "s")];
    if seconds.is_nan() || seconds < 0.0 {
        return "—".to_owned();
    }
    for (size, unit, part, name) in UNITS {
        if seconds >= size {
            let (whole, rest) = ((seconds / size).floor(), (seconds % size / part).floor());
            return if rest < 1.0 { format!("{whole} {unit}") } else { format!("{whole} {unit} {rest} {name}") };
        }
    }
    if seconds < 1.0 && seconds > 0.0 {
        format!("{} ms", (seconds * 1_000.0).round())
    } else {
        format!("{} s", seconds.floor())
    }
}

/// The end of an id, which tells it from its neighbours; its beginning is the time.
pub(crate) fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}

/// A value of a row for people: texts as they are, lists with commas, nothing for null.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spans_have_two_units() {
        let spans = [
            (0.0, "0 s"),
            (0.25, "250 ms"),
            (45.9, "45 s"),
            (60.0, "1 min"),
            (190.0, "3 min 10 s"),
            (3_600.0, "1 h"),
            (19_200.0, "5 h 20 min"),
            (187_200.0, "2 d 4 h"),
            (-1.0, "—"),
            (f64::NAN, "—"),
        ];
        for (seconds, text) in spans {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        let texts = [0, 999, 1_000, 1_234_567, -45_000].map(|number| grouped(number, " "));
        assert_eq!(texts, ["0", "999", "1 000", "1 234 567", "−45 000"]);
    }

    #[test]
    fn values_are_written() {
        assert_eq!(value(&json!(["a", 1, null, true])), "a, 1, , true");
        assert_eq!(value(&json!({"a": 1})), r#"{"a":1}"#);
        let at = "2026-11-21T05:08:09Z".parse().unwrap();
        assert_eq!(moment(crate::texts::of(Language::Fr).months, at), "21 nov. 2026, 05:08 UTC");
    }
}
