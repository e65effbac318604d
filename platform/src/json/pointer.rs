//! Where in a JSON text an error lies, as a JSON pointer (RFC 6901). Only ever runs after an error.

use serde_json::error::Category;

/// The place of serde's error.
///
/// Serde reports how far it had read. When the wrong value is the last one of its object or array, that
/// is behind the closing bracket, as it is for an error of the container itself. Parsing again
/// without that bracket tells them apart: only the wrong value is wrong again.
pub(super) fn of_error(
    text: &str,
    error: &serde_json::Error,
    again: &dyn Fn(&str) -> Option<serde_json::Error>,
) -> String {
    let read = read_until(text, error);
    if error.classify() == Category::Syntax {
        // It has seen the first byte of the value and not read it.
        return at(text, read.saturating_sub(1));
    }
    let closed = read > 0 && matches!(text.as_bytes()[read - 1], b'}' | b']');
    if closed
        && let Some(inner) = again(&text[..read - 1])
        && inner.classify() == Category::Data
        && inner.to_string().split(" at line ").next() == error.to_string().split(" at line ").next()
    {
        return at(text, read_until(text, &inner));
    }
    at(text, read)
}

/// The pointer of a member.
pub(super) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// How many bytes serde had read. Lines end at `\n` and columns count bytes.
fn read_until(text: &str, error: &serde_json::Error) -> usize {
    let line_start = match error.line() {
        0 | 1 => 0,
        line => text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').nth(line - 2).map_or(0, |(at, _)| at + 1),
    };
    (line_start + error.column()).min(text.len())
}

enum Frame {
    /// The key that was read last, until the next comma.
    Object(Option<String>),
    Array(usize),
}

/// The pointer of the value that was being read, or had just been read, after `read` bytes of valid JSON.
fn at(text: &str, read: usize) -> String {
    let bytes = text.as_bytes();
    let mut frames: Vec<Frame> = Vec::new();
    let mut key_is_next = false;
    let mut place = 0;
    while place < read {
        match bytes[place] {
            b'"' => {
                let end = string_end(bytes, place);
                if key_is_next && let Some(Frame::Object(key)) = frames.last_mut() {
                    *key = serde_json::from_str(&text[place..end]).ok();
                    key_is_next = false;
                }
                place = end;
                continue;
            }
            b'{' => {
                frames.push(Frame::Object(None));
                key_is_next = true;
            }
            b'[' => {
                frames.push(Frame::Array(0));
                key_is_next = false;
            }
            b'}' | b']' => {
                frames.pop();
                key_is_next = false;
            }
            b',' => match frames.last_mut() {
                Some(Frame::Object(key)) => {
                    *key = None;
                    key_is_next = true;
                }
                Some(Frame::Array(index)) => *index += 1,
                None => {}
            },
            _ => {}
        }
        place += 1;
    }
    frames.iter().fold(String::new(), |pointer, frame| match frame {
        Frame::Object(Some(key)) => child(&pointer, key),
        Frame::Object(None) => pointer,
        Frame::Array(index) => child(&pointer, &index.to_string()),
    })
}

/// Behind the closing quote of the string that opens at `from`.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
