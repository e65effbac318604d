//! One pass over a JSON text for what types cannot see. Not a grammar: serde checks that afterwards.

use std::borrow::Cow;

pub(super) const MAX_DEPTH: usize = 64;

/// Up to so many keys, comparing each with each beats sorting.
const FEW_KEYS: usize = 16;

/// Largest integer that every JSON reader keeps exactly, 2^53 − 1 (RFC 8259, section 6).
const MAX_INTEGER: i128 = (1 << 53) - 1;

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    TooDeep,
    DuplicateKey(String),
    Nul,
    LoneSurrogate { at: usize },
    NumberRange { from: usize, to: usize },
}

/// An open array has no keys.
const ARRAY: usize = usize::MAX;

/// Looks at every byte once. Where the grammar is broken it may stop early and say nothing.
pub(super) fn scan(text: &str) -> Result<(), Flaw> {
    let bytes = text.as_bytes();
    if bytes.contains(&0) {
        return Err(Flaw::Nul);
    }
    let mut keys: Vec<Cow<'_, str>> = Vec::with_capacity(FEW_KEYS);
    // For every open object where its keys start in `keys`.
    let mut open = [ARRAY; MAX_DEPTH];
    let mut depth = 0;
    let mut key_is_next = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let Some(string) = read_string(bytes, at + 1)? else { return Ok(()) };
                if key_is_next {
                    keys.push(string.decoded(text));
                    key_is_next = false;
                }
                at = string.end;
            }
            b'{' | b'[' => {
                let slot = open.get_mut(depth).ok_or(Flaw::TooDeep)?;
                key_is_next = *byte == b'{';
                *slot = if key_is_next { keys.len() } else { ARRAY };
                depth += 1;
            }
            b'}' | b']' => {
                let Some(outer) = depth.checked_sub(1) else { return Ok(()) };
                depth = outer;
                if open[depth] != ARRAY {
                    refuse_duplicates(&mut keys[open[depth]..])?;
                    keys.truncate(open[depth]);
                }
                key_is_next = false;
            }
            b',' => key_is_next = depth > 0 && open[depth - 1] != ARRAY,
            b'-' | b'0'..=b'9' => {
                at = read_number(text, at)?;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// A string literal: its content is `start..end`, `end` is the closing quote.
struct StringLiteral {
    start: usize,
    end: usize,
    escaped: bool,
}

impl StringLiteral {
    /// The content as a reader sees it, so that `"a"` and `"\u0061"` are the same key.
    fn decoded<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let raw = &text[self.start..self.end];
        if !self.escaped {
            return Cow::Borrowed(raw);
        }
        serde_json::from_str(&text[self.start - 1..=self.end]).map_or(Cow::Borrowed(raw), Cow::Owned)
    }
}

/// `None` where the closing quote is missing.
fn read_string(bytes: &[u8], start: usize) -> Result<Option<StringLiteral>, Flaw> {
    let mut at = start;
    let mut escaped = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return Ok(Some(StringLiteral { start, end: at, escaped })),
            b'\\' => {
                escaped = true;
                at = read_escape(bytes, at)?;
            }
            _ => at += 1,
        }
    }
    Ok(None)
}

/// Where the escape that starts at `at` ends.
fn read_escape(bytes: &[u8], at: usize) -> Result<usize, Flaw> {
    let Some(unit) = utf16_unit(bytes, at) else { return Ok(at + 2) };
    match unit {
        0 => Err(Flaw::Nul),
        0xD800..=0xDBFF => match utf16_unit(bytes, at + 6) {
            Some(0xDC00..=0xDFFF) => Ok(at + 12),
            _ => Err(Flaw::LoneSurrogate { at }),
        },
        0xDC00..=0xDFFF => Err(Flaw::LoneSurrogate { at }),
        _ => Ok(at + 6),
    }
}

/// The code unit of `\uXXXX` at this place, if it is one.
fn utf16_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = bytes.get(at..at + 6)? else { return None };
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

/// Where the number that starts at `from` ends.
fn read_number(text: &str, from: usize) -> Result<usize, Flaw> {
    let rest = &text.as_bytes()[from..];
    let in_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let length = rest.iter().position(|byte| !in_number(byte)).unwrap_or(rest.len());
    let to = from + length;
    let literal = &text[from..to];
    let with_exponent = literal.contains(['e', 'E']);
    if length < 16 && !with_exponent {
        return Ok(to);
    }
    let kept = if with_exponent || literal.contains('.') {
        // What is not a number at all is for serde to say.
        literal.parse::<f64>().map_or(true, f64::is_finite)
    } else {
        match literal.parse::<i128>() {
            Ok(integer) => integer.abs() <= MAX_INTEGER,
            Err(error) => *error.kind() == std::num::IntErrorKind::InvalidDigit,
        }
    };
    if kept { Ok(to) } else { Err(Flaw::NumberRange { from, to }) }
}

fn refuse_duplicates(keys: &mut [Cow<'_, str>]) -> Result<(), Flaw> {
    let duplicate = if keys.len() <= FEW_KEYS {
        keys.iter().enumerate().find(|(place, key)| keys[..*place].contains(key)).map(|(_, key)| key)
    } else {
        keys.sort_unstable();
        keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| &pair[0])
    };
    duplicate.map_or(Ok(()), |key| Err(Flaw::DuplicateKey(key.clone().into_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_well_formed_passes() {
        for good in [
            "{}",
            r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}"#,
            r#"{"a":"\ud83d\ude00 \"a\":1, \"a\":2","b":-1.5e10}"#,
            r#"{"a":9007199254740991,"b":-9007199254740991,"c":0.1234567890123456789}"#,
            r#"["a","a",{"":1," ":2}]"#,
        ] {
            assert_eq!(scan(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_key_twice_is_found_in_any_object_and_any_spelling() {
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"x":[{"y":{"a":1,"b":2,"a":3}}]}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":{"a":1},"a":1}"#,
            r#"{"a" :1 , "a" :2}"#,
        ] {
            assert_eq!(scan(bad), Err(Flaw::DuplicateKey("a".to_owned())), "{bad}");
        }
        let many: Vec<String> = (0..40).map(|n| format!("\"k{}\":0", n % 39)).collect();
        assert_eq!(scan(&format!("{{{}}}", many.join(","))), Err(Flaw::DuplicateKey("k0".to_owned())));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(scan(&nested(MAX_DEPTH)), Ok(()));
        assert_eq!(scan(&nested(MAX_DEPTH + 1)), Err(Flaw::TooDeep));
    }

    #[test]
    fn characters_that_cannot_be_stored_are_found() {
        for nul in [r#"{"a":"\u0000"}"#, r#"{"\u0000":1}"#, "{\"a\":\"\0\"}"] {
            assert_eq!(scan(nul), Err(Flaw::Nul), "{nul}");
        }
        for lone in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\udc00\ud800""#, r#""\uD800\uD800\uDC00""#]
        {
            assert!(matches!(scan(lone), Err(Flaw::LoneSurrogate { .. })), "{lone}");
        }
        assert_eq!(scan(r#""\\u0000 \\ud800""#), Ok(()));
    }

    #[test]
    fn numbers_that_readers_would_change_are_found() {
        for bad in ["1e999", "-1e999", "9007199254740992", "9223372036854775808", &"9".repeat(1000)] {
            assert_eq!(scan(bad), Err(Flaw::NumberRange { from: 0, to: bad.len() }), "{bad}");
        }
    }
}
