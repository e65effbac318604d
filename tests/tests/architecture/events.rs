//! Events are never passed over: no wildcard arm where they are folded or shown.

use crate::reading::functions;
use crate::source::{self, Source, expect_none, places};

/// The functions that see every event.
const FOLDS: [&str; 3] = ["evolve", "keys", "apply"];

/// A match arm: where its pattern begins, and the pattern.
type Arm<'a> = (usize, &'a str);

/// The arms that take whatever is left: in `evolve`, `keys` and `apply`, and in every other match that names an event.
/// Specs may say `other => panic!`.
fn wildcard_arms(source: &Source) -> Vec<String> {
    let specs = places(&source.code, "#[cfg(test)]\nmod").next();
    let code = &source.code[..specs.unwrap_or(source.code.len())];
    let folds = functions(source).into_iter().filter(|(name, _, _)| FOLDS.contains(name));
    let folds: Vec<_> = folds.map(|(_, from, to)| from..to).collect();
    let mut findings = Vec::new();
    for (at, arms) in matches(code) {
        let over_events = arms.iter().any(|(_, pattern)| pattern.contains("Event::"));
        if over_events || folds.iter().any(|fold| fold.contains(&at)) {
            let wildcards = arms.into_iter().filter(|(_, pattern)| takes_the_rest(pattern));
            findings.extend(wildcards.map(|(at, pattern)| {
                source.finding(at, format!("`{pattern} =>`: name the events, so that a new one is a compile error"))
            }));
        }
    }
    findings
}

/// Every `match` with its arms.
fn matches(code: &str) -> Vec<(usize, Vec<Arm<'_>>)> {
    let blocks = places(code, "match ").filter_map(|at| {
        let open = at + depths(&code[at..]).find(|(_, byte, depth)| *byte == b'{' && *depth == 1)?.0;
        Some((at, arms(code, open + 1)))
    });
    blocks.collect()
}

/// The arms of the block that begins here.
fn arms(code: &str, mut start: usize) -> Vec<Arm<'_>> {
    let mut arms = Vec::new();
    loop {
        let rest = &code[start..];
        let arrow = depths(rest).take_while(|(_, _, depth)| *depth >= 0);
        let Some((arrow, _, _)) = arrow.into_iter().find(|(at, _, depth)| *depth == 0 && rest[*at..].starts_with("=>"))
        else {
            return arms;
        };
        let pattern = rest[..arrow].trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        arms.push((start + arrow - pattern.len(), pattern.trim_end()));
        start += arrow + 2;
        start += end_of_arm(&code[start..]);
    }
}

/// Where the value of an arm ends: after its block, or at the comma or the end of the match.
fn end_of_arm(code: &str) -> usize {
    let is_block = code.trim_start().starts_with('{');
    let end = depths(code).find(|(_, byte, depth)| match byte {
        b'}' if is_block => *depth == 0,
        b'}' => *depth < 0,
        b',' => *depth == 0,
        _ => false,
    });
    end.map_or(code.len(), |(at, byte, depth)| if byte == b'}' && depth == 0 { at + 1 } else { at })
}

/// Every byte with its place and how many brackets are open after it.
fn depths(code: &str) -> impl Iterator<Item = (usize, u8, i32)> {
    let mut depth = 0;
    code.bytes().enumerate().map(move |(at, byte)| {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        (at, byte, depth)
    })
}

/// Whether a pattern lets any event in: `_`, a bare name, a tuple with one of these at its end, with or without `if`.
fn takes_the_rest(pattern: &str) -> bool {
    let pattern = pattern.split(" if ").next().unwrap_or_default().trim();
    let last = match pattern.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => inner.rsplit(',').find(|part| !part.trim().is_empty()).unwrap_or_default(),
        None => pattern,
    };
    last.rsplit('|').map(|part| part.trim().trim_start_matches("ref ")).any(|part| {
        let is_name = part.bytes().all(source::is_word) && !["", "true", "false"].contains(&part);
        part == ".." || (is_name && part.starts_with(|first: char| first == '_' || first.is_ascii_lowercase()))
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
    let found = |function: &str, arm: &str| {
        let text = format!(
            "fn {function}(self, event: &Event) -> Self {{\n match (event, f(|| {{ 1 }})) {{\n Event::Opened {{ .. }} => \
             {{\n match x {{ A => 1, }}\n }}\n Event::Closed\n  if late => g(1, h),\n {arm} => b,\n }}\n}}"
        );
        wildcard_arms(&Source::new("domain/src/x/y/mod.rs", &text)).len()
    };
    for bad in ["_", "other", "(_, _)", "(case, _)", "_ if late", "(Some(case), event)", "Event::Closed { .. } | _"] {
        assert_eq!((found("evolve", bad), found("leaf", bad)), (1, 1), "{bad}");
    }
    for good in [
        "Event::Closed { .. }",
        "(_, Event::Closed { at, .. })",
        "Some(_)",
        "(case, Event::Closed { .. })",
        "None",
        "true",
    ] {
        assert_eq!((found("evolve", good), found("leaf", good)), (0, 0), "{good}");
    }
    let found = |text| wildcard_arms(&Source::new("domain/src/x/y/mod.rs", text)).len();
    assert_eq!(found("fn parse() { match text { \"a\" => 1, _ => 2 } }"), 0);
    assert_eq!(found("fn apply() { match text { \"a\" => 1, _ => 2 } }"), 1);
    assert_eq!(found("#[cfg(test)]\nmod tests { fn f() { match event { Event::A => 1, other => panic!() } } }"), 0);
}
