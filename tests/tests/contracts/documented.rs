//! What the source says about events: the doc comments and the types that serde does not know.

use crate::files;
use std::collections::BTreeMap;
use std::fs;

/// The doc comments of an aggregate's events, by stored name.
#[derive(Default)]
pub(crate) struct Documented {
    events: BTreeMap<String, String>,
    fields: BTreeMap<(String, String), (String, String)>,
}

impl Documented {
    /// Reads `domain/src/<folder>/mod.rs`, the stored contract, formatted as `cargo fmt` does.
    pub(crate) fn read(folder: &str) -> Self {
        let file = format!("domain/src/{folder}/mod.rs");
        let text = fs::read_to_string(files::path(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let documented = Self::parse(&text);
        assert!(!documented.events.is_empty(), "{file}: the stored contract has no `pub enum Event {{`");
        documented
    }

    fn parse(text: &str) -> Self {
        let mut documented = Self::default();
        let (mut docs, mut event) = (String::new(), String::new());
        let inside = text.lines().skip_while(|line| *line != "pub enum Event {").skip(1);
        for line in inside.take_while(|line| *line != "}") {
            let (depth, line) = (line.len() - line.trim_start().len(), line.trim());
            if let Some(doc) = line.strip_prefix("///") {
                docs.push_str(doc.trim());
                docs.push(' ');
            } else if depth == 4 && line.starts_with(char::is_uppercase) {
                event = stored_name(line.split([' ', '{']).next().unwrap_or_default());
                documented.events.insert(event.clone(), take(&mut docs));
            } else if let Some((name, of_type)) = line.trim_end_matches(',').split_once(": ").filter(|_| depth == 8) {
                let said = (of_type.to_owned(), take(&mut docs));
                documented.fields.insert((event.clone(), name.to_owned()), said);
            }
        }
        documented
    }

    /// What happened, in a sentence.
    pub(crate) fn event(&self, event_type: &str) -> &str {
        self.events.get(event_type).map_or("", String::as_str)
    }

    /// The type of a field, and what it means.
    pub(crate) fn field(&self, event_type: &str, field: &str) -> (&str, &str) {
        let said = self.fields.get(&(event_type.to_owned(), field.to_owned()));
        said.map_or(("", ""), |(of_type, docs)| (of_type.as_str(), docs.as_str()))
    }
}

/// The comment so far, in one line; the next one begins empty.
fn take(docs: &mut String) -> String {
    std::mem::take(docs).trim().to_owned()
}

/// `VisitRecorded` is `visit_recorded`, as serde renames it.
fn stored_name(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

#[test]
fn comments_are_found_by_stored_names() {
    let text = "/// Not this.\npub enum Event {\n    /// It was\n    /// named.\n    WasNamed {\n        /// How.\n        \
                name: Option<Name>,\n    },\n    /// Over.\n    Ended {},\n}\n/// Nor this.\n";
    let documented = Documented::parse(text);
    assert_eq!((documented.event("was_named"), documented.event("ended")), ("It was named.", "Over."));
    assert_eq!(documented.field("was_named", "name"), ("Option<Name>", "How."));
    assert_eq!(documented.field("ended", "name"), ("", ""));
}
