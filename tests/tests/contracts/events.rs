//! Stored events: one payload of every type in every version that ever was, and the catalogue of today's.

use crate::documented::Documented;
use crate::files::{self, HOW};
use kernel::{EventData, EventType};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::LazyLock;
use tests::catalogue::{Entry, aggregates};

const FOLDER: &str = "tests/golden/events";

/// How a stored payload stands to the one that is encoded now.
#[derive(Debug, PartialEq, Eq)]
enum Golden {
    Same,
    Missing,
    Changed,
}

fn compare(stored: Option<&Value>, now: &Value) -> Golden {
    match stored {
        None => Golden::Missing,
        Some(stored) if stored == now => Golden::Same,
        Some(_) => Golden::Changed,
    }
}

fn file_of(category: &str, event_type: &str, version: i16) -> String {
    format!("{FOLDER}/{category}/{event_type}.v{version}.json")
}

fn payload(event: &EventData) -> Value {
    serde_json::from_slice(&event.data).expect("a payload is JSON")
}

fn stored_payload(file: &str) -> Option<Value> {
    let text = fs::read(files::path(file)).ok()?;
    Some(serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{file} is not JSON: {error}")))
}

/// Writes the golden files that are missing, once, before any test reads them.
fn written() -> &'static [Entry] {
    static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        let entries = aggregates();
        for entry in entries.iter().filter(|_| files::updating()) {
            for event in &entry.examples {
                let file = file_of(entry.category, &event.event_type, event.schema_version);
                if compare(stored_payload(&file).as_ref(), &payload(event)) == Golden::Missing {
                    files::write(&file, &pretty(&payload(event)));
                }
            }
        }
        entries
    });
    &ENTRIES
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON is written to memory") + "\n"
}

/// The type and the version of `opened.v2.json`.
fn parse_name(name: &str) -> Option<(&str, i16)> {
    let (event_type, version) = name.strip_suffix(".json")?.rsplit_once(".v")?;
    let version = version.parse().ok().filter(|version: &i16| *version > 0 && !event_type.is_empty())?;
    Some((event_type, version))
}

fn names_in(folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(files::path(folder)) else { return Vec::new() };
    let names = entries.map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| !files::is_unfinished(name)).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_aggregate_is_in_the_catalogue() {
    let mut folders = BTreeSet::new();
    for context in names_in("domain/src").iter().filter(|name| *name != "processes") {
        let aggregates = names_in(&format!("domain/src/{context}"));
        let with_a_contract = |name: &&String| files::path(&format!("domain/src/{context}/{name}/mod.rs")).exists();
        folders.extend(aggregates.iter().filter(with_a_contract).map(|aggregate| format!("{context}.{aggregate}")));
    }
    let entries: BTreeSet<String> = aggregates().iter().map(|entry| entry.category.to_owned()).collect();
    assert_eq!(folders, entries, "the folders of domain/src, and the lines of tests/src/catalogue.rs");
}

#[test]
fn readers_of_all_events_know_every_category() {
    let known: Vec<&str> = domain::catalogue::categories().iter().map(|category| category.name).collect();
    let aggregates: Vec<&str> = aggregates().iter().map(|entry| entry.category).collect();
    assert_eq!(known, aggregates, "the lines of domain/src/catalogue.rs and of tests/src/catalogue.rs");
}

#[test]
fn every_event_type_has_one_example() {
    for entry in aggregates() {
        let known: Vec<&str> = entry.types.iter().map(|known| known.name).collect();
        let mut shown: Vec<&str> = entry.examples.iter().map(|event| event.event_type.as_str()).collect();
        shown.sort_by_key(|name| known.iter().position(|known| known == name));
        assert_eq!(shown, known, "{}: `Event::examples` shows every type once", entry.category);
        for (event, known) in entry.examples.iter().map(|event| (event, of_type(&entry, &event.event_type))) {
            let Value::Object(fields) = payload(event) else { panic!("{} is no object", event.event_type) };
            let empty: Vec<&str> =
                fields.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.as_str()).collect();
            let is_known = |name: &str| known.fields.iter().any(|field| field.name == name);
            let unknown: Vec<&String> = fields.keys().filter(|name| !is_known(name)).collect();
            assert!(unknown.is_empty(), "{} is read under other names: {unknown:?}", event.event_type);
            assert!(empty.len() < fields.len() || fields.is_empty(), "{} shows nothing: {empty:?}", event.event_type);
        }
    }
}

fn of_type<'a>(entry: &'a Entry, event_type: &str) -> &'a EventType {
    entry.types.iter().find(|known| known.name == event_type).expect("an example has a type")
}

#[test]
fn todays_events_are_stored_as_they_were() {
    for entry in written() {
        for event in &entry.examples {
            let version = event.schema_version;
            let file = file_of(entry.category, &event.event_type, version);
            let (stored, now) = (stored_payload(&file), payload(event));
            match compare(stored.as_ref(), &now) {
                Golden::Same => {}
                Golden::Missing => panic!("\n\n{file} is missing. `{HOW}` writes it; commit it with the event.\n"),
                Golden::Changed => panic!(
                    "\n\n{category}.{event_type} version {version} is no longer stored as it was, and the log is full of \
                     the old shape.\n\nstored: {stored}now: {now}\nIf only the example is another one, put it back. If \
                     the shape changed, add an upcaster and raise the version:\n  const UPCASTERS: &'static [Upcaster] = \
                     &[Upcaster {{ event_type: \"{event_type}\", from: {version}, lift: |old| … }}];\n(`lift: |old| old` \
                     where a field was only added that may be missing). Then `{HOW}` adds the file of version {next}; \
                     that of version {version} stays for ever.\n",
                    category = entry.category,
                    event_type = event.event_type,
                    stored = pretty(&stored.unwrap_or_default()),
                    now = pretty(&now),
                    next = version + 1,
                ),
            }
        }
    }
}

#[test]
fn events_of_every_version_can_be_read() {
    let entries = written();
    let mut read = 0;
    for category in names_in(FOLDER) {
        let entry = entries.iter().find(|entry| entry.category == category);
        let entry =
            entry.unwrap_or_else(|| panic!("{FOLDER}/{category}: logs hold its events, the code has no aggregate"));
        for name in names_in(&format!("{FOLDER}/{category}")) {
            let file = format!("{FOLDER}/{category}/{name}");
            let (event_type, version) =
                parse_name(&name).unwrap_or_else(|| panic!("{file} is not <type>.v<version>.json"));
            let data = fs::read(files::path(&file)).expect("a golden file can be read");
            let stored = EventData { event_type: event_type.to_owned(), schema_version: version, data };
            if let Err(error) = (entry.read)(&stored) {
                let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                panic!(
                    "\n\n{file}: {error}: {source}\nEvents of this shape are in the log: they must be read for ever.\n"
                );
            }
            read += 1;
        }
        for event in &entry.examples {
            for version in 1..=event.schema_version {
                let file = file_of(&category, &event.event_type, version);
                assert!(files::path(&file).exists(), "{file} is missing: every version has a file, and it stays");
            }
        }
    }
    let types: usize = entries.iter().map(|entry| entry.types.len()).sum();
    assert!(read >= types, "{read} golden files for {types} event types");
}

#[test]
fn what_cannot_be_read_is_found() {
    let entries = aggregates();
    let entry = entries.iter().find(|entry| entry.examples.len() > 3).expect("an aggregate has events");
    let good = &entry.examples[0];
    assert!((entry.read)(good).is_ok());
    for bad in [
        EventData { schema_version: good.schema_version + 1, ..good.clone() },
        EventData { event_type: "exploded".to_owned(), ..good.clone() },
        EventData { data: b"{}".to_vec(), ..good.clone() },
    ] {
        assert!((entry.read)(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_golden_file_is_same_missing_or_changed() {
    let (old, new) = (serde_json::json!({ "a": 1 }), serde_json::json!({ "a": 1, "b": null }));
    assert_eq!(compare(None, &new), Golden::Missing);
    assert_eq!(compare(Some(&new), &new), Golden::Same);
    assert_eq!(compare(Some(&old), &new), Golden::Changed);
    assert_eq!(parse_name("opened.v12.json"), Some(("opened", 12)));
    for bad in ["opened.json", "opened.v0.json", ".v1.json", "opened.v1.txt", "opened.vx.json"] {
        assert_eq!(parse_name(bad), None, "{bad}");
    }
}

#[test]
fn the_event_catalogue_is_up_to_date() {
    let mut page = format!(
        "# Events\n\nEvery event that the log can hold, as today's code stores it. Written by `{HOW}`; do not edit. \
         Payloads of every version are in `{FOLDER}`.\n"
    );
    for entry in aggregates() {
        let documented = Documented::read(&entry.category.replace('.', "/"));
        let _ = write!(page, "\n## `{}`\n", entry.category);
        for EventType { name: event_type, fields } in &entry.types {
            let example = entry.examples.iter().find(|event| event.event_type == *event_type);
            let example = example.expect("every type has an example");
            let _ = write!(page, "\n### `{event_type}`, version {}\n\n", example.schema_version);
            let _ = writeln!(page, "{}\n", documented.event(event_type));
            page += "| field | type | example | meaning |\n|---|---|---|---|\n";
            let payload = payload(example);
            for field in fields {
                let name = field.name;
                let value = payload.get(name).unwrap_or(&Value::Null).to_string().replace('|', "\\|");
                let (of_type, meaning) = documented.field(event_type, name);
                let _ = writeln!(page, "| `{name}` | `{of_type}` | `{value}` | {meaning} |");
            }
        }
    }
    files::expect_generated("docs/generated/events.md", &page);
}
