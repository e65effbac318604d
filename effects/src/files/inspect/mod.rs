//! What a file is, and what is kept of it: told by its bytes alone, never by what is said of them. No IO.
//!
//! Whoever hands a file over is taken for an attacker. Sizes are read before anything is unpacked; pictures are decoded to the
//! end and kept without what is not seen; what is two sorts of file at once is refused, since two programs would read it
//! differently.

mod gif;
mod jpeg;
mod pdf;
mod picture;
mod png;
#[cfg(test)]
mod tests;
mod text;
mod webp;

use bytes::Bytes;
use domain::files::FileKind;
use domain::files::stored_file::FileRefusal;

/// The file that virus scanners agree to find: <https://www.eicar.org>. What is kept here must not set them off.
const EICAR: [&[u8]; 2] = [b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-", b"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];
/// How far from its end a ZIP may have its directory: behind it comes a comment of 65,535 bytes at most.
const ZIP_END: usize = 22 + 65_535;
/// Readers of PDF look for its first line this far.
const PDF_BEGINNING: usize = 1024;
/// What a browser or an interpreter would take for its own.
const MARKUP: [&[u8]; 6] = [b"<script", b"<html", b"<svg", b"<?php", b"<!doctype", b"<iframe"];

/// A file that is harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clean {
    /// What it is.
    pub(crate) kind: FileKind,
    /// What is kept.
    pub(crate) kept: Bytes,
    /// Width and height of a picture.
    pub(crate) measures: Option<(u32, u32)>,
    /// A small picture of it.
    pub(crate) thumbnail: Option<(FileKind, Bytes)>,
}

/// Looks into a file whose name says that it is `named`, where these kinds are taken.
pub(crate) fn inspect(named: FileKind, taken: &[FileKind], bytes: &Bytes) -> Result<Clean, FileRefusal> {
    if bytes.is_empty() {
        return Err(FileRefusal::WrongSize);
    }
    if EICAR.iter().all(|half| find(bytes, half).is_some()) {
        return Err(FileRefusal::Harmful);
    }
    let kind = sniff(bytes)?;
    if !taken.contains(&kind) {
        return Err(FileRefusal::KindNotTaken);
    }
    if kind != named {
        return Err(FileRefusal::WrongEnding);
    }
    if ends_as_zip(bytes) {
        return Err(FileRefusal::Ambiguous);
    }
    let beginning = &bytes[1..bytes.len().min(PDF_BEGINNING + 5)];
    if kind != FileKind::Text && find(beginning, b"%PDF-").is_some() {
        return Err(FileRefusal::Ambiguous);
    }
    let unchanged = |kind| Clean { kind, kept: bytes.clone(), measures: None, thumbnail: None };
    match kind {
        FileKind::Text => text::check(bytes).map(|()| unchanged(kind)),
        FileKind::Pdf => pdf::check(bytes).map(|()| unchanged(kind)),
        FileKind::Png | FileKind::Jpeg | FileKind::Webp | FileKind::Gif => {
            if MARKUP.iter().any(|markup| find_ignoring_case(bytes, markup)) {
                return Err(FileRefusal::Ambiguous);
            }
            picture::check(kind, bytes)
        }
    }
}

/// What the first bytes say.
fn sniff(bytes: &[u8]) -> Result<FileKind, FileRefusal> {
    match infer::get(bytes).map(|found| found.mime_type()) {
        Some("image/png") => Ok(FileKind::Png),
        Some("image/jpeg") => Ok(FileKind::Jpeg),
        Some("image/webp") => Ok(FileKind::Webp),
        Some("image/gif") => Ok(FileKind::Gif),
        Some("application/pdf") => Ok(FileKind::Pdf),
        Some("text/html" | "text/xml" | "text/x-shellscript") => Err(FileRefusal::KindNotTaken),
        // Two letters are enough for some kinds: a text may begin with them.
        Some(_) | None if text::is_text(bytes) => Ok(FileKind::Text),
        Some(_) | None => Err(FileRefusal::KindNotTaken),
    }
}

/// Whether readers of ZIP, who begin at the end, would find a directory there.
fn ends_as_zip(bytes: &[u8]) -> bool {
    let from = bytes.len().saturating_sub(ZIP_END);
    let tail = &bytes[from..];
    let mut at = 0;
    while let Some(found) = tail.get(at..).and_then(|rest| find(rest, b"PK\x05\x06")) {
        let end = &tail[at + found..];
        // Readers take it also where its comment is shorter or longer than it says.
        let entries = end.get(8..12);
        let directory = end.get(12..16).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let fits = directory.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length < bytes.len()));
        if entries.is_some_and(|counts| counts[..2] == counts[2..]) && fits {
            return true;
        }
        at += found + 1;
    }
    false
}

/// Where `wanted` begins.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + at;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn find_ignoring_case(bytes: &[u8], wanted: &[u8]) -> bool {
    let matches = |window: &[u8]| window.eq_ignore_ascii_case(wanted);
    bytes.len() >= wanted.len()
        && bytes
            .iter()
            .enumerate()
            .any(|(at, byte)| *byte == wanted[0] && bytes.get(at..at + wanted.len()).is_some_and(matches))
}
