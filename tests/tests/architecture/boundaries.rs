//! What may know what: the pure crates know no IO, the machinery knows no business, a context knows no other.

use crate::source::{self, Source, expect_none, places};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The crates without IO, clock and randomness, and what they may depend on.
const PURE: [(&str, &[&str]); 3] = [
    ("kernel", &["chrono", "serde", "serde_json", "thiserror", "utoipa", "uuid"]),
    (
        "domain",
        &[
            "kernel",
            "chrono",
            "chrono-tz",
            "idna",
            "serde",
            "serde_json",
            "thiserror",
            "unicode-normalization",
            "utoipa",
            "uuid",
        ],
    ),
    ("read-models", &["domain", "kernel", "chrono", "serde", "serde_json", "thiserror", "utoipa", "uuid"]),
];

/// The crates that know no business, and what of the workspace they may depend on.
const MACHINERY: [(&str, &[&str]); 6] = [
    ("kernel", &[]),
    ("local-servers", &[]),
    ("event-store", &["kernel"]),
    ("file-store", &["platform"]),
    ("projector", &["kernel", "event-store", "platform"]),
    ("platform", &["kernel"]),
];

/// What a pure crate does not say: clocks, randomness, and the outside world.
const AMBIENT: [&str; 21] = [
    "Utc::now",
    "Local::now",
    "SystemTime",
    "Instant",
    "now_v1",
    "now_v6",
    "now_v7",
    "new_v4",
    "rand",
    "getrandom",
    "RandomState",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::io",
    "tokio",
    "sqlx",
    "reqwest",
    "async_nats",
];

/// Business words that are also plain English or the machinery's own, and what they mean there. These count only
/// where they qualify another word, as in `building::Event` or "support.open".
const GENERIC: [(&str, &str); 3] = [
    ("building", "a generation that is being built"),
    ("support", "no support for a version"),
    ("supports", "what a server supports"),
];

/// Names of contexts and aggregates that were the machinery's own words first, and what they mean there. The business
/// takes them up for the same things; they never count.
const MACHINERYS_OWN: [(&str, &str); 11] = [
    ("api_key", "by what a service calls; its hash is among the secrets"),
    ("email", "what the token of a link proves the reading of"),
    ("files", "what an export, an archive and a store are made of"),
    ("identity", "who calls; which log this is"),
    ("membership", "a role of Postgres within another"),
    ("operations", "what an API document describes"),
    ("projection", "what the engine keeps; the business of operators tells what was done to one"),
    ("session", "a connection to Postgres, as its manual calls it"),
    ("subject", "whom a key of personal data stands for; what NATS calls an address"),
    ("tenant", "the wall: it leads every key"),
    ("user", "a sort of actor; a role of Postgres"),
];

/// Where all contexts are named besides `processes`: the one table of roles shows what each permits in each.
const TABLE_OF_ROLES: &str = "domain/src/identity/roles.rs";

/// What serves every context, and may be named by all of them. It names none itself. A ticket and the file that is linked to it
/// change in one decision, so the one must see the other's state.
const SHARED: [&str; 1] = ["files"];

/// The dependencies of a manifest, without those that only its tests use.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if matches!(section, "[dependencies]" | "[build-dependencies]") {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if !name.is_empty() && !name.starts_with('#') {
                names.push(name);
            }
        }
    }
    names
}

fn unlisted_dependencies(path: &str, manifest: &str, among: impl Fn(&str) -> bool, allowed: &[&str]) -> Vec<String> {
    let unlisted = dependencies(manifest).into_iter().filter(|name| among(name) && !allowed.contains(name));
    unlisted.map(|name| format!("{path}: depends on {name}; it may depend on {}", allowed.join(", "))).collect()
}

fn ambient(source: &Source) -> Vec<String> {
    let found = AMBIENT.iter().flat_map(|banned| places(&source.code, banned).map(move |at| (at, banned)));
    found.map(|(at, banned)| source.finding(at, format!("{banned}: take it as an argument"))).collect()
}

/// A word of the business, in lower case and in parts: `zone_assignment` is `["zone", "assignment"]`.
type BusinessWord = Vec<String>;

/// The names of all contexts and aggregates: the folders of `domain/src`.
fn business_words(domain: &[&Source]) -> BTreeSet<BusinessWord> {
    let folders = domain.iter().flat_map(|source| source.folders()).filter(|folder| *folder != "processes");
    let own = |folder: &&str| MACHINERYS_OWN.iter().any(|(word, _)| word == folder);
    folders.filter(|folder| !own(folder)).map(|folder| folder.split('_').map(str::to_owned).collect()).collect()
}

/// One finding per line.
fn business_in(source: &Source, business: &BTreeSet<BusinessWord>) -> Vec<String> {
    let mut findings = BTreeMap::new();
    for text in [&source.code, &source.strings] {
        for (at, word) in source::words(text) {
            // The crate `test-support` lends servers to tests.
            let parts = if word == "test_support" { Vec::new() } else { parts_of(word) };
            let qualifies = qualifies(text, at + word.len());
            if let Some(found) = business.iter().find(|business| speaks_of(&parts, business, qualifies)) {
                let what = format!("`{word}`: {} is a business word", found.join(" "));
                findings.entry(source.line(at)).or_insert_with(|| source.finding(at, what));
            }
        }
    }
    findings.into_values().collect()
}

/// The parts of an identifier in lower case: `OpenTickets` and `open_tickets` are `["open", "tickets"]`.
fn parts_of(word: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut previous_is_lower = false;
    for letter in word.chars() {
        let starts = letter == '_' || (letter.is_uppercase() && previous_is_lower);
        if starts {
            parts.push(String::new());
        }
        if letter != '_' {
            parts.last_mut().expect("there is one").extend(letter.to_lowercase());
        }
        previous_is_lower = letter.is_lowercase() || letter.is_ascii_digit();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Whether the word that ends here qualifies the next one: `support::ticket`, `support.ticket`.
fn qualifies(text: &str, end: usize) -> bool {
    let is_next = |next: char| next.is_ascii_alphabetic();
    let path = text[end..].strip_prefix("::").is_some_and(|rest| rest.starts_with(is_next));
    // A full stop is followed by a space or a capital.
    path || text[end..].strip_prefix('.').is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_lowercase()))
}

fn speaks_of(parts: &[String], business: &[String], qualifies: bool) -> bool {
    let (last, first) = business.split_last().expect("a folder has a name");
    let plural = last.strip_suffix('y').map_or_else(|| format!("{last}s"), |stem| format!("{stem}ies"));
    parts.windows(business.len()).any(|window| {
        let (end, start) = window.split_last().expect("as long as the business word");
        let generic = start.is_empty() && GENERIC.iter().any(|(word, _)| word == end);
        let counts = !generic || (qualifies && parts.len() == 1);
        start == first && (end == last || *end == plural) && counts
    })
}

/// The names of all contexts.
fn contexts(domain: &[&Source]) -> BTreeSet<String> {
    let names = domain.iter().filter_map(|source| source.folders().first().map(|name| (*name).to_owned()));
    names.filter(|name| name != "processes").collect()
}

fn other_contexts(source: &Source, contexts: &BTreeSet<String>) -> Vec<String> {
    let Some(own) = source.folders().first().copied().filter(|own| contexts.contains(*own)) else { return Vec::new() };
    let is_other = |name: &&String| *name != own && !SHARED.contains(&name.as_str());
    let others = contexts.iter().filter(|name| is_other(name) && source.path != TABLE_OF_ROLES);
    let finding = |at, other: &str| {
        source.finding(at, format!("{own} names {other}: only domain/src/processes may know two contexts"))
    };
    let mut findings = Vec::new();
    for other in others {
        findings.extend(places(&source.code, other).map(|at| finding(at, other)));
        let in_strings = places(&source.strings, other).filter(|at| qualifies(&source.strings, at + other.len()));
        findings.extend(in_strings.map(|at| finding(at, other)));
    }
    findings
}

fn manifest(package: &str) -> (String, String) {
    let path = format!("{package}/Cargo.toml");
    let text = fs::read_to_string(source::root().join(&path)).expect("a crate has a manifest");
    (path, text)
}

fn of_package<'a>(sources: &'a [Source], package: &str) -> Vec<&'a Source> {
    let prefix = format!("{package}/src/");
    sources.iter().filter(|source| source.path.starts_with(&prefix)).collect()
}

#[test]
fn pure_crates_depend_on_pure_crates() {
    let findings = PURE.iter().flat_map(|(package, allowed)| {
        let (path, text) = manifest(package);
        unlisted_dependencies(&path, &text, |_| true, allowed)
    });
    expect_none(
        "kernel, domain and read-models do no IO. A new dependency that does none, reads no clock and has no \
         randomness goes on the list PURE in tests/tests/architecture/boundaries.rs; any other belongs in the crate \
         that calls the pure one.",
        &findings.collect::<Vec<_>>(),
    );
}

#[test]
fn machinery_depends_on_no_business() {
    let packages = source::packages();
    let findings = MACHINERY.iter().flat_map(|(package, allowed)| {
        let (path, text) = manifest(package);
        unlisted_dependencies(&path, &text, |name| packages.iter().any(|package| package == name), allowed)
    });
    expect_none(
        "The machinery is written once and serves every business: it may not depend on domain, read-models or a door. \
         Turn the arrow round, or pass what it needs as a type parameter.",
        &findings.collect::<Vec<_>>(),
    );
}

#[test]
fn a_manifest_can_break_the_rules() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\nserde.workspace = true\ntokio = \"1\"\n\
                    [dev-dependencies]\nsqlx = \"0.9\"\n";
    assert_eq!(unlisted_dependencies("x", manifest, |_| true, &["serde"]).len(), 1);
    assert_eq!(unlisted_dependencies("x", manifest, |name| name == "serde", &[]).len(), 1);
}

#[test]
fn pure_crates_read_no_clock_and_draw_no_lots() {
    let sources = source::workspace();
    let pure = PURE.iter().flat_map(|(package, _)| of_package(sources, package));
    expect_none(
        "Deciding, folding and showing are functions of their arguments: that makes rebuilds, as-of reads and specs \
         possible. The time and fresh ids are in `Context` and in the event's envelope.",
        &pure.flat_map(ambient).collect::<Vec<_>>(),
    );
}

#[test]
fn a_clock_in_a_pure_crate_is_found() {
    let bad = Source::new(
        "domain/src/support/ticket/open.rs",
        "// Utc::now is fine here\nlet at = chrono::Utc::now();\nlet id = Uuid::now_v7(); \"Utc::now\";\nuse std::fs;",
    );
    assert_eq!(ambient(&bad).len(), 3);
    assert!(ambient(&Source::new("domain/src/lib.rs", "let operand = brand.snow_v7;")).is_empty());
}

#[test]
fn machinery_speaks_no_business() {
    let sources = source::workspace();
    let business = business_words(&of_package(sources, "domain"));
    assert!(business.len() >= 10, "domain has more contexts and aggregates than {business:?}");
    let is_machinery = |source: &&Source| {
        let package = source.package();
        package == "migrations" || MACHINERY.iter().any(|(name, _)| *name == package)
    };
    let findings = sources.iter().filter(is_machinery).flat_map(|source| business_in(source, &business));
    expect_none(
        "kernel, event-store, projector, platform, local-servers and the migrations contain no business word, not in \
         code, strings or tests; docs may give examples. Name the thing by its role (row, stream, resource), or move \
         it to domain. A homograph goes on the list GENERIC in tests/tests/architecture/boundaries.rs, with its \
         other meaning.",
        &findings.collect::<Vec<_>>(),
    );
}

#[test]
fn a_business_word_is_found_in_every_spelling() {
    let paths = ["support/ticket/mod", "field_sales/zone_assignment/mod", "field_sales/building/mod", "q/company/mod"];
    let domain: Vec<Source> = paths.iter().map(|path| Source::new(&format!("domain/src/{path}.rs"), "")).collect();
    let business = business_words(&domain.iter().collect::<Vec<_>>());
    let found = |text: &str| business_in(&Source::new("projector/src/lane.rs", text), &business).len();
    for bad in [
        "struct OpenTickets;",
        "let ticket_id = 1;",
        "\"support.assign\"",
        "use domain::support::x;",
        "fieldSales",
        "fn field_sales() {}",
        "ZONE_ASSIGNMENT",
        "companies",
        "let buildings = 2;",
        "\"select * from tickets\"",
        "building::Event",
    ] {
        assert_eq!(found(bad), 1, "{bad}");
    }
    for good in [
        "// a ticket",
        "/// `support.ticket`",
        "struct Ticketing;",
        "\"no support for it\"",
        "test_support::database()",
        "State::Building",
        "state = 'building'",
        "let field = 1; let sales = 2;",
        "accompany",
    ] {
        assert_eq!(found(good), 0, "{good}");
    }
}

#[test]
fn a_context_names_no_other() {
    let sources = source::workspace();
    let contexts = contexts(&of_package(sources, "domain"));
    let findings = ["domain", "read-models"].into_iter().flat_map(|package| of_package(sources, package));
    expect_none(
        "A context never names another one, so that each can be read, changed and moved alone. What one does when \
         another has done something is a reactor in domain/src/processes.",
        &findings.flat_map(|source| other_contexts(source, &contexts)).collect::<Vec<_>>(),
    );
}

#[test]
fn a_context_that_names_another_is_found() {
    let contexts = ["support", "messaging"].map(str::to_owned).into();
    let found = |path, text| other_contexts(&Source::new(path, text), &contexts).len();
    let ticket = "domain/src/support/ticket/open.rs";
    assert_eq!(found(ticket, "use crate::messaging::conversation;"), 1);
    assert_eq!(found(ticket, "use crate::{messaging, support};"), 1);
    assert_eq!(found(ticket, "Scope::new(\"messaging.conversation:open\")"), 1);
    assert_eq!(found(ticket, "use crate::support::ticket; // messaging\n\"messaging\""), 0);
    assert_eq!(found("domain/src/processes/greet.rs", "use crate::{messaging, support};"), 0);
}
