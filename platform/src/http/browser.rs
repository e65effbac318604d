//! What browsers are told: which other origins may call, and how little an answer may be used for.

use crate::headers::{CORRELATION_ID, EPOCH, IDEMPOTENCY_KEY, OCCURRED_AT, POSITION};
use crate::http::budget::{RATE_LIMIT, RATE_LIMIT_POLICY};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION,
    REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Set on every answer unless the handler chose otherwise.
const DEFAULT_HEADERS: [(HeaderName, HeaderValue); 7] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// A year. Only where TLS ends in front of us; a browser ignores it over plain HTTP.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Gives an answer the headers that it lacks.
pub(super) fn dress(headers: &mut HeaderMap, https_only: bool) {
    headers.reserve(DEFAULT_HEADERS.len() + 4);
    for (name, value) in DEFAULT_HEADERS {
        headers.entry(name).or_insert(value);
    }
    if https_only {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(HTTPS_ONLY);
    }
}

/// An origin exactly as a browser sends it: `https://app.example.com`, `http://localhost:5173`.
///
/// # Errors
/// What is wrong with it. There is no wildcard, and `null` is nobody.
pub fn origin(text: &str) -> Result<HeaderValue, String> {
    let unusable = |why: &str| format!("{text:?} is no origin: {why}; an example is https://app.example.com");
    let uri: Uri = text.parse().map_err(|_| unusable("it cannot be read"))?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(unusable("it needs http:// or https:// and a host"));
    };
    let usual_port = if scheme == "https" { 443 } else { 80 };
    if uri.port_u16() == Some(usual_port) || format!("{scheme}://{authority}") != text || text.contains(['@', '*']) {
        return Err(unusable("it holds more than scheme, host and an unusual port"));
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(unusable("browsers send it in lower case"));
    }
    HeaderValue::from_str(text).map_err(|_| unusable("it cannot be a header"))
}

/// Lets exactly these origins call, with credentials; none named: no other origin at all.
pub(super) fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let trace_parent = HeaderName::from_static("traceparent");
    let replayed = HeaderName::from_static("idempotency-replayed");
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins.iter().cloned()))
            .allow_credentials(true)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers([
                AUTHORIZATION,
                CONTENT_TYPE,
                IDEMPOTENCY_KEY,
                IF_MATCH,
                IF_NONE_MATCH,
                CORRELATION_ID,
                OCCURRED_AT,
                trace_parent,
            ])
            .expose_headers([
                ETAG,
                LINK,
                LOCATION,
                RETRY_AFTER,
                POSITION,
                EPOCH,
                CORRELATION_ID,
                replayed,
                RATE_LIMIT,
                RATE_LIMIT_POLICY,
            ])
            .max_age(Duration::from_hours(1)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_origins_are_origins() {
        for good in ["https://app.example.com", "http://localhost:5173", "https://[::1]:8443"] {
            assert_eq!(origin(good).unwrap(), good);
        }
        for bad in [
            "*",
            "null",
            "",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/x",
            "https://app.example.com:443",
            "https://*.example.com",
            "https://user@app.example.com",
            "https://App.example.com",
            "ftp://app.example.com",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
