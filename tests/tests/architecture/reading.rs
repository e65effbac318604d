//! How files read: their length, their first line, the length of functions, and what is never written.

use crate::source::{self, Source, expect_none, places};

const AIM: usize = 300;
const STOP: usize = 600;
const FUNCTION: usize = 70;

/// What is never written in code, and what to write instead.
const NEVER: [(&str, &str); 7] = [
    ("todo!", "build it, or leave it out"),
    ("unimplemented!", "build it, or leave it out"),
    ("dbg!", "use tracing, or nothing"),
    ("#[ignore]", "mend the test or delete it"),
    ("#[ignore =", "mend the test or delete it"),
    ("allow(", "#[expect(lint, reason = \"…\")] tells when it is no longer needed"),
    ("unsafe", "the workspace forbids it"),
];

fn too_long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if lines <= STOP {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines; find the second reason for it to exist and move that out", source.path)]
}

/// The functions of a file: name, place, and where the body ends.
pub(crate) fn functions(source: &Source) -> Vec<(&str, usize, usize)> {
    let code = source.code.as_str();
    let named = places(code, "fn ").filter_map(|at| {
        let name =
            source::words(&code[at + 3..]).next().filter(|(gap, _)| code[at + 3..at + 3 + gap].trim().is_empty())?.1;
        Some((name, at, end_of_function(&code[at..])? + at))
    });
    named.collect()
}

/// Where the body ends; `None` for a signature without one.
fn end_of_function(code: &str) -> Option<usize> {
    let (mut parentheses, mut braces) = (0_i32, 0_i32);
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' => parentheses += 1,
            b')' | b']' => parentheses -= 1,
            b'{' => braces += 1,
            b'}' => {
                braces -= 1;
                if braces <= 0 {
                    return (braces == 0).then_some(at + 1);
                }
            }
            b';' if parentheses == 0 && braces == 0 => return None,
            _ => {}
        }
    }
    None
}

fn long_functions(source: &Source) -> Vec<String> {
    let lengths =
        functions(source).into_iter().map(|(name, from, to)| (name, from, source.line(to) - source.line(from) + 1));
    let long = lengths.filter(|(_, _, lines)| *lines > FUNCTION);
    long.map(|(name, at, lines)| source.finding(at, format!("{name} has {lines} lines, at most {FUNCTION}"))).collect()
}

fn without_first_line(source: &Source) -> Vec<String> {
    let first = source.text.lines().next().unwrap_or_default();
    let expected = if source::is_sql(&source.path) { "-- " } else { "//! " };
    if first.starts_with(expected) && first.trim_end().len() > expected.len() {
        return Vec::new();
    }
    vec![format!("{}:1: the first line is not `{expected}` and a sentence", source.path)]
}

fn never_written(source: &Source) -> Vec<String> {
    let found = NEVER.iter().flat_map(|(banned, instead)| {
        places(&source.code, banned).map(move |at| source.finding(at, format!("{banned} {instead}")))
    });
    let without_reason = places(&source.code, "#[expect(").filter_map(|at| {
        let end = at + source.code[at..].find(")]")?;
        let finding = || source.finding(at, "#[expect] without a reason = \"…\"");
        (!source.code[at..end].contains("reason")).then(finding)
    });
    let to_do = places(&source.comments, "TODO").filter(|at| !has_issue(&source.comments[at + 4..]));
    let to_do = to_do.map(|at| source.finding(at, "a TODO without its issue: TODO(#12)"));
    found.chain(without_reason).chain(to_do).collect()
}

fn has_issue(rest: &str) -> bool {
    rest.strip_prefix("(#").is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
}

#[test]
fn files_have_at_most_600_lines() {
    let sources = source::workspace();
    for source in sources {
        let lines = source.text.lines().count();
        if lines > AIM && lines <= STOP {
            println!("note: {} has {lines} lines; the aim is {AIM}", source.path);
        }
    }
    expect_none(
        "A file has one reason to exist, told by its path.",
        &sources.iter().flat_map(too_long).collect::<Vec<_>>(),
    );
}

#[test]
fn a_file_that_is_too_long_is_found() {
    assert_eq!(too_long(&Source::new("a.rs", &"//!\n".repeat(STOP + 1))).len(), 1);
    assert!(too_long(&Source::new("a.rs", &"//!\n".repeat(STOP))).is_empty());
}

#[test]
fn functions_have_at_most_70_lines() {
    expect_none(
        "A function fits on a screen: keep the branching in the parent and make the leaves functions of their own.",
        &source::workspace().iter().flat_map(long_functions).collect::<Vec<_>>(),
    );
}

#[test]
fn a_function_that_is_too_long_is_found() {
    let body = |lines: usize| {
        format!("trait T {{ fn f(x: [u8; 2]); }}\nfn g(x: fn(u8), y: [u8; 4]) {{\n{}}}", "\"}\";\n".repeat(lines))
    };
    assert_eq!(long_functions(&Source::new("a.rs", &body(FUNCTION - 1))), ["a.rs:2: g has 71 lines, at most 70"]);
    assert!(long_functions(&Source::new("a.rs", &body(FUNCTION - 2))).is_empty());
}

#[test]
fn the_first_line_says_why_the_file_exists() {
    expect_none(
        "The first line of a file says in a sentence what it is.",
        &source::workspace().iter().flat_map(without_first_line).collect::<Vec<_>>(),
    );
}

#[test]
fn a_file_without_a_first_line_is_found() {
    for (path, bad) in
        [("a.rs", ""), ("a.rs", "//! "), ("a.rs", "// Why.\n"), ("a.rs", "use x;\n//! Why."), ("a.sql", "create")]
    {
        assert_eq!(without_first_line(&Source::new(path, bad)).len(), 1, "{bad}");
    }
    assert!(without_first_line(&Source::new("a.rs", "//! Why.\n")).is_empty());
    assert!(without_first_line(&Source::new("a.sql", "-- Why.\n")).is_empty());
}

#[test]
fn nothing_is_left_for_later() {
    expect_none(
        "Nothing unfinished, unexplained or silenced.",
        &source::workspace()
            .iter()
            .filter(|source| !source::is_sql(&source.path))
            .flat_map(never_written)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn what_is_left_for_later_is_found() {
    let found = |text| never_written(&Source::new("a.rs", text)).len();
    for bad in [
        "todo!()",
        "unimplemented!(\"x\")",
        "dbg!(x)",
        "#[ignore]\nfn f() {}",
        "#[ignore = \"slow\"]",
        "#[allow(dead_code)]",
        "#![allow(x)]",
        "#[cfg_attr(test, allow(x))]",
        "unsafe { x }",
        "#[expect(dead_code)]",
        "// TODO: later",
        "// TODO(me) x",
    ] {
        assert_eq!(found(bad), 1, "{bad}");
    }
    for good in [
        "\"todo!()\"",
        "// dbg!",
        "#[expect(x, reason = \"y\")]",
        "// TODO(#7): z",
        "self.disallow(x)",
        "method_todo()",
    ] {
        assert_eq!(found(good), 0, "{good}");
    }
}
