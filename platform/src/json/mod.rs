//! From the bytes of a request body to a typed value, or to a problem that says what to change.

mod pointer;
mod scan;

#[cfg(test)]
mod corpus;

use crate::problem::Problem;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use scan::Flaw;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_json::value::RawValue;

/// Deepest nesting of objects and arrays.
pub const MAX_DEPTH: usize = scan::MAX_DEPTH;

/// Longest text about one error; a caller's own long field names must not come back at him.
const MAX_DETAIL_CHARS: usize = 400;

/// Reads a request body: an object in `application/json`, UTF-8.
///
/// One pass over the bytes refuses what types cannot see: nesting, a key twice in *any* object, NUL, lone
/// surrogates, numbers outside what every JSON reader keeps. Then serde, with nothing after the value.
/// Only an error costs a second look, to find its place.
///
/// # Errors
/// 415 `unsupported_media_type`; 400 `json_invalid`, `json_too_deep`, `json_duplicate_key`,
/// `json_number_range`, `text_nul`, `text_lone_surrogate`, `unknown_field`; 422 `validation_failed` with a
/// JSON pointer to the place.
pub fn parse<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    check_media_type(headers)?;
    parse_bytes(body)
}

/// [`parse`] for bytes that no header describes: one command of a batch, a line of a file.
///
/// # Errors
/// As [`parse`], without the 415.
pub fn parse_bytes<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let text = check_text(body, b'{', "expected an object")?;
    read(text)
}

/// [`parse`] for a body that is an array of objects.
///
/// # Errors
/// As [`parse`].
pub fn parse_list<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<Vec<T>, Problem> {
    check_media_type(headers)?;
    let text = check_text(body, b'[', "expected an array")?;
    let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| invalid(&error.to_string()))?;
    if let Some(index) = items.iter().position(|item| !item.get().starts_with('{')) {
        return Err(validation_failed(&format!("/{index}"), "expected an object"));
    }
    read(text)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| explain(text, &error, &|text| serde_json::from_str::<T>(text).err()))
}

/// Whether the body is declared as plain `application/json` in UTF-8.
///
/// # Errors
/// 415 `unsupported_media_type`.
pub fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let declared = match (types.next(), types.next()) {
        (Some(only), None) => only.as_bytes(),
        _ => b"",
    };
    let acceptable = declared == b"application/json" || std::str::from_utf8(declared).is_ok_and(is_json_media_type);
    let encoded = headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
    if acceptable && !encoded {
        return Ok(());
    }
    let detail = if encoded { "the body is compressed" } else { "the body is not declared as JSON in UTF-8" };
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The media type is not supported")
        .detail(detail)
        .remedy("Send Content-Type: application/json and no Content-Encoding."))
}

fn is_json_media_type(declared: &str) -> bool {
    let mut parts = declared.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    is_json
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// Everything that is wrong with the text whatever its type; `opening` is the only bracket that it may begin with.
fn check_text<'a>(body: &'a [u8], opening: u8, expected: &str) -> Result<&'a str, Problem> {
    if body.starts_with(b"\xEF\xBB\xBF") {
        return Err(invalid("the body starts with a byte order mark").remedy("Send UTF-8 without a byte order mark."));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        invalid(&format!("byte {} is not UTF-8", error.valid_up_to())).remedy("Encode the body as UTF-8.")
    })?;
    scan::scan(text).map_err(|flaw| flawed(text, &flaw))?;
    let first = text.trim_ascii_start().as_bytes().first();
    if matches!(first, Some(byte) if *byte != opening) {
        // Serde would read an array as a struct, field by field; no document of ours says so.
        return Err(match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => validation_failed("", expected),
            Err(error) => invalid(&error.to_string()),
        });
    }
    Ok(text)
}

fn flawed(text: &str, flaw: &Flaw) -> Problem {
    let bad_request = |code: &'static str, title: &'static str| Problem::new(StatusCode::BAD_REQUEST, code, title);
    let place = |at: usize| format!("at byte {at}");
    match flaw {
        Flaw::TooDeep => bad_request("json_too_deep", "The JSON is nested too deeply")
            .detail(format!("more than {MAX_DEPTH} objects and arrays inside each other"))
            .remedy("Flatten the body."),
        Flaw::DuplicateKey(key) => bad_request("json_duplicate_key", "A key stands twice in one object")
            .detail(shortened(&format!("the key `{key}` is given more than once")))
            .remedy("Send every key once."),
        Flaw::Nul => bad_request("text_nul", "Text holds a NUL character")
            .detail("U+0000 cannot be stored as text")
            .remedy("Remove it; send binary data as base64."),
        Flaw::LoneSurrogate { at } => bad_request("text_lone_surrogate", "Text holds half a character")
            .detail(format!("a surrogate escape without its other half {}", place(*at)))
            .remedy("Send both halves, or the character itself in UTF-8."),
        Flaw::NumberRange { from, to } => bad_request("json_number_range", "A number is out of range")
            .detail(shortened(&format!(
                "{} {} is beyond what every JSON reader keeps exactly",
                &text[*from..*to],
                place(*from)
            )))
            .remedy("Send integers within ±(2^53 − 1) and finite decimals; send larger ones as text."),
    }
}

/// Turns serde's error into a problem; `again` parses another text as the same type.
fn explain(text: &str, error: &serde_json::Error, again: &dyn Fn(&str) -> Option<serde_json::Error>) -> Problem {
    // A wrong type before a syntax error hides it; the syntax comes first.
    if let Err(syntax) = serde_json::from_str::<IgnoredAny>(text) {
        return invalid(&syntax.to_string());
    }
    let pointer = shortened(&pointer::of_error(text, error, again));
    if error.classify() != Category::Data {
        // Serde says so of a number or a list where it wants the name of a variant, though the syntax is fine.
        return validation_failed(&pointer, "expected a value of another type");
    }
    let message = message_of(error);
    if message.starts_with("unknown field") {
        return Problem::new(StatusCode::BAD_REQUEST, "unknown_field", "A field is not known")
            .detail(message.clone())
            .remedy("Remove the field or correct its name.")
            .error(pointer, message);
    }
    if message.starts_with("duplicate field") {
        return Problem::new(StatusCode::BAD_REQUEST, "json_duplicate_key", "A key stands twice in one object")
            .detail(message.clone())
            .remedy("Send every field once, under one of its names.")
            .error(pointer, message);
    }
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return validation_failed(&pointer::child(&pointer, name), "is required");
    }
    validation_failed(&pointer, &message)
}

fn validation_failed(pointer: &str, detail: &str) -> Problem {
    let place = if pointer.is_empty() { "the body" } else { pointer };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "validation_failed", "A value is not valid")
        .detail(shortened(&format!("{place}: {detail}")))
        .remedy("Correct the values named in errors and send the request again.")
        .error(shortened(pointer), shortened(detail))
}

fn invalid(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "json_invalid", "The body is not valid JSON")
        .detail(shortened(detail))
        .remedy("Send one JSON object and nothing else.")
}

/// Serde's text without the place, which the pointer says better.
fn message_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    shortened(text.strip_suffix(&place).unwrap_or(&text))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_DETAIL_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
