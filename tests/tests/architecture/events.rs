//! Events are never passed over: no wildcard arm where they are folded or shown.

use crate::reading::functions;
use crate::source::{self, Source, expect_none};

/// The functions that see every event.
const FOLDS: [&str; 3] = ["evolve", "keys", "apply"];

/// The arms in `evolve`, `keys` and `apply` that take whatever is left.
fn wildcard_arms(source: &Source) -> Vec<String> {
    let folds = functions(source).into_iter().filter(|(name, _, _)| FOLDS.contains(name));
    let found = folds.flat_map(|(name, from, to)| {
        let arms = arms(&source.code, from, to).filter(|(_, pattern)| takes_the_rest(pattern));
        arms.map(move |(at, pattern)| {
            source
                .finding(at, format!("`{pattern} =>` in {name}: name the events, so that a new one is a compile error"))
        })
    });
    found.collect()
}

/// The patterns of the match arms in a stretch of code: what stands on the line before `=>`.
fn arms(code: &str, from: usize, to: usize) -> impl Iterator<Item = (usize, &str)> {
    code[from..to].match_indices("=>").map(move |(arrow, _)| {
        let before = &code[from..from + arrow];
        let start = before.rfind(['\n', '{']).map_or(0, |at| at + 1);
        let pattern = before[start..].trim();
        (from + arrow - 1, pattern)
    })
}

/// Whether a pattern lets any event in: `_`, a bare name, a tuple with one of these at its end, with or without `if`.
fn takes_the_rest(pattern: &str) -> bool {
    let pattern = pattern.split(" if ").next().unwrap_or_default().trim();
    let last = match pattern.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => inner.rsplit(',').find(|part| !part.trim().is_empty()).unwrap_or_default(),
        None => pattern,
    };
    let last = last.trim().trim_start_matches("ref ").trim_start_matches('|').trim();
    last.rsplit('|').any(|part| {
        let part = part.trim();
        part == ".."
            || (part.starts_with(|first: char| first == '_' || first.is_ascii_lowercase())
                && part.bytes().all(source::is_word)
                && !["true", "false"].contains(&part))
    })
}

#[test]
fn every_event_is_named_where_events_are_folded() {
    let sources = source::workspace();
    let folded =
        |source: &&Source| source.path.starts_with("domain/src/") || source.path.starts_with("read-models/src/");
    assert!(sources.iter().filter(folded).flat_map(functions).filter(|(name, _, _)| FOLDS.contains(name)).count() > 20);
    expect_none(
        "evolve, keys and apply match every event by name: the compiler is the checklist of a new one.",
        &sources.iter().filter(folded).flat_map(wildcard_arms).collect::<Vec<_>>(),
    );
}

#[test]
fn a_wildcard_over_events_is_found() {
    let found = |arm: &str| {
        let text = format!(
            "fn evolve(self, event: &Event) -> Self {{\n match event {{\n Event::Opened {{ .. }} => a,\n {arm} => b,\n }}\n}}"
        );
        wildcard_arms(&Source::new("domain/src/x/y/mod.rs", &text)).len()
    };
    for bad in ["_", "other", "(_, _)", "(case, _)", "_ if late", "(Some(case), event)", "Event::Closed { .. } | _"] {
        assert_eq!(found(bad), 1, "{bad}");
    }
    for good in [
        "Event::Closed { .. }",
        "(_, Event::Closed { at, .. })",
        "Some(_)",
        "(case, Event::Closed { .. })",
        "None",
        "true",
    ] {
        assert_eq!(found(good), 0, "{good}");
    }
    assert!(wildcard_arms(&Source::new("domain/src/x/y/mod.rs", "fn parse() { match text { _ => None } }")).is_empty());
}
