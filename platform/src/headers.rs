//! The request headers that decide whether a command may run and whether an answer is news.

use crate::problem::Problem;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use kernel::Version;

/// `Idempotency-Key`: the same key and body give the same answer, however often they are sent.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Where in the log an answer stands; a query with this as `min_position` sees at least that much.
pub const POSITION: HeaderName = HeaderName::from_static("x-position");
/// In which life of the log that position was told: `min_position=<epoch>.<position>` is good in that one only.
pub const EPOCH: HeaderName = HeaderName::from_static("x-epoch");
/// The story that a request belongs to, a UUID.
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
/// When what a command tells happened, where that was before: an RFC 3339 time.
pub const OCCURRED_AT: HeaderName = HeaderName::from_static("occurred-at");

/// Longest `Idempotency-Key`, in bytes.
pub const IDEMPOTENCY_KEY_MAX_BYTES: usize = 255;

/// The `Idempotency-Key` of a request: 1 to 255 visible ASCII characters, taken as they stand.
///
/// # Errors
/// 400 `idempotency_key_invalid` where it is empty, too long, repeated or holds other characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = single(headers, &IDEMPOTENCY_KEY).map_err(|()| unusable_key("it was sent more than once"))?
    else {
        return Ok(None);
    };
    let key = value.to_str().map_err(|_| unusable_key("it holds a character outside visible ASCII"))?;
    check_idempotency_key(key).map(Some)
}

/// The same rules for a key that did not come in a header.
///
/// # Errors
/// 400 `idempotency_key_invalid` where it is empty, too long or holds other characters.
pub fn check_idempotency_key(key: &str) -> Result<&str, Problem> {
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_MAX_BYTES {
        return Err(unusable_key("it is empty or longer than 255 bytes"));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable_key("it holds a space or a character outside visible ASCII"));
    }
    Ok(key)
}

fn unusable_key(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_invalid", "The Idempotency-Key is not usable")
        .detail(detail)
        .remedy("Send one Idempotency-Key of 1 to 255 visible ASCII characters; a fresh UUID is a good one.")
}

/// The condition of an `If-Match` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: whatever version, but it must exist.
    Exists,
    /// `"7"`: exactly this version.
    Version(Version),
}

/// The `If-Match` of a request: `"<version>"` as in the `ETag` of an earlier answer, or `*`.
///
/// # Errors
/// 400 `if_match_invalid` for a weak tag (RFC 9110 lets none match), a list, or anything else.
pub fn if_match(headers: &HeaderMap) -> Result<Option<IfMatch>, Problem> {
    let wrong = || {
        Problem::new(StatusCode::BAD_REQUEST, "if_match_invalid", "The If-Match header is not usable")
            .detail("expected one strong tag with a version, like \"7\" in double quotes, or *")
            .remedy("Copy the ETag of an earlier answer, quotes included, without a W/ in front.")
    };
    let Some(value) = single(headers, &IF_MATCH).map_err(|()| wrong())? else { return Ok(None) };
    if value.as_bytes() == b"*" {
        return Ok(Some(IfMatch::Exists));
    }
    let version = value.to_str().ok().and_then(version_of_etag).ok_or_else(wrong)?;
    Ok(Some(IfMatch::Version(version)))
}

/// Whether the caller already has what `etag` names, by `If-None-Match`: then answer 304.
///
/// Tags compare weakly, as RFC 9110 asks; a header that cannot be read matches nothing.
pub fn if_none_match(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let bare = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let Ok(etag) = etag.to_str().map(bare) else { return false };
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || bare(tag) == etag)
}

/// The `ETag` of something at `version`: `"7"`.
pub fn etag(version: Version) -> HeaderValue {
    // Digits and quotes are always a valid header value.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

fn version_of_etag(tag: &str) -> Option<Version> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let canonical = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    if canonical { digits.parse().ok().map(Version) } else { None }
}

/// The only value of a header; an error where it was sent more than once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &HeaderName, values: &[&[u8]]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn a_key_is_visible_ascii_of_bounded_length() {
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
        for good in ["a", "7d9f…".trim_end_matches('…'), "\"quoted\"", &"k".repeat(255)] {
            assert_eq!(idempotency_key(&with(&IDEMPOTENCY_KEY, &[good.as_bytes()])).unwrap(), Some(good));
        }
        let long = "k".repeat(256);
        for bad in [&[b"".as_slice()] as &[&[u8]], &[b"a b"], &["é".as_bytes()], &[long.as_bytes()], &[b"a", b"a"]] {
            let problem = idempotency_key(&with(&IDEMPOTENCY_KEY, bad)).unwrap_err();
            assert_eq!((problem.status().as_u16(), problem.code()), (400, "idempotency_key_invalid"));
        }
    }

    #[test]
    fn if_match_is_one_strong_version() {
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        assert_eq!(if_match(&with(&IF_MATCH, &[b"*"])).unwrap(), Some(IfMatch::Exists));
        assert_eq!(if_match(&with(&IF_MATCH, &[b"\"7\""])).unwrap(), Some(IfMatch::Version(Version(7))));
        for bad in [
            "",
            "7",
            "W/\"7\"",
            "\"7",
            "\"\"",
            "\"-1\"",
            "\"+7\"",
            "\"07\"",
            "\"7\", \"8\"",
            "\"99999999999\"",
            "\"x\"",
            "'7'",
        ] {
            assert_eq!(if_match(&with(&IF_MATCH, &[bad.as_bytes()])).unwrap_err().code(), "if_match_invalid", "{bad}");
        }
        assert!(if_match(&with(&IF_MATCH, &[b"\"7\"", b"\"8\""])).is_err());
    }

    #[test]
    fn if_none_match_compares_weakly_and_reads_lists() {
        let seven = etag(Version(7));
        assert_eq!(seven, "\"7\"");
        for hit in ["\"7\"", "W/\"7\"", "*", "\"6\", \"7\"", "W/\"1\",W/\"7\""] {
            assert!(if_none_match(&with(&IF_NONE_MATCH, &[hit.as_bytes()]), &seven), "{hit}");
        }
        for miss in ["\"8\"", "7", "", "\"77\""] {
            assert!(!if_none_match(&with(&IF_NONE_MATCH, &[miss.as_bytes()]), &seven), "{miss}");
        }
        assert!(!if_none_match(&HeaderMap::new(), &seven));
    }
}
