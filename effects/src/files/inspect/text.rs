//! Texts: UTF-8 that anybody can read, and that nothing runs.

use super::find_ignoring_case;
use domain::files::stored_file::FileRefusal;

/// With these a text is a page, a program or another sort of document.
const ACTIVE: [&str; 10] =
    ["<!doctype", "<html", "<svg", "<?xml", "<?php", "<script", "#!", "{\\rtf", "%!ps", "mime-version:"];
/// How far into a text its beginning is looked for, behind white space.
const BEGINNING: usize = 512;

/// Whether all of it is letters.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| !c.is_control() || "\t\n\r\u{c}".contains(c)))
}

pub(super) fn check(bytes: &[u8]) -> Result<(), FileRefusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| FileRefusal::Damaged)?;
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.chars().any(turns) {
        return Err(FileRefusal::Ambiguous);
    }
    let beginning = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let bytes = &beginning.as_bytes()[..beginning.len().min(BEGINNING)];
    let begins =
        |active: &&str| bytes.len() >= active.len() && bytes[..active.len()].eq_ignore_ascii_case(active.as_bytes());
    // A comment may stand before a page's first tag.
    let page = bytes.starts_with(b"<!--") || bytes.starts_with(b"<");
    if ACTIVE.iter().any(|active| begins(active) || (page && find_ignoring_case(bytes, active.as_bytes()))) {
        return Err(FileRefusal::Active);
    }
    Ok(())
}
