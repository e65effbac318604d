//! Names follow from each other: file, type, command, scope, read model, migration.

use crate::source::{self, Source, expect_none, places};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// File names that refuse nothing, and so collect everything.
const BANNED_FILES: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "manager", "types", "misc"];

fn banned_file(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let parts = stem.split('/').filter(|part| BANNED_FILES.contains(part));
    parts.map(|part| format!("{}: `{part}` could hold anything; name what it does", source.path)).collect()
}

/// `"…"` after a place in the code.
fn literal_after(source: &Source, at: usize) -> Option<&str> {
    let start = at + source.code[at..].find('"')? + 1;
    let end = start + source.code[start..].find('"')?;
    Some(&source.text[start..end])
}

/// The values of `const NAME: &'static str = "…"`, with the type that each belongs to.
fn named_types(source: &Source) -> Vec<(usize, &str, &str, &str)> {
    let declared = places(&source.code, "const NAME: &'static str =");
    let all = declared.filter_map(|at| {
        let head = &source.code[..at];
        let head = &head[head.rfind("impl ")? + 5..];
        let (of_trait, of_type) = head.split_once(" for ")?;
        let of_type = source::words(of_type).next()?.1;
        Some((at, of_trait.trim(), of_type, literal_after(source, at)?))
    });
    all.collect()
}

/// `AssignTicket` is `assign_ticket`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

fn is_snake(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('_')
        && !name.contains("__")
        && name.chars().all(allowed)
}

/// The context that a source belongs to. What decides over two of them lies in `processes`, in the folder of the one that
/// it writes.
fn context_of(source: &Source) -> Option<&str> {
    let folders = source.folders();
    match folders[..] {
        ["processes", context, ..] | [context, ..] => Some(context),
        [] => None,
    }
}

/// Commands, queries and read models are named after their context's folder and their type.
fn misnamed(source: &Source) -> Vec<String> {
    let Some(context) = context_of(source) else { return Vec::new() };
    let wrong = named_types(source).into_iter().filter_map(|(at, of_trait, of_type, name)| {
        let expected = format!("{context}.{}", snake(of_type));
        let bad = name != expected || (of_trait.ends_with("Command") && !expected[context.len()..].contains('_'));
        bad.then(|| {
            source.finding(at, format!("{of_type} is called \"{name}\": derived is \"{expected}\", a verb and a noun"))
        })
    });
    wrong.collect()
}

/// A scope is `context.resource:verb`, of the context that asks for it.
fn wrong_scopes(source: &Source) -> Vec<String> {
    let Some(context) = context_of(source) else { return Vec::new() };
    let wrong = places(&source.code, "Scope::new(").filter_map(|at| {
        let scope = literal_after(source, at)?;
        let well_formed = scope.split_once('.').is_some_and(|(of_context, rest)| {
            of_context == context && rest.split_once(':').is_some_and(|(noun, verb)| is_snake(noun) && is_snake(verb))
        });
        (!well_formed).then(|| source.finding(at, format!("\"{scope}\" is not `{context}.resource:verb`")))
    });
    wrong.collect()
}

/// Two things of one sort never share a name.
fn shared_names(sources: &[&Source]) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let mut findings = Vec::new();
    for source in sources {
        for (at, _, of_type, name) in named_types(source) {
            if let Some(other) = seen.insert(name.to_owned(), of_type.to_owned()) {
                findings.push(source.finding(at, format!("\"{name}\" is also the name of {other}")));
            }
        }
    }
    findings
}

/// A command's stream category is its folder: `support/ticket` is `support.ticket`.
fn wrong_category(source: &Source) -> Vec<String> {
    let folders = source.folders();
    let wrong = places(&source.code, "const CATEGORY: &'static str =").filter_map(|at| {
        let (category, expected) = (literal_after(source, at)?, folders.join("."));
        (category != expected)
            .then(|| source.finding(at, format!("category \"{category}\" in the folder of {expected}")))
    });
    wrong.collect()
}

fn wrong_migrations(names: &[String]) -> Vec<String> {
    let mut numbers = BTreeSet::new();
    let wrong = names.iter().filter_map(|name| {
        let (number, rest) = name.split_once('_').unwrap_or_default();
        let number = (number.len() == 4).then(|| number.parse::<u32>().ok()).flatten();
        let is_right = number.is_some_and(|number| number > 0 && numbers.insert(number))
            && rest.strip_suffix(".sql").is_some_and(is_snake);
        (!is_right).then(|| format!("migrations/{name}: expected NNNN_what_it_does.sql with a number of its own"))
    });
    wrong.collect()
}

fn under<'a>(sources: &'a [Source], packages: &[&str]) -> Vec<&'a Source> {
    let within = |source: &&Source| packages.iter().any(|package| source.path.starts_with(&format!("{package}/src/")));
    sources.iter().filter(within).collect()
}

#[test]
fn file_names_say_what_is_inside() {
    expect_none(
        "A file called utils refuses nothing. Name the thing.",
        &source::workspace().iter().flat_map(banned_file).collect::<Vec<_>>(),
    );
}

#[test]
fn a_file_name_that_says_nothing_is_found() {
    assert_eq!(banned_file(&Source::new("platform/src/utils.rs", "")).len(), 1);
    assert_eq!(banned_file(&Source::new("platform/src/common/clock.rs", "")).len(), 1);
    assert!(banned_file(&Source::new("platform/src/uncommon.rs", "")).is_empty());
}

#[test]
fn names_follow_from_folders_and_types() {
    let sources = source::workspace();
    let all = under(sources, &["domain", "read-models", "query-api"]);
    assert!(all.iter().map(|source| named_types(source).len()).sum::<usize>() > 30, "names are found");
    expect_none(
        "support/ticket/assign.rs holds AssignTicket, called \"support.assign_ticket\": who knows one name knows all.",
        &all.into_iter().flat_map(misnamed).collect::<Vec<_>>(),
    );
}

#[test]
fn a_name_that_does_not_follow_is_found() {
    let found = |text: &str| misnamed(&Source::new("domain/src/support/ticket/assign.rs", text)).len();
    let command = |of_type: &str, name: &str| {
        format!("impl Command for {of_type} {{\n const NAME: &'static str = \"{name}\";\n}}")
    };
    assert_eq!(found(&command("AssignTicket", "support.assign")), 1);
    assert_eq!(found(&command("AssignTicket", "desk.assign_ticket")), 1);
    assert_eq!(found(&command("Assign", "support.assign")), 1);
    assert_eq!(found(&command("AssignTicket", "support.assign_ticket")), 0);
    let process =
        Source::new("domain/src/processes/support/assign_ticket.rs", &command("AssignTicket", "support.assign_ticket"));
    assert!(misnamed(&process).is_empty(), "it is named after the context that it writes");
}

#[test]
fn no_two_things_share_a_name() {
    let sources = source::workspace();
    for packages in [["domain", "query-api"], ["read-models", "read-models"]] {
        expect_none(
            "Commands and queries are operation ids, read models are tables: each name is given once.",
            &shared_names(&under(sources, &packages)),
        );
    }
}

#[test]
fn a_shared_name_is_found() {
    let text = "impl Command for A { const NAME: &'static str = \"a.b\"; }";
    let (one, other) = (Source::new("domain/src/a/b.rs", text), Source::new("domain/src/a/c.rs", text));
    assert_eq!(shared_names(&[&one, &other]).len(), 1);
    assert!(shared_names(&[&one]).is_empty());
}

#[test]
fn scopes_name_context_resource_and_verb() {
    let sources = source::workspace();
    expect_none(
        "A scope is `context.resource:verb` of the context whose command or query asks for it.",
        &under(sources, &["domain", "query-api"]).into_iter().flat_map(wrong_scopes).collect::<Vec<_>>(),
    );
}

#[test]
fn a_wrong_scope_is_found() {
    let found = |scope: &str| {
        wrong_scopes(&Source::new("domain/src/support/ticket/open.rs", &format!("Scope::new(\"{scope}\")"))).len()
    };
    for bad in
        ["support.ticket", "support:ticket", "desk.ticket:open", "support.Ticket:open", "support.ticket:", "open"]
    {
        assert_eq!(found(bad), 1, "{bad}");
    }
    assert_eq!(found("support.ticket:open"), 0);
}

#[test]
fn a_category_is_its_folder() {
    let sources = source::workspace();
    expect_none(
        "The stream category is the folder of its aggregate, so that grep finds one from the other.",
        &under(sources, &["domain"]).into_iter().flat_map(wrong_category).collect::<Vec<_>>(),
    );
}

#[test]
fn a_wrong_category_is_found() {
    let found = |category: &str| {
        let text = format!("const CATEGORY: &'static str = \"{category}\";");
        wrong_category(&Source::new("domain/src/support/ticket/mod.rs", &text)).len()
    };
    assert_eq!((found("support.tickets"), found("ticket"), found("support.ticket")), (1, 1, 0));
}

#[test]
fn migrations_have_numbers_of_their_own() {
    let folder = fs::read_dir(source::root().join("migrations")).expect("the folder can be read");
    let names = folder.map(|entry| entry.expect("an entry can be read").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    expect_none("Migrations are NNNN_what_it_does.sql, each with a number of its own.", &wrong_migrations(&names));
}

#[test]
fn a_wrong_migration_is_found() {
    let found =
        |names: &[&str]| wrong_migrations(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).len();
    assert_eq!(found(&["0001_log.sql", "0001_projections.sql"]), 1);
    assert_eq!(found(&["1_log.sql"]), 1);
    assert_eq!(found(&["0001_log.txt"]), 1);
    assert_eq!(found(&["0001_Log.sql"]), 1);
    assert_eq!(found(&["0001_log.sql", "0002_projections.sql"]), 0);
}
