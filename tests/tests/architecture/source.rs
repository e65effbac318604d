//! Rust and SQL files, taken apart into code, strings and comments, so that a rule looks only at what it means.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A source file. The three parts are as long as the text, with spaces where the others are, so that a place in one
/// is the same place in all.
pub(crate) struct Source {
    /// The path from the root of the workspace: `domain/src/lib.rs`.
    pub(crate) path: String,
    /// The file as it is.
    pub(crate) text: String,
    /// Without comments, and without what stands between quotes.
    pub(crate) code: String,
    /// Only what stands between quotes.
    pub(crate) strings: String,
    /// Only the comments, doc comments among them.
    pub(crate) comments: String,
}

impl Source {
    /// Takes a file apart; what does not end in `.sql` is read as Rust.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let kinds = if is_sql(path) { sql_kinds(text.as_bytes()) } else { rust_kinds(text.as_bytes()) };
        let only = |wanted: Kind| {
            let kept = |(byte, kind): (u8, &Kind)| if *kind == wanted || byte == b'\n' { byte } else { b' ' };
            String::from_utf8(text.bytes().zip(&kinds).map(kept).collect()).expect("whole characters are kept or not")
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: only(Kind::Code),
            strings: only(Kind::String),
            comments: only(Kind::Comment),
        }
    }

    /// The line of a place in the text, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    /// A finding at a place in the text.
    pub(crate) fn finding(&self, at: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{}: {what}", self.path, self.line(at))
    }

    /// The folders between `src` and the file: `support`, `ticket`.
    pub(crate) fn folders(&self) -> Vec<&str> {
        let mut parts: Vec<&str> = self.path.split('/').skip_while(|part| *part != "src").skip(1).collect();
        parts.pop();
        parts
    }

    /// The crate's folder: `domain`.
    pub(crate) fn package(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    String,
    Comment,
}

/// Whether a path names a migration.
pub(crate) fn is_sql(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "sql")
}

/// What each byte of a Rust file belongs to. The quotes themselves are code.
fn rust_kinds(text: &[u8]) -> Vec<Kind> {
    let mut kinds = vec![Kind::Code; text.len()];
    let mut at = 0;
    while at < text.len() {
        let (kind, from, to, next) = match &text[at..] {
            [b'/', b'/', ..] => {
                let end = find(text, at, b"\n");
                (Kind::Comment, at, end, end)
            }
            [b'/', b'*', ..] => {
                let end = end_of_block_comment(text, at);
                (Kind::Comment, at, end, end)
            }
            [b'"', ..] => {
                let end = end_of_quoted(text, at + 1, b'"');
                (Kind::String, at + 1, end, end + 1)
            }
            [b'r', rest @ ..] if !in_identifier(text, at) && opens_raw_string(rest) => {
                let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
                let end = find(text, at + hashes + 2, &[&b"\""[..], &b"#".repeat(hashes)].concat());
                (Kind::String, at + hashes + 2, end, end + 1 + hashes)
            }
            [b'\'', ..] if is_character(&text[at..]) => {
                let end = end_of_quoted(text, at + 1, b'\'');
                (Kind::String, at + 1, end, end + 1)
            }
            _ => (Kind::Code, at, at + 1, at + 1),
        };
        kinds[from..to.min(text.len())].fill(kind);
        at = next;
    }
    kinds
}

/// What each byte of an SQL file belongs to: line comments and quoted text are told apart from code.
fn sql_kinds(text: &[u8]) -> Vec<Kind> {
    let mut kinds = vec![Kind::Code; text.len()];
    let mut at = 0;
    while at < text.len() {
        let (kind, from, to, next) = match &text[at..] {
            [b'-', b'-', ..] => {
                let end = find(text, at, b"\n");
                (Kind::Comment, at, end, end)
            }
            [b'\'', ..] => {
                let end = find(text, at + 1, b"'");
                (Kind::String, at + 1, end, end + 1)
            }
            _ => (Kind::Code, at, at + 1, at + 1),
        };
        kinds[from..to.min(text.len())].fill(kind);
        at = next;
    }
    kinds
}

fn find(text: &[u8], from: usize, what: &[u8]) -> usize {
    let from = from.min(text.len());
    text[from..].windows(what.len()).position(|window| window == what).map_or(text.len(), |found| from + found)
}

fn end_of_block_comment(text: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    text.len()
}

fn end_of_quoted(text: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while at < text.len() && text[at] != quote {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

fn opens_raw_string(after_r: &[u8]) -> bool {
    after_r.iter().find(|byte| **byte != b'#') == Some(&b'"')
}

/// Whether the letter here continues an identifier, as the last `r` of `for` does. `br` and `cr` open strings.
fn in_identifier(text: &[u8], at: usize) -> bool {
    let word = |at: usize| is_word(text[at]);
    match at {
        0 => false,
        1 => word(0) && !matches!(text[0], b'b' | b'c'),
        _ => word(at - 1) && (!matches!(text[at - 1], b'b' | b'c') || word(at - 2)),
    }
}

/// Whether a quote opens a character, and not a lifetime or a label.
fn is_character(text: &[u8]) -> bool {
    let Some(next) = text.get(1) else { return false };
    let length = match next {
        b'\\' => return true,
        0x00..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
    };
    text.get(1 + length) == Some(&b'\'')
}

/// Whether the byte can be part of an identifier.
pub(crate) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Every place where `needle` stands in `text` as whole words: nothing that continues an identifier on a side where
/// the needle itself begins or ends with one.
pub(crate) fn places<'a>(text: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
    let (bytes, pattern) = (text.as_bytes(), needle.as_bytes());
    text.match_indices(needle).map(|(at, _)| at).filter(move |at| {
        let end = at + pattern.len();
        let before = *at > 0 && is_word(bytes[at - 1]) && is_word(pattern[0]);
        let after = end < bytes.len() && is_word(bytes[end]) && is_word(pattern[pattern.len() - 1]);
        !before && !after
    })
}

/// The identifiers and numbers of a text, with their places.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].bytes().position(is_word)?;
        let length = text[start..].bytes().position(|byte| !is_word(byte)).unwrap_or(text.len() - start);
        rest = start + length;
        Some((start, &text[start..rest]))
    })
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every `.rs` file of the workspace's crates, and the migrations.
pub(crate) fn workspace() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(read_workspace);
    &SOURCES
}

fn read_workspace() -> Vec<Source> {
    let mut sources = Vec::new();
    for package in packages() {
        collect(&root().join(&package), &package, &mut sources);
    }
    collect(&root().join("migrations"), "migrations", &mut sources);
    assert!(sources.len() > 100, "the workspace has more files than {}: the search is broken", sources.len());
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// The folders of the workspace's crates.
pub(crate) fn packages() -> Vec<String> {
    let entries = fs::read_dir(root()).expect("the root can be read").map(|entry| entry.expect("an entry").path());
    let crates = entries.filter(|path| path.join("Cargo.toml").exists());
    let mut names: Vec<String> = crates.map(|path| name_of(&path)).collect();
    names.sort_unstable();
    names
}

fn collect(folder: &Path, path: &str, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace can be read") {
        let entry = entry.expect("an entry can be read").path();
        let path = format!("{path}/{}", name_of(&entry));
        if entry.is_dir() {
            collect(&entry, &path, sources);
        } else if entry.extension().is_some_and(|extension| extension == "rs" || extension == "sql") {
            // Somebody may be saving or moving it; the next run sees it.
            if let Ok(text) = fs::read_to_string(&entry) {
                sources.push(Source::new(&path, &text));
            }
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().expect("it has a name").to_string_lossy().into_owned()
}

/// Fails with every finding and with why the rule is there.
pub(crate) fn expect_none(rule: &str, findings: &[String]) {
    let count = findings.len();
    assert!(findings.is_empty(), "\n\n{rule}\n\n{count} place(s):\n  {}\n", findings.join("\n  "));
}

#[test]
fn code_strings_and_comments_are_told_apart() {
    let text = r##"fn f<'a>(x: &'a str) { g("// \" é", 'x', '\'', r#"a " b"#, br"c"); } // it's "d"
/* e /* f */ g */ h /// é
"##;
    let source = Source::new("a.rs", text);
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed(&source.strings), r#"// \" é x \' a " b c"#);
    assert_eq!(squeezed(&source.comments), r#"// it's "d" /* e /* f */ g */ /// é"#);
    assert!(source.code.contains("fn f<'a>(x: &'a str) { g("));
    assert!(squeezed(&source.code).ends_with("); } h"));
    assert_eq!((source.code.len(), source.strings.len(), source.line(text.len() - 3)), (text.len(), text.len(), 2));
}

#[test]
fn a_place_is_a_whole_word() {
    let found = |needle: &str| places("now_v7 xnow_v7 now_v7() std::fs::read std::fs_x", needle).count();
    assert_eq!((found("now_v7"), found("std::fs"), found("std::")), (2, 1, 2));
}
