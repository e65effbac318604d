//! Who is signed in: an access token and a refresh token, in cookies that no script can read.
//!
//! The refresh token and the device's secret are the sign-in door's own cookies, under the console's path; the access token
//! is kept beside them until it ends, then the door gives the next pair. The console itself remembers nobody.

use crate::api::{Caller, Refused};
use crate::{Console, PREFIX};
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts as _;
use axum::http::header::{COOKIE, SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use platform::http::ClientAddress;
use platform::request_log::RequestLog;
use serde::Deserialize;
use uuid::Uuid;

/// The cookie with the access token.
const ACCESS: &str = "__Secure-sillage_access";
/// Where the sign-in door's cookies are good, which here is the console.
const DOORS_PATH: &str = "Path=/v1/auth";
/// A token that ends so soon is not begun with.
const TOO_SOON: TimeDelta = TimeDelta::seconds(15);

/// Somebody who is signed in, as his token says.
///
/// What is read here decides what is offered, never what is allowed: that is for the APIs, which check the token.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Visitor {
    #[serde(rename = "sub")]
    pub(crate) user_id: Uuid,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    #[serde(default)]
    scope: String,
    exp: i64,
}

/// What the sign-in door gives.
#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    expires_in: i64,
}

/// A token, whose it is, and the cookies that the browser is to keep.
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) visitor: Visitor,
    pub(crate) cookies: Vec<HeaderValue>,
}

#[cfg(test)]
impl Visitor {
    /// Somebody whose token permits this.
    pub(crate) fn permitted(scope: &str) -> Self {
        Self { user_id: Uuid::from_u128(1), roles: vec!["support_agent".to_owned()], scope: scope.to_owned(), exp: 0 }
    }
}

impl Visitor {
    /// What a token says of its holder.
    fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// Whether the token permits this.
    pub(crate) fn may(&self, scope: &str) -> bool {
        self.scope.split_ascii_whitespace().any(|held| held == scope)
    }

    /// When the token ends.
    pub(crate) fn expires_at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.exp, 0).unwrap_or_default()
    }
}

impl Session {
    /// What the sign-in door gave.
    fn given(headers: &HeaderMap, body: &Bytes) -> Option<Self> {
        let Tokens { access_token: token, expires_in } = serde_json::from_slice(body).ok()?;
        let visitor = Visitor::of(&token)?;
        let mut cookies = moved(headers);
        cookies.push(cookie(ACCESS, &token, expires_in, "Strict"));
        Some(Self { token, visitor, cookies })
    }

    /// Of whoever signs in.
    pub(crate) async fn begin(
        console: &Console,
        caller: &Caller,
        given: &impl serde::Serialize,
    ) -> Result<Self, Refused> {
        let (headers, body) = console.commands.sign_in(caller, "/v1/auth/login", given).await?;
        Self::given(&headers, &body).ok_or_else(Refused::not_found)
    }

    /// Of whoever looks at a page; `None` for nobody.
    ///
    /// Several requests of one page may find the token ended at once: the door gives all of them the same successor.
    pub(crate) async fn of(console: &Console, caller: &Caller) -> Result<Option<Self>, Refused> {
        let cookies = caller.cookies.as_ref();
        if let Some(token) = cookies.and_then(|cookies| named(cookies, ACCESS))
            && let Some(visitor) = Visitor::of(token)
            && visitor.expires_at() - TOO_SOON > Utc::now()
        {
            return Ok(Some(Self { token: token.to_owned(), visitor, cookies: Vec::new() }));
        }
        if !cookies.and_then(|cookies| cookies.to_str().ok()).is_some_and(|text| text.contains("sillage_refresh=")) {
            return Ok(None);
        }
        match console.commands.sign_in(caller, "/v1/auth/refresh", &serde_json::json!({})).await {
            Ok((headers, body)) => Ok(Self::given(&headers, &body)),
            Err(refused) if refused.asks_to_sign_in() => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Ends it; what makes the browser forget it.
    pub(crate) async fn end(console: &Console, caller: &Caller) -> Result<Vec<HeaderValue>, Refused> {
        let (headers, _) = console.commands.sign_in(caller, "/v1/auth/logout", &serde_json::json!({})).await?;
        let mut cookies = moved(&headers);
        cookies.push(cookie(ACCESS, "", 0, "Strict"));
        Ok(cookies)
    }
}

/// Who sends a request, without a token yet.
pub(crate) async fn caller(request: Request<Body>) -> (Caller, Request<Body>) {
    let (mut parts, body) = request.into_parts();
    let Ok(log) = RequestLog::from_request_parts(&mut parts, &()).await;
    let Ok(address) = ClientAddress::from_request_parts(&mut parts, &()).await;
    let header = |name| parts.headers.get(name).cloned();
    let caller = Caller { token: None, cookies: header(COOKIE), user_agent: header(USER_AGENT), address, log };
    (caller, Request::from_parts(parts, body))
}

/// The door's cookies, for the console's path.
fn moved(headers: &HeaderMap) -> Vec<HeaderValue> {
    let texts = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let here = format!("Path={PREFIX}");
    texts.filter_map(|text| HeaderValue::try_from(text.replacen(DOORS_PATH, &here, 1)).ok()).collect()
}

/// A cookie for the console alone, that scripts do not see.
fn cookie(name: &str, value: &str, seconds: i64, same_site: &str) -> HeaderValue {
    let seconds = seconds.max(0);
    let text = format!("{name}={value}; Path={PREFIX}; Max-Age={seconds}; HttpOnly; Secure; SameSite={same_site}");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// A cookie that remembers how somebody likes the console; no secret.
pub(crate) fn preference(name: &str, value: &str) -> HeaderValue {
    let text = format!("{name}={value}; Path={PREFIX}; Max-Age=31536000; HttpOnly; SameSite=Lax");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

/// The value of a cookie.
pub(crate) fn named<'a>(cookies: &'a HeaderValue, name: &str) -> Option<&'a str> {
    let mut pairs = cookies.to_str().ok()?.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whose_it_is() {
        let claims =
            r#"{"sub":"00000000-0000-0000-0000-0000000000a1","roles":["support_agent"],"scope":"a:b c:d","exp":60}"#;
        let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims));
        let visitor = Visitor::of(&token).unwrap();
        assert!(visitor.may("c:d") && !visitor.may("c"));
        assert_eq!((visitor.user_id, visitor.expires_at().timestamp()), (Uuid::from_u128(0xa1), 60));
        for bad in ["", "a.b", "a.%%%.c", "e30.e30.e30"] {
            assert!(Visitor::of(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_doors_cookies_are_for_the_console_and_nothing_else_of_them_changes() {
        let mut headers = HeaderMap::new();
        let given = "__Secure-sillage_refresh=slr_x; Path=/v1/auth; Max-Age=604800; HttpOnly; Secure; SameSite=Strict";
        headers.append(SET_COOKIE, HeaderValue::from_static(given));
        assert_eq!(moved(&headers), [given.replace("/v1/auth", "/console").as_str()]);
        assert_eq!(cookie("n", "v", -3, "Strict"), "n=v; Path=/console; Max-Age=0; HttpOnly; Secure; SameSite=Strict");
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let cookies = HeaderValue::from_static("x__Secure-sillage_access=1; a=b;__Secure-sillage_access=t=; c");
        assert_eq!(named(&cookies, ACCESS), Some("t="));
        assert_eq!(named(&cookies, "sillage_access"), None);
    }
}
