//! PDF: one document from the first byte to the last, in which nothing runs and no file hides.
//!
//! It is kept as it is. Names may be written with hexadecimal digits, and objects may be packed, so both are undone before
//! names are looked for.

use super::{find, find_ignoring_case};
use domain::files::stored_file::FileRefusal;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

/// How far from the end the last line may be.
const END: usize = 1024;
/// What one packed part, and all together, may come to.
const MAX_PART: usize = 32 * 1024 * 1024;
const MAX_UNPACKED: usize = 192 * 1024 * 1024;
const BUFFER: usize = 64 * 1024;
/// How much is looked back from a packed part for what says how it is packed.
const DICTIONARY: usize = 1024;
/// Names with which a document runs something, opens or holds other files, or sends what it is given.
const ACTIVE: [&[u8]; 9] = [
    b"/JavaScript",
    b"/Launch",
    b"/EmbeddedFile",
    b"/EmbeddedFiles",
    b"/RichMedia",
    b"/XFA",
    b"/ImportData",
    b"/GoToE",
    b"/GoToR",
];
/// Ways of packing that are not undone here.
const UNUSUAL: [&[u8]; 5] = [b"/ASCIIHexDecode", b"/ASCII85Decode", b"/LZWDecode", b"/RunLengthDecode", b"/Predictor"];

pub(super) fn check(bytes: &[u8]) -> Result<(), FileRefusal> {
    if !bytes.starts_with(b"%PDF-1.") && !bytes.starts_with(b"%PDF-2.") {
        return Err(FileRefusal::Damaged);
    }
    let tail = &bytes[bytes.len().saturating_sub(END)..];
    let last = tail.windows(5).rposition(|window| window == b"%%EOF").ok_or(FileRefusal::Damaged)?;
    if find(tail, b"startxref").is_none() {
        return Err(FileRefusal::Damaged);
    }
    if !tail[last + 5..].iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        return Err(FileRefusal::Ambiguous);
    }
    if find_ignoring_case(bytes, b"<script") || find_ignoring_case(bytes, b"<?php") {
        return Err(FileRefusal::Ambiguous);
    }
    let plain = with_plain_names(bytes);
    if names(&plain, b"/Encrypt") {
        return Err(FileRefusal::Encrypted);
    }
    if ACTIVE.iter().any(|name| names(&plain, name)) {
        return Err(FileRefusal::Active);
    }
    packed_parts(bytes)
}

/// Undoes every packed part, wherever one begins, and looks for the same names in it.
fn packed_parts(bytes: &[u8]) -> Result<(), FileRefusal> {
    let (mut at, mut unpacked) = (0, 0);
    while let Some(found) = bytes.get(at..).and_then(|rest| find(rest, b"stream")) {
        let begin = at + found;
        at = begin + b"stream".len();
        let before = with_plain_names(&bytes[begin.saturating_sub(DICTIONARY)..begin]);
        let own =
            before.windows(5).rposition(|window| window == b" obj\n" || window == b" obj\r" || window == b" obj<");
        let own = &before[own.unwrap_or_default()..];
        if names(own, b"/ObjStm") && UNUSUAL.iter().any(|way| names(own, way)) {
            return Err(FileRefusal::Active);
        }
        let rest = &bytes[at..];
        let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        let part = unpack(rest)?;
        unpacked += part.len();
        if unpacked > MAX_UNPACKED {
            return Err(FileRefusal::TooLarge);
        }
        let plain = with_plain_names(&part);
        if ACTIVE.iter().any(|name| names(&plain, name)) {
            return Err(FileRefusal::Active);
        }
    }
    Ok(())
}

/// What a packed part comes to, as far as it can be undone: readers show what they get. Nothing where it is packed otherwise.
fn unpack(packed: &[u8]) -> Result<Vec<u8>, FileRefusal> {
    let is_zlib =
        |head: &[u8]| head[0] & 0x0f == 8 && (u16::from(head[0]) << 8 | u16::from(head[1])).is_multiple_of(31);
    let mut part = Vec::new();
    if !packed.get(..2).is_some_and(is_zlib) {
        return Ok(part);
    }
    let mut state = InflateState::new_boxed(DataFormat::Zlib);
    let (mut packed, mut buffer) = (packed, vec![0; BUFFER]);
    loop {
        let done = inflate(&mut state, packed, &mut buffer, MZFlush::None);
        packed = packed.get(done.bytes_consumed..).unwrap_or_default();
        part.extend_from_slice(buffer.get(..done.bytes_written).unwrap_or_default());
        if part.len() > MAX_PART {
            return Err(FileRefusal::TooLarge);
        }
        let stands = done.bytes_consumed == 0 && done.bytes_written == 0;
        if done.status != Ok(MZStatus::Ok) || stands {
            return Ok(part);
        }
    }
}

/// `/J#61vaScript` is `/JavaScript`.
fn with_plain_names(bytes: &[u8]) -> Vec<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if let (b'#', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            plain.push(u8::try_from(high * 16 + low).unwrap_or_default());
            at += 3;
        } else {
            plain.push(*byte);
            at += 1;
        }
    }
    plain
}

/// Whether this name stands there, whole.
fn names(bytes: &[u8], name: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| find(rest, name)) {
        let next = bytes.get(at + found + name.len());
        if next.is_none_or(|next| !next.is_ascii_alphanumeric()) {
            return true;
        }
        at += found + 1;
    }
    false
}
